//! Rows 7 and 9: calls into the host without end.

use super::*;

#[tokio::test]
async fn row_7_a_flood_of_calls_into_the_host_is_counted() {
    let host = Host::new().patient();
    let (caller, plugin) = (host.caller(), host.load("host-call-flood-cheap").await);
    assert_eq!(handle(&caller, &plugin).await.err(), Some(Fault::HostCalls));
}

#[tokio::test]
async fn row_7_the_time_that_the_host_takes_for_a_guest_is_the_guests() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new();
    let (caller, plugin) = (host.caller(), host.load("host-call-flood-dear").await);
    let large = format!("<a>{}</a>", "x".repeat(200_000));
    let most = Duration::from_millis(50 + 40);
    takes_at_most(most, "row 7: dear calls", 5, async || {
        let fault = caller
            .call(&plugin, 0, About::Nobody, about(request(&large)))
            .await
            .err();
        assert_eq!(fault, Some(Fault::CpuBudget));
    })
    .await;
}
