//! What one thread counts of one plugin's calls. Threads have lanes of their own, so that none waits for another's
//! cache line and counting takes no locked instruction; those for which no lane is left share the last one, which
//! counts right all the same.
//!
//! Reading the clock of a thread's CPU time costs a system call, as much as a small guest. So of the calls that a
//! thread makes within one tick of the engine (2 ms) only the first is measured, and stands for those after it that
//! were not: all calls of a plugin that is called less than five hundred times a second, and at most five hundred a
//! second of one that is called more. Long calls are measured as they are and stand for themselves.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::accounting::histogram::{Buckets, Histogram};
use crate::accounting::units::nanos;
use crate::model::call_cost::CallCost;
use crate::model::interfaces::Export;
use crate::model::outcome::Outcome;

/// Lanes of a plugin that one thread has, as many as servers usually have threads that call guests.
const OWN_LANES: usize = 16;

/// Lanes of a plugin.
pub(crate) const LANES: usize = OWN_LANES + 1;

/// Calls of the last minute are known by spans of this length.
pub(crate) const SPAN: Duration = Duration::from_secs(5);

/// Spans that are remembered: a minute.
const SPANS: usize = 12;

/// Where nothing should ever be counted.
pub(crate) static SPARE: std::sync::LazyLock<Lane> =
    std::sync::LazyLock::new(|| Lane::new(OWN_LANES));

/// A thread's share, on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Lane {
    calls: [AtomicU64; Export::ALL.len()],
    outcomes: [AtomicU64; Outcome::NAMES.len()],
    /// The tick in which a call was measured last, plus one.
    measured: AtomicU64,
    /// Calls not measured since.
    unmeasured: AtomicU64,
    cpu: Buckets,
    waits: AtomicU64,
    waited: AtomicU64,
    /// The span in which a call was measured last, plus one.
    span: AtomicU64,
    /// The calls made before each span began; see [`pack`].
    before: [AtomicU64; SPANS],
    /// More than one thread counts here.
    is_shared: bool,
}

impl Lane {
    /// The lane of that index.
    pub(crate) fn new(index: usize) -> Self {
        Self {
            is_shared: index >= OWN_LANES,
            ..Self::default()
        }
    }

    fn add(&self, count: &AtomicU64, more: u64) {
        if self.is_shared {
            count.fetch_add(more, Ordering::Relaxed);
        } else {
            let sum = count.load(Ordering::Relaxed).wrapping_add(more);
            count.store(sum, Ordering::Relaxed);
        }
    }

    /// Counts a call that begins; true if it is to be measured. `span` is asked for only then.
    pub(crate) fn begin(&self, export: Export, tick: u64, span: impl FnOnce() -> u64) -> bool {
        let tick = tick.wrapping_add(1);
        let measured = self.measured.load(Ordering::Relaxed) != tick;
        if measured {
            self.measured.store(tick, Ordering::Relaxed);
            self.enter_span(span());
        } else {
            self.add(&self.unmeasured, 1);
        }
        if let Some(count) = self.calls.get(export as usize) {
            self.add(count, 1);
        }
        measured
    }

    /// Counts the first call of a tick, which was measured: for itself and for those before it that were not.
    pub(crate) fn measured(&self, cpu: Duration) {
        let others = self.unmeasured.swap(0, Ordering::Relaxed);
        self.cpu.add(cpu, others.saturating_add(1));
    }

    /// Counts a call that was measured for itself alone, since it ran long or is traced. `in_turn`: it was the first of
    /// its tick, so that the calls before it are counted with the next one.
    pub(crate) fn measured_alone(&self, cpu: Duration, in_turn: bool) {
        if !in_turn {
            let less = |waiting: u64| Some(waiting.saturating_sub(1));
            // The closure always gives a value.
            let _ = self
                .unmeasured
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
        self.cpu.add(cpu, 1);
    }

    pub(crate) fn ended(&self, outcome: Outcome) {
        if let Some(count) = self.outcomes.get(outcome.index()) {
            self.add(count, 1);
        }
    }

    pub(crate) fn waited(&self, cost: CallCost) {
        self.add(&self.waits, cost.waits.into());
        self.add(&self.waited, nanos(cost.waited));
    }

    pub(crate) fn calls(&self) -> u64 {
        let all = self.calls.iter().map(|count| count.load(Ordering::Relaxed));
        all.fold(0, u64::wrapping_add)
    }

    pub(crate) fn calls_of(&self, export: Export) -> u64 {
        let count = self.calls.get(export as usize);
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Calls that came to the outcome of that number.
    pub(crate) fn outcomes(&self, index: usize) -> u64 {
        let count = self.outcomes.get(index);
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(crate) fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }

    pub(crate) fn waited_nanos(&self) -> u64 {
        self.waited.load(Ordering::Relaxed)
    }

    pub(crate) fn add_to(&self, sum: &mut Histogram) {
        self.cpu.add_to(sum);
    }

    /// Calls made since the beginning of the eleventh span before this one.
    pub(crate) fn recent_calls(&self, span: u64) -> u64 {
        let oldest = span.saturating_sub(count_of_spans().saturating_sub(1));
        let spans = self
            .before
            .iter()
            .map(|at| unpack(at.load(Ordering::Relaxed)));
        let within = spans.filter(|(at, _)| at.is_some_and(|at| at >= oldest && at <= span));
        match within.min_by_key(|(at, _)| *at) {
            Some((_, before)) => self.calls().wrapping_sub(before) & CALLS,
            None => 0,
        }
    }

    /// The first call of a span is always measured, since it is the first of its tick: it writes down how many came
    /// before.
    fn enter_span(&self, span: u64) {
        let mark = span.wrapping_add(1);
        if self.span.swap(mark, Ordering::Relaxed) == mark {
            return;
        }
        let place = usize::try_from(span.checked_rem(count_of_spans()).unwrap_or(0));
        if let Some(at) = place.ok().and_then(|place| self.before.get(place)) {
            at.store(pack(span, self.calls()), Ordering::Relaxed);
        }
    }
}

const fn count_of_spans() -> u64 {
    SPANS as u64
}

/// Bits of a packed number that are calls; above them is the span plus one, so that both are read and written at once.
const CALL_BITS: u32 = 40;
const CALLS: u64 = (1 << CALL_BITS) - 1;

fn pack(span: u64, calls: u64) -> u64 {
    (span.wrapping_add(1) << CALL_BITS) | (calls & CALLS)
}

fn unpack(packed: u64) -> (Option<u64>, u64) {
    ((packed >> CALL_BITS).checked_sub(1), packed & CALLS)
}

/// The index of the calling thread's lanes: its own, or the shared one of those that came too late to have one.
pub(crate) fn of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<Option<usize>> = const { Cell::new(None) };
    }
    OWN.with(|own| {
        own.get().unwrap_or_else(|| {
            let index = NEXT.fetch_add(1, Ordering::Relaxed).min(OWN_LANES);
            own.set(Some(index));
            index
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_micros(3);
    const LONG: Duration = Duration::from_millis(4);

    fn begin(lane: &Lane, tick: u64) -> bool {
        lane.begin(Export::inbound, tick, || 0)
    }

    fn histogram(lane: &Lane) -> Histogram {
        let mut sum = Histogram::default();
        lane.add_to(&mut sum);
        sum
    }

    #[test]
    fn the_first_call_of_a_tick_stands_for_those_that_were_not_measured() {
        let lane = Lane::default();
        assert!(begin(&lane, 7));
        lane.measured(SHORT);
        for _ in 0..9 {
            assert!(!begin(&lane, 7));
        }
        assert!(begin(&lane, 8));
        lane.measured(SHORT);
        let histogram = histogram(&lane);
        assert_eq!(histogram.calls(), 11);
        assert_eq!(histogram.sum, SHORT * 11);
        assert_eq!(lane.calls_of(Export::inbound), 11);
    }

    #[test]
    fn a_long_call_stands_for_itself_alone() {
        let lane = Lane::default();
        assert!(begin(&lane, 1));
        lane.measured(SHORT);
        assert!(!begin(&lane, 1));
        lane.measured_alone(LONG, false);
        assert!(!begin(&lane, 1));
        assert!(begin(&lane, 2));
        lane.measured_alone(LONG, true);
        assert!(begin(&lane, 3));
        lane.measured(SHORT);
        let histogram = histogram(&lane);
        assert_eq!(histogram.calls(), 5);
        assert_eq!(histogram.sum, SHORT * 3 + LONG * 2);
    }

    #[test]
    fn knows_the_calls_of_the_last_minute() {
        let lane = Lane::default();
        let mut tick = 0;
        let mut call = |span: u64| {
            tick += 1;
            lane.begin(Export::inbound, tick, || span);
        };
        for _ in 0..10 {
            call(0);
        }
        call(5);
        call(11);
        assert_eq!(lane.recent_calls(11), 12);
        assert_eq!(lane.recent_calls(12), 2);
        assert_eq!(lane.recent_calls(17), 1);
        assert_eq!(lane.recent_calls(23), 0);
        call(40);
        assert_eq!(lane.recent_calls(40), 1);
    }
}
