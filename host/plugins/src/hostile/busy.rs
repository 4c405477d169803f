//! Row 23: every instance that may exist waits.

use super::*;

#[tokio::test]
async fn row_23_when_all_instances_are_busy_one_more_call_has_an_answer_in_bounded_time() {
    let host = Host::new();
    let (caller, plugin) = (host.caller(), host.load("row23").await);
    let other = host.load("row24").await;
    let waiting: Vec<_> = (0..64)
        .map(|_| Box::pin(handle(&caller, &plugin)))
        .collect();
    let mut waiting = futures_util::future::join_all(waiting);
    // Polled once, each is in the host and waits.
    assert!(futures_util::poll!(&mut waiting).is_pending());
    let fault = tokio::time::timeout(Duration::from_secs(10), handle(&caller, &plugin)).await;
    assert_eq!(fault.unwrap().err(), Some(Fault::Busy));
    // Nobody else's plugin is the worse for it.
    assert!(handle(&caller, &other).await.is_ok());
    let go_on = async {
        loop {
            GO_ON.notify_waiters();
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answers = waiting => assert!(answers.into_iter().all(|answer| answer.is_ok())),
        () = go_on => {}
    }
    assert!(futures_util::poll!(Box::pin(handle(&caller, &plugin))).is_pending());
}
