//! What each plugin has cost and done: calls, CPU time, waits, faults, memory, stanzas. Kept by the plugin's name, from
//! version to version, so that a slow or leaking one is found however often it is replaced.
//!
//! A call counts itself in a [`Lane`] of its thread, without a lock. Above is the caller ([`Record`] is its one seam);
//! below are only atomics. [`stats`] and [`metrics`] read what is counted here.

mod fault_log;
mod histogram;
pub(crate) mod lane;
pub(crate) mod log_budget;
mod own;
pub(crate) mod quarantine;
pub(crate) mod trace;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::accounting::log_budget::LogBudget;
use crate::accounting::trace::Tracers;
use crate::engine::cpu_clock::Spent;
use crate::engine::limits::take;
use crate::exports::Export;
use crate::fault::FaultKind;

pub(crate) use fault_log::FaultLog;
pub(crate) use histogram::{BOUNDS, Histogram};
use lane::{LANES, Lane};
pub(crate) use own::{Figure, FigureError, OwnFigures};

/// All that is known of one plugin. What happens seldom, or to a whole instance, stands beside the lanes.
pub(crate) struct Ledger {
    started: Instant,
    lanes: Box<[Lane]>,
    faults: [AtomicU64; FaultKind::ALL.len()],
    /// Calls that were not made because the plugin was in quarantine.
    pub(crate) refused: Count,
    /// How often it went into quarantine.
    pub(crate) quarantines: Count,
    /// Stanzas that it sent.
    pub(crate) sent: Count,
    /// Growths of memory that a limit refused, whether the call failed by it or not.
    pub(crate) memory_refused: Count,
    /// Stanzas that it wanted to send and that a limit or a missing grant kept back.
    pub(crate) dropped: Count,
    /// Its share of the log.
    pub(crate) logs: LogBudget,
    memory: AtomicU64,
    highest: AtomicU64,
    instances: AtomicU64,
    /// Instances made, and the CPU time that this took.
    pub(crate) made: Count,
    making: AtomicU64,
    stored_bytes: AtomicU64,
    stored_keys: AtomicU64,
    /// What the plugin counts itself.
    pub(crate) own: OwnFigures,
    pub(crate) fault_log: FaultLog,
    pub(crate) tracers: Tracers,
}

/// The ledgers of all plugins that were ever made ready to serve, by name: they outlive every version.
#[derive(Default)]
pub(crate) struct Ledgers(Mutex<BTreeMap<String, Arc<Ledger>>>);

impl Ledgers {
    /// The ledger of a plugin; a new one if it has none yet.
    pub(crate) fn of(&self, plugin: &str) -> Arc<Ledger> {
        let mut ledgers = self.0.lock();
        Arc::clone(ledgers.entry(plugin.to_owned()).or_default())
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<(String, Arc<Ledger>)> {
        let ledgers = self.0.lock();
        let all = ledgers.iter();
        all.map(|(name, ledger)| (name.clone(), Arc::clone(ledger)))
            .collect()
    }
}

/// A number that only grows, and seldom.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            lanes: (0..LANES).map(Lane::new).collect(),
            faults: Default::default(),
            refused: Count::default(),
            quarantines: Count::default(),
            sent: Count::default(),
            dropped: Count::default(),
            memory_refused: Count::default(),
            logs: LogBudget::default(),
            memory: AtomicU64::new(0),
            highest: AtomicU64::new(0),
            instances: AtomicU64::new(0),
            made: Count::default(),
            making: AtomicU64::new(0),
            stored_bytes: AtomicU64::new(0),
            stored_keys: AtomicU64::new(0),
            own: OwnFigures::default(),
            fault_log: FaultLog::default(),
            tracers: Tracers::default(),
        }
    }
}

impl Ledger {
    /// A store was made.
    pub(crate) fn store_begins(&self) {
        self.instances.fetch_add(1, Ordering::Relaxed);
    }

    /// A store grows by so many bytes, unless all stores of the plugin have more than they may then.
    pub(crate) fn store_grows(&self, bytes: u64, most: u64) -> bool {
        let grows = take(&self.memory, bytes, most);
        if grows {
            self.highest.fetch_max(self.memory(), Ordering::Relaxed);
        }
        grows
    }

    /// A store that held so many bytes is gone.
    pub(crate) fn store_ends(&self, bytes: u64) {
        self.memory.fetch_sub(bytes, Ordering::Relaxed);
        self.instances.fetch_sub(1, Ordering::Relaxed);
    }

    /// An instance was made, or was to be.
    pub(crate) fn instance_made(&self, spent: Spent) {
        self.made.add(1);
        self.making.fetch_add(nanos(spent.cpu), Ordering::Relaxed);
        self.waited(spent);
    }

    /// Counts a fault, be it the plugin's or the host's.
    pub(crate) fn fault(&self, kind: FaultKind) {
        if let Some(count) = self.faults.get(kind as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What the storage holds of the plugin, as just asked.
    pub(crate) fn stores(&self, bytes: u64, keys: u64) {
        self.stored_bytes.store(bytes, Ordering::Relaxed);
        self.stored_keys.store(keys, Ordering::Relaxed);
    }

    /// Calls made so far.
    pub(crate) fn calls(&self) -> u64 {
        self.sum(Lane::calls)
    }

    /// Calls made in the last minute or so: of the current five seconds and the eleven such spans before.
    pub(crate) fn recent_calls(&self, now: Instant) -> u64 {
        let span = self.span(now);
        self.sum(|lane| lane.recent_calls(span))
    }

    /// Calls that failed, by whomever's fault.
    pub(crate) fn failed(&self) -> u64 {
        let all = self
            .faults
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        all.fold(0, u64::saturating_add)
    }

    pub(crate) fn memory(&self) -> u64 {
        self.memory.load(Ordering::Relaxed)
    }

    pub(crate) fn highest_memory(&self) -> u64 {
        self.highest.load(Ordering::Relaxed)
    }

    pub(crate) fn instances(&self) -> u64 {
        self.instances.load(Ordering::Relaxed)
    }

    /// Bytes and keys in the storage, as asked last.
    pub(crate) fn stored(&self) -> (u64, u64) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (load(&self.stored_bytes), load(&self.stored_keys))
    }

    pub(crate) fn time_making(&self) -> Duration {
        Duration::from_nanos(self.making.load(Ordering::Relaxed))
    }

    fn waited(&self, spent: Spent) {
        if spent.waits > 0 {
            self.lane().waited(spent);
        }
    }

    pub(crate) fn calls_of(&self, export: Export) -> u64 {
        self.sum(|lane| lane.calls_of(export))
    }

    pub(crate) fn faults_of(&self, kind: FaultKind) -> u64 {
        let count = self.faults.get(kind as usize);
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(crate) fn cpu(&self) -> Histogram {
        let mut sum = Histogram::default();
        for lane in &self.lanes {
            lane.add_to(&mut sum);
        }
        sum
    }

    pub(crate) fn sum(&self, of: impl Fn(&Lane) -> u64) -> u64 {
        self.lanes.iter().map(of).fold(0, u64::wrapping_add)
    }

    /// The lane of the calling thread.
    pub(crate) fn lane(&self) -> &Lane {
        // The index is below the number of lanes, and there are always that many.
        self.lanes
            .get(lane::of_this_thread())
            .unwrap_or_else(|| &*lane::SPARE)
    }

    pub(crate) fn span(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started)
            .as_secs()
            .checked_div(lane::SPAN.as_secs())
            .unwrap_or(0)
    }
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A number of things, as it is counted.
pub(crate) fn count(things: usize) -> u64 {
    u64::try_from(things).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_memory_stays_when_the_stores_are_gone() {
        let ledger = Ledger::default();
        ledger.store_begins();
        ledger.store_begins();
        assert!(ledger.store_grows(100, 150));
        assert!(ledger.store_grows(50, 150));
        assert!(!ledger.store_grows(1, 150));
        ledger.store_ends(100);
        assert!(ledger.store_grows(10, 150));
        assert_eq!(ledger.memory(), 60);
        assert_eq!(ledger.highest_memory(), 150);
        assert_eq!(ledger.instances(), 1);
    }
}
