//! How much CPU time a call has used, and whether it has to leave the thread that it runs on.
//!
//! The clock of a thread's CPU time costs a system call, so nothing is read for a call that returns before its first look
//! (two ticks of the engine's epoch). From then on, time is counted from the thread's clock at each entry into the guest.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::UpdateDeadline;

use crate::engine::{TICK, TICKS_BEFORE_LOOK};
use crate::fault::Fault;

/// The clock of one instance's calls: one call at a time.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    budget: AtomicU64,
    used: AtomicU64,
    /// The thread's CPU time when the guest was last entered; 0 while nobody has looked.
    entered: AtomicU64,
    looked: AtomicBool,
}

impl Meter {
    /// Begins a call with so much CPU time.
    pub(crate) fn begin(&self, budget: Duration) {
        self.budget.store(nanos(budget), Ordering::Relaxed);
        self.used.store(0, Ordering::Relaxed);
        self.entered.store(0, Ordering::Relaxed);
        self.looked.store(false, Ordering::Relaxed);
    }

    /// Whether the call ran long enough to be looked at: it should not stay on a thread that serves sockets.
    pub(crate) fn was_looked_at(&self) -> bool {
        self.looked.load(Ordering::Relaxed)
    }

    /// The answer to the engine's epoch, from inside the guest: go on after a yield, or end the call.
    pub(crate) fn look(&self) -> wasmtime::Result<UpdateDeadline> {
        let now = thread_time();
        let entered = match self.entered.load(Ordering::Relaxed) {
            // The first look: the call has run for at most the ticks before it.
            0 => now.saturating_sub(nanos(TICK).saturating_mul(TICKS_BEFORE_LOOK)),
            entered => entered,
        };
        self.entered.store(entered.max(1), Ordering::Relaxed);
        self.looked.store(true, Ordering::Relaxed);
        let used = self
            .used
            .load(Ordering::Relaxed)
            .saturating_add(now.saturating_sub(entered));
        if used > self.budget.load(Ordering::Relaxed) {
            return Err(Fault::CpuBudget.into());
        }
        Ok(UpdateDeadline::Yield(1))
    }

    fn enter(&self) {
        if self.was_looked_at() {
            self.entered.store(thread_time().max(1), Ordering::Relaxed);
        }
    }

    fn leave(&self) {
        if self.was_looked_at() {
            let entered = self.entered.load(Ordering::Relaxed);
            self.used
                .fetch_add(thread_time().saturating_sub(entered), Ordering::Relaxed);
        }
    }
}

/// A future in which a guest runs, whose polls are metered.
pub(crate) struct Metered<F> {
    pub(crate) meter: Arc<Meter>,
    pub(crate) future: Pin<Box<F>>,
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.meter.enter();
        let poll = self.future.as_mut().poll(context);
        self.meter.leave();
        poll
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
