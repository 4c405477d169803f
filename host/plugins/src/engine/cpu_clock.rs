//! How much CPU time a call has used, and whether it has to leave the thread that it runs on.
//!
//! The clock of a thread's CPU time costs a system call, so it is not read for a call that returns before its first
//! tick of the engine's epoch. The first tick begins the count. Ticks are wall time: on a loaded machine a call may see
//! many while its thread waits for a processor, so that only the later ticks, by the thread's own clock, show whether
//! it really ran.
//!
//! For the counters, a call in so many is measured from its beginning ([`CpuClock::measure_exactly`]); that does not
//! change when it is interrupted, nor its budget.

use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use wasmtime::UpdateDeadline;

use crate::accounting::units::nanos;
use crate::engine::ticker::TICK;
use crate::fault::Fault;
use crate::model::call_cost::CallCost;

/// CPU time after the first tick from which on a call leaves the thread of the sockets.
const LONG: Duration = Duration::from_micros(500);

/// CPU time of a call that was measured from its beginning and stands for no other.
const ALONE: Duration = Duration::from_millis(1);

/// The clock of one instance's calls: one call at a time.
#[derive(Debug, Default)]
pub(crate) struct CpuClock {
    budget: AtomicU64,
    used: AtomicU64,
    /// The thread's CPU time when the guest was last entered; 0 before the first tick.
    entered: AtomicU64,
    long: AtomicBool,
    /// The call cannot leave its thread, but is ended there.
    stays: AtomicBool,
    /// The call is measured from its beginning.
    exact: AtomicBool,
    /// Its CPU time so far, if it is.
    measured: AtomicU64,
    /// The last poll ended because the guest is to make room for others, not because it waits.
    yielded: AtomicBool,
    waits: AtomicU32,
    waited: AtomicU64,
}

impl CpuClock {
    /// Says whether the next call is to be measured from its beginning, for two system calls a poll.
    pub(crate) fn measure_exactly(&self, exact: bool) {
        self.exact.store(exact, Ordering::Relaxed);
    }

    /// What the call that ended cost.
    pub(crate) fn cost(&self) -> CallCost {
        let exact = self.exact.load(Ordering::Relaxed);
        let measured = self.measured.load(Ordering::Relaxed);
        let used = self.used.load(Ordering::Relaxed);
        let seen = used >= nanos(TICK).saturating_add(nanos(LONG));
        let long = seen || measured >= nanos(ALONE);
        CallCost {
            measured: exact || long,
            long,
            cpu: Duration::from_nanos(if exact { measured } else { used }),
            waits: self.waits.load(Ordering::Relaxed),
            waited: Duration::from_nanos(self.waited.load(Ordering::Relaxed)),
        }
    }

    /// Begins a call with so much CPU time. One that stays on its thread is ended there with [`Fault::RanLong`] where
    /// another would leave it.
    pub(crate) fn start(&self, budget: Duration, stays: bool) {
        self.budget.store(nanos(budget), Ordering::Relaxed);
        self.stays.store(stays, Ordering::Relaxed);
        self.used.store(0, Ordering::Relaxed);
        self.entered.store(0, Ordering::Relaxed);
        self.long.store(false, Ordering::Relaxed);
        self.measured.store(0, Ordering::Relaxed);
        self.waits.store(0, Ordering::Relaxed);
        self.waited.store(0, Ordering::Relaxed);
    }

    /// Whether the call has used so much CPU time that it should not stay on a thread that serves sockets.
    pub(crate) fn is_long(&self) -> bool {
        self.long.load(Ordering::Relaxed)
    }

    /// Handles a tick of the engine's epoch, from inside the guest: continue, yield, or end the call.
    pub(crate) fn on_epoch(&self) -> wasmtime::Result<UpdateDeadline> {
        let now = thread_time();
        let entered = self.entered.load(Ordering::Relaxed);
        if entered == 0 {
            // What it used before is at most a tick.
            self.used.store(nanos(TICK), Ordering::Relaxed);
            self.entered.store(now.max(1), Ordering::Relaxed);
            return Ok(UpdateDeadline::Continue(1));
        }
        let since = now.saturating_sub(entered);
        let used = self.used.load(Ordering::Relaxed).saturating_add(since);
        if used > self.budget.load(Ordering::Relaxed) {
            return Err(Fault::CpuBudget.into());
        }
        if since < nanos(LONG) && !self.is_long() {
            return Ok(UpdateDeadline::Continue(1));
        }
        if self.stays.load(Ordering::Relaxed) {
            return Err(Fault::RanLong.into());
        }
        self.long.store(true, Ordering::Relaxed);
        self.yielded.store(true, Ordering::Relaxed);
        Ok(UpdateDeadline::Yield(1))
    }

    /// Does a part of the call, metered. A host function that panics, which none should, costs the call and its store,
    /// not the session or shard that called.
    pub(crate) fn measure<T>(&self, part: impl FnOnce() -> T) -> Result<T, Fault> {
        let entered = self.enter();
        let outside = IN_GUEST.replace(true);
        // What the panic may have left half done is in the call's own store, which is dropped.
        let done = catch_unwind(AssertUnwindSafe(part));
        IN_GUEST.set(outside);
        self.leave(entered);
        done.map_err(|_| Fault::Host("a function of it panicked".to_owned()))
    }

    /// The guest is entered. Gives the thread's CPU time if the call is measured from its beginning.
    fn enter(&self) -> Option<u64> {
        self.yielded.store(false, Ordering::Relaxed);
        let exact = self.exact.load(Ordering::Relaxed);
        let looked = self.entered.load(Ordering::Relaxed) != 0;
        if !exact && !looked {
            return None;
        }
        let now = thread_time().max(1);
        if looked {
            self.entered.store(now, Ordering::Relaxed);
        }
        exact.then_some(now)
    }

    /// The guest was left, which was entered then.
    fn leave(&self, then: Option<u64>) {
        let entered = self.entered.load(Ordering::Relaxed);
        if entered == 0 && then.is_none() {
            return;
        }
        let now = thread_time();
        if entered != 0 {
            self.used
                .fetch_add(now.saturating_sub(entered), Ordering::Relaxed);
        }
        if let Some(then) = then {
            self.measured
                .fetch_add(now.saturating_sub(then), Ordering::Relaxed);
        }
    }

    /// The call waited for the host since then.
    fn waited(&self, since: Instant) {
        self.waits.fetch_add(1, Ordering::Relaxed);
        self.waited
            .fetch_add(nanos(since.elapsed()), Ordering::Relaxed);
    }
}

/// A future in which a guest runs, whose polls are metered.
pub(crate) struct MeteredCall<F> {
    clock: Arc<CpuClock>,
    future: Pin<Box<F>>,
    /// Since when it waits for the host.
    waiting: Option<Instant>,
}

impl<F> MeteredCall<F> {
    pub(crate) fn new(clock: Arc<CpuClock>, future: Pin<Box<F>>) -> Self {
        Self {
            clock,
            future,
            waiting: None,
        }
    }

    pub(crate) fn clock(&self) -> &CpuClock {
        &self.clock
    }

    /// The clock, when the call has ended.
    pub(crate) fn into_clock(self) -> Arc<CpuClock> {
        self.clock
    }
}

impl<F: Future> Future for MeteredCall<F> {
    type Output = Result<F::Output, Fault>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(since) = self.waiting.take() {
            self.clock.waited(since);
        }
        let Self { clock, future, .. } = &mut *self;
        match clock.measure(|| future.as_mut().poll(context)) {
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Ok(Poll::Pending) => {
                if !self.clock.yielded.load(Ordering::Relaxed) {
                    self.waiting = Some(Instant::now());
                }
                Poll::Pending
            }
            Err(fault) => Poll::Ready(Err(fault)),
        }
    }
}

thread_local! {
    static IN_GUEST: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside of a call: then its stack is that of a guest.
pub(crate) fn in_guest() -> bool {
    IN_GUEST.get()
}

/// CPU time of the calling thread, in nanoseconds.
fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a future to its end, in place.
    fn run<T>(clock: &Arc<CpuClock>, future: impl Future<Output = T>) -> T {
        clock.start(Duration::from_secs(1), false);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime
            .block_on(MeteredCall::new(Arc::clone(clock), Box::pin(future)))
            .unwrap()
    }

    /// So much CPU time of this thread.
    fn burn(span: u64) {
        let begun = thread_time();
        while thread_time().saturating_sub(begun) < span {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn cpu_time_and_waiting_are_told_apart() {
        let clock = Arc::new(CpuClock::default());
        clock.measure_exactly(true);
        run(&clock, async {
            burn(2_000_000);
            tokio::time::sleep(Duration::from_millis(30)).await;
            burn(2_000_000);
        });
        let cost = clock.cost();
        assert!(cost.measured && cost.long);
        assert!(cost.cpu >= Duration::from_millis(4), "{cost:?}");
        assert!(cost.waited >= Duration::from_millis(25), "{cost:?}");
        assert!(cost.waits >= 1);
        assert!(cost.cpu < cost.waited, "waiting takes no CPU: {cost:?}");
    }

    #[test]
    fn a_call_out_of_turn_is_not_measured() {
        let clock = Arc::new(CpuClock::default());
        clock.measure_exactly(false);
        run(&clock, async { burn(1_000) });
        let cost = clock.cost();
        assert!(!cost.measured && !cost.long && cost.waits == 0);
        assert_eq!(cost.cpu, Duration::ZERO);
    }

    #[test]
    fn a_call_that_stays_is_ended_where_another_would_leave_its_thread() {
        let clock = CpuClock::default();
        clock.start(Duration::from_secs(1), true);
        let ended = clock.measure(|| {
            assert!(in_guest());
            let first = clock.on_epoch().unwrap();
            assert!(matches!(first, UpdateDeadline::Continue(_)));
            burn(1_000_000);
            clock.on_epoch().err().map(Fault::from)
        });
        assert_eq!(ended, Ok(Some(Fault::RanLong)));
        assert!(!in_guest() && clock.cost().long);
    }

    #[test]
    fn a_panic_ends_the_call_alone() {
        let clock = CpuClock::default();
        clock.start(Duration::from_secs(1), true);
        let ended = clock.measure(|| -> () { panic!("on purpose") });
        assert!(matches!(ended, Err(Fault::Host(_))), "{ended:?}");
        assert!(!in_guest());
    }

    #[test]
    fn a_short_call_that_was_looked_at_is_no_long_one() {
        let clock = Arc::new(CpuClock::default());
        for exact in [false, true] {
            clock.measure_exactly(exact);
            run(&clock, async {
                burn(1_000);
                assert!(matches!(
                    clock.on_epoch().unwrap(),
                    UpdateDeadline::Continue(_)
                ));
                burn(1_000);
            });
            let cost = clock.cost();
            assert_eq!((cost.measured, cost.long), (exact, false));
            assert!(!exact || cost.cpu < ALONE, "{cost:?}");
        }
    }

    #[test]
    fn measuring_does_not_change_when_a_call_is_looked_at() {
        let clock = Arc::new(CpuClock::default());
        clock.measure_exactly(true);
        run(&clock, async {
            burn(3_000_000);
            let first = clock.on_epoch().unwrap();
            assert!(matches!(first, UpdateDeadline::Continue(_)));
            assert!(!clock.is_long());
            burn(1_000_000);
            assert!(matches!(
                clock.on_epoch().unwrap(),
                UpdateDeadline::Yield(_)
            ));
        });
        let cost = clock.cost();
        assert!(cost.long && cost.measured);
        assert!(cost.cpu >= Duration::from_millis(4), "{cost:?}");
    }
}
