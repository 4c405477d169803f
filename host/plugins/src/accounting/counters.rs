//! The counters of one plugin, over all its versions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::accounting::fault_log::FaultLog;
use crate::accounting::histogram::Histogram;
use crate::accounting::lane::{self, LANES, Lane};
use crate::accounting::log_budget::LogBudget;
use crate::accounting::own_metrics::OwnMetrics;
use crate::accounting::trace::Tracers;
use crate::accounting::units::{Count, nanos, take};
use crate::fault::FaultKind;
use crate::model::call_cost::CallCost;
use crate::model::interfaces::Export;
use crate::model::outcome::Outcome;

/// The counters of one plugin. What happens seldom, or to a whole instance, is counted beside the lanes.
pub(crate) struct PluginCounters {
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
    /// Events, replies and timers that were not delivered, since too many waited already.
    pub(crate) events_lost: Count,
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
    /// The plugin's own metrics.
    pub(crate) own: OwnMetrics,
    pub(crate) fault_log: FaultLog,
    pub(crate) tracers: Arc<Tracers>,
}

/// The counters of all plugins that were ever loaded, by name: they outlive every version.
#[derive(Default)]
pub(crate) struct CountersByPlugin(Mutex<BTreeMap<String, Arc<PluginCounters>>>);

impl CountersByPlugin {
    /// The counters of a plugin; a new one if it has none yet.
    pub(crate) fn of(&self, plugin: &str) -> Arc<PluginCounters> {
        let mut counters = self.0.lock();
        Arc::clone(counters.entry(plugin.to_owned()).or_default())
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<(String, Arc<PluginCounters>)> {
        let counters = self.0.lock();
        let all = counters.iter();
        all.map(|(name, counters)| (name.clone(), Arc::clone(counters)))
            .collect()
    }
}

impl Default for PluginCounters {
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
            events_lost: Count::default(),
            logs: LogBudget::default(),
            memory: AtomicU64::new(0),
            highest: AtomicU64::new(0),
            instances: AtomicU64::new(0),
            made: Count::default(),
            making: AtomicU64::new(0),
            stored_bytes: AtomicU64::new(0),
            stored_keys: AtomicU64::new(0),
            own: OwnMetrics::default(),
            fault_log: FaultLog::default(),
            tracers: Arc::default(),
        }
    }
}

impl PluginCounters {
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
    pub(crate) fn instance_made(&self, cost: CallCost) {
        self.made.add(1);
        self.making.fetch_add(nanos(cost.cpu), Ordering::Relaxed);
        self.waited(cost);
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

    /// Calls that failed, for any reason.
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

    fn waited(&self, cost: CallCost) {
        if cost.waits > 0 {
            self.lane().waited(cost);
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

    fn sum(&self, of: impl Fn(&Lane) -> u64) -> u64 {
        self.lanes.iter().map(of).fold(0, u64::wrapping_add)
    }

    pub(crate) fn outcomes(&self) -> [(&'static str, u64); Outcome::NAMES.len()] {
        let mut index = 0_usize;
        Outcome::NAMES.map(|name| {
            let count = self.sum(|lane| lane.outcomes(index));
            index = index.saturating_add(1);
            (name, count)
        })
    }

    pub(crate) fn waits(&self) -> u64 {
        self.sum(Lane::waits)
    }

    pub(crate) fn time_waited(&self) -> Duration {
        Duration::from_nanos(self.sum(Lane::waited_nanos))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_memory_stays_when_the_stores_are_gone() {
        let counters = PluginCounters::default();
        counters.store_begins();
        counters.store_begins();
        assert!(counters.store_grows(100, 150));
        assert!(counters.store_grows(50, 150));
        assert!(!counters.store_grows(1, 150));
        counters.store_ends(100);
        assert!(counters.store_grows(10, 150));
        assert_eq!(counters.memory(), 60);
        assert_eq!(counters.highest_memory(), 150);
        assert_eq!(counters.instances(), 1);
    }
}
