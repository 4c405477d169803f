//! Where guests run. A call is made where its stanza is; nearly all return at once, and cost nothing but themselves. One
//! that runs long enough to be interrupted moves to the guests' own runtime, and so do its plugin's next calls for a while.
//! One that waits for the host is awaited in place; where it cannot wait, it is made without what waiting takes.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::calls::context::Shared;
use crate::engine::cpu_clock::{Meter, Metered, in_guest};
use crate::fault::Fault;
use crate::instance::plugin::Plugin;

/// CPU time of making an instance, `init` included, or of `describe`.
pub(crate) const INIT_BUDGET: Duration = Duration::from_millis(500);

/// Runs one call, with so much CPU time, and gives what it came to and the meter, which knows what it cost. It comes in a box: a guest's future is large,
/// and would be copied at each step.
pub(crate) async fn run<T: Send + 'static>(
    shared: &Arc<Shared>,
    plugin: &Plugin,
    meter: Arc<Meter>,
    budget: Duration,
    call: Pin<Box<impl Future<Output = T> + Send + 'static>>,
) -> (Result<T, Fault>, Arc<Meter>) {
    meter.begin(budget, false);
    let mut call = Metered::new(meter, call);
    if stays(shared, plugin) {
        let in_place = poll_fn(|context| {
            // At each poll: a call that waited for the host may have slept through the ticker's going to sleep.
            shared.ticker.call_begins();
            match Pin::new(&mut call).poll(context) {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending if call.meter().is_long() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        if let Some(ended) = in_place.await {
            return (ended, call.into_meter());
        }
        plugin.mark_slow(shared.started);
    }
    let awake = shared.ticker.keep_awake();
    let mut moved = Moved(shared.guests.spawn(async move {
        let result = (&mut call).await;
        drop(awake);
        (result, call.into_meter())
    }));
    let ended = (&mut moved.0).await;
    ended.unwrap_or_else(|error| (Err(Fault::Host(error.to_string())), Arc::default()))
}

/// Runs one call of a plugin that [`can_run_now`], with so much CPU time, on this thread's own stack: it needs neither a fiber nor a
/// future. One that runs long is ended with [`Fault::RanLong`], to be made again by [`run`].
pub(crate) fn run_now<T>(
    shared: &Shared,
    meter: &Meter,
    budget: Duration,
    call: impl FnOnce() -> T,
) -> Result<T, Fault> {
    meter.begin(budget, true);
    shared.ticker.call_begins();
    meter.during(call)
}

/// Whether a call of the plugin can be made by [`run_now`]. Whatever a call did before it ran long can be done again, for its effects
/// are forgotten; its instance is lost, so that it has to be one of those that come and go. A guest's stack has no room for another.
pub(crate) fn can_run_now(shared: &Shared, plugin: &Plugin) -> bool {
    plugin.never_waits && !in_guest() && stays(shared, plugin)
}

/// Whether calls of the plugin are begun where they are asked for.
fn stays(shared: &Shared, plugin: &Plugin) -> bool {
    !plugin.is_slow(shared.started) && !plugin.is_large()
}

/// A call on the guests' runtime. It ends with the session that waits for it.
struct Moved<T>(JoinHandle<T>);

impl<T> Drop for Moved<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
