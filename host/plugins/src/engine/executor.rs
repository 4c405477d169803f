//! Where guests run. A call is made where its stanza is; nearly all return at once, and cost nothing but themselves.
//! One that runs long enough to be interrupted moves to the guests' own runtime, and so do its plugin's next calls for
//! a while. One that waits for the host is awaited in place; where it cannot wait, it is made without what waiting
//! takes.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::engine::cpu_clock::{CpuClock, MeteredCall, in_guest};
use crate::engine::pace::Pace;
use crate::engine::runtime::Runtime;
use crate::fault::Fault;

/// CPU time of making an instance, `init` included, or of `describe`.
pub(crate) const INIT_BUDGET: Duration = Duration::from_millis(500);

/// Runs one call, with so much CPU time, and gives what it came to and the clock, which knows what it cost. It comes in
/// a box: a guest's future is large, and would be copied at each step.
pub(crate) async fn run<T: Send + 'static>(
    runtime: &Runtime,
    pace: &Pace,
    clock: Arc<CpuClock>,
    budget: Duration,
    call: Pin<Box<impl Future<Output = T> + Send + 'static>>,
) -> (Result<T, Fault>, Arc<CpuClock>) {
    clock.start(budget, false);
    let mut call = MeteredCall::new(clock, call);
    if pace.runs_in_place(runtime.started) {
        let in_place = poll_fn(|context| {
            // At each poll: a call that waited for the host may have slept through the ticker's going to sleep.
            runtime.ticker.call_begins();
            match Pin::new(&mut call).poll(context) {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending if call.clock().is_long() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        if let Some(ended) = in_place.await {
            return (ended, call.into_clock());
        }
        pace.mark_slow(runtime.started);
    }
    let awake = runtime.ticker.keep_awake();
    let mut moved = Moved(runtime.guests.spawn(async move {
        let result = (&mut call).await;
        drop(awake);
        (result, call.into_clock())
    }));
    let ended = (&mut moved.0).await;
    ended.unwrap_or_else(|error| (Err(Fault::Host(error.to_string())), Arc::default()))
}

/// Runs one call of a plugin that [`can_run_sync`], with so much CPU time, on this thread's own stack: it needs neither
/// a fiber nor a future. One that runs long is ended with [`Fault::RanLong`], to be made again by [`run`].
pub(crate) fn run_sync<T>(
    runtime: &Runtime,
    clock: &CpuClock,
    budget: Duration,
    call: impl FnOnce() -> T,
) -> Result<T, Fault> {
    clock.start(budget, true);
    runtime.ticker.call_begins();
    clock.measure(call)
}

/// Whether a call of a plugin of that pace can be made by [`run_sync`]. What a call did before it ran long can be done
/// again, for its effects are forgotten; its instance is lost, so that it has to be one of those that come and go. A
/// guest's stack has no room for another.
pub(crate) fn can_run_sync(runtime: &Runtime, pace: &Pace) -> bool {
    !in_guest() && pace.runs_in_place(runtime.started)
}

/// A call on the guests' runtime. It ends with the session that waits for it.
struct Moved<T>(JoinHandle<T>);

impl<T> Drop for Moved<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
