//! Row 23: every instance that may exist waits.

use std::time::Instant;

use futures_util::future::join_all;
use futures_util::poll;

use super::*;
use crate::calls::pool::{MAX_BUSY, MAX_QUEUED, TIMEOUT};

/// So many calls at once, none of which ends before [`GO_ON`].
fn waiting<'a>(
    count: usize,
    caller: &'a Caller,
    plugin: &'a Arc<Loaded>,
) -> impl Future<Output = Vec<Result<Handled, Fault>>> + Unpin + 'a {
    join_all((0..count).map(|_| Box::pin(handle(caller, plugin))))
}

/// Lets everybody go on who waits in the host, again and again, until that future is ready.
async fn with_go_on<T>(future: impl Future<Output = T>) -> T {
    let go_on = async {
        loop {
            GO_ON.notify_waiters();
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        value = future => value,
        () = go_on => unreachable!("it never ends"),
    }
}

#[tokio::test]
async fn row_23_when_all_instances_are_busy_calls_wait_in_turn_and_not_for_long() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new();
    let (caller, plugin) = (host.caller(), host.load("host-wait").await);
    let other = host.load("short-lived").await;
    let mut busy = waiting(MAX_BUSY, &caller, &plugin);
    // Polled once, each is in the host and waits.
    assert!(poll!(&mut busy).is_pending());
    let instances = plugin.counters.instances();
    let began = Instant::now();
    let mut queued = waiting(MAX_QUEUED, &caller, &plugin);
    assert!(poll!(&mut queued).is_pending(), "they wait for a place");
    assert_eq!(plugin.counters.instances(), instances, "and have none");

    // The queue has an end, and nobody else's plugin is the worse for it.
    let one_more = Box::pin(handle(&caller, &plugin)).await;
    assert_eq!(one_more.err(), Some(Fault::Busy));
    assert!(handle(&caller, &other).await.is_ok());
    assert!(began.elapsed() < TIMEOUT, "neither waited");

    let answers = tokio::time::timeout(10 * TIMEOUT, queued).await.unwrap();
    assert!(began.elapsed() >= TIMEOUT, "they were not refused at once");
    for answer in answers {
        assert_eq!(answer.err(), Some(Fault::Busy));
    }

    // Those who wait while places become free have them.
    let queued = waiting(MAX_QUEUED, &caller, &plugin);
    let (busy, queued) = with_go_on(futures_util::future::join(busy, queued)).await;
    assert!(busy.iter().chain(&queued).all(Result::is_ok));
    assert!(plugin.counters.instances() <= instances);

    // Whoever gives up waiting leaves no place taken, and the pool is as it was.
    for _ in 0..3 {
        let mut busy = waiting(MAX_BUSY, &caller, &plugin);
        let mut queued = waiting(MAX_QUEUED, &caller, &plugin);
        assert!(poll!(&mut busy).is_pending());
        assert!(poll!(&mut queued).is_pending());
    }
    let all = with_go_on(waiting(MAX_BUSY, &caller, &plugin)).await;
    assert!(all.iter().all(Result::is_ok));
    assert!(plugin.under_way.is_none());
}
