//! How much CPU time a call has used, and whether it has to leave the thread that it runs on.
//!
//! The clock of a thread's CPU time costs a system call, so nothing is read for a call that returns before its first look
//! (two ticks of the engine's epoch). The first look begins the count. Ticks are wall time: on a loaded machine a call
//! may see many while its thread waits for a processor, so that only the next looks, by the thread's own clock, tell
//! whether it really ran.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::UpdateDeadline;

use crate::engine::{TICK, TICKS_BEFORE_LOOK};
use crate::fault::Fault;

/// CPU time after the first look from which on a call does not stay beside the sockets.
const LONG: Duration = Duration::from_micros(500);

/// The clock of one instance's calls: one call at a time.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    budget: AtomicU64,
    used: AtomicU64,
    /// The thread's CPU time when the guest was last entered; 0 while nobody has looked.
    entered: AtomicU64,
    long: AtomicBool,
}

impl Meter {
    /// Begins a call with so much CPU time.
    pub(crate) fn begin(&self, budget: Duration) {
        self.budget.store(nanos(budget), Ordering::Relaxed);
        self.used.store(0, Ordering::Relaxed);
        self.entered.store(0, Ordering::Relaxed);
        self.long.store(false, Ordering::Relaxed);
    }

    /// Whether the call has used so much CPU time that it should not stay on a thread that serves sockets.
    pub(crate) fn is_long(&self) -> bool {
        self.long.load(Ordering::Relaxed)
    }

    /// The answer to the engine's epoch, from inside the guest: go on, go on after a yield, or end the call.
    pub(crate) fn look(&self) -> wasmtime::Result<UpdateDeadline> {
        let now = thread_time();
        let entered = self.entered.load(Ordering::Relaxed);
        if entered == 0 {
            // What it used before is at most the ticks before this look.
            self.used.store(
                nanos(TICK).saturating_mul(TICKS_BEFORE_LOOK),
                Ordering::Relaxed,
            );
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
        self.long.store(true, Ordering::Relaxed);
        Ok(UpdateDeadline::Yield(1))
    }

    fn enter(&self) {
        if self.entered.load(Ordering::Relaxed) != 0 {
            self.entered.store(thread_time().max(1), Ordering::Relaxed);
        }
    }

    fn leave(&self) {
        let entered = self.entered.load(Ordering::Relaxed);
        if entered != 0 {
            let since = thread_time().saturating_sub(entered);
            self.used.fetch_add(since, Ordering::Relaxed);
        }
    }
}

/// A future in which a guest runs, whose polls are metered.
pub(crate) struct Metered<F> {
    pub(crate) meter: Arc<Meter>,
    pub(crate) future: Pin<Box<F>>,
}

impl<F: Future> Future for Metered<F> {
    type Output = Result<F::Output, Fault>;

    /// A host function that panics, which none should, costs the call and its store, not the session or shard that polls.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.meter.enter();
        // What the panic may have left half done is in the call's own store, which nobody sees again.
        let poll = catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(context)));
        self.meter.leave();
        match poll {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(Fault::Host("a function of it panicked".to_owned()))),
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// CPU time of the calling thread, in nanoseconds.
fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}
