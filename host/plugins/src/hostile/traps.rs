//! Rows 6, 14 and 22: traps, answers that are no values, and panics in the host.

use super::*;

// seeds: P21
#[tokio::test]
async fn row_6_a_trap_wherever_it_is_costs_the_call_and_its_store() {
    let host = Host::new();
    let caller = host.caller();
    for fixture in [
        "trap-handle",
        "trap-after-return",
        "trap-allocator",
        "trap-destructor",
    ] {
        let plugin = host.load(fixture).await;
        for _ in 0..20 {
            let fault = handle(&caller, &plugin).await.err();
            assert!(
                matches!(fault, Some(Fault::Trap(_))),
                "{fixture}: {fault:?}"
            );
        }
    }
    let plugin = host.load("trap-filter").await;
    assert!(matches!(
        filter(&caller, &plugin).await,
        Err(Fault::Trap(_))
    ));
    // The same plugin's other export serves on, in a fresh store.
    assert!(handle(&caller, &plugin).await.is_ok());
    let plugin = host.load("trap-pre-auth").await;
    assert!(matches!(
        features(&caller, &plugin).await,
        Err(Fault::Trap(_))
    ));
}

#[tokio::test]
async fn row_6_the_call_after_a_trap_is_as_quick_as_any() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new();
    let (caller, plugin) = (host.caller(), host.load("trap-filter").await);
    let most = Duration::from_millis(5);
    takes_at_most(
        most,
        "row 6: a trap and the call after it",
        21,
        async || {
            assert!(filter(&caller, &plugin).await.is_err());
            assert!(handle(&caller, &plugin).await.is_ok());
        },
    )
    .await;
}

#[tokio::test]
async fn row_6_a_trap_before_a_guest_serves_is_an_error_that_says_so() {
    let host = Host::new();
    for fixture in ["trap-describe", "trap-init", "trap-start"] {
        let error = host.try_load(fixture).await.err().unwrap();
        assert!(
            format!("{error:#}").contains("unreachable"),
            "{fixture}: {error:#}"
        );
    }
}

#[tokio::test]
async fn row_14_answers_that_are_no_values_of_their_types_are_faults() {
    let host = Host::new();
    let caller = host.caller();
    for kind in [
        "utf8",
        "surrogate",
        "option",
        "unaligned",
        "outside",
        "borrowed",
    ] {
        let plugin = host.load(&format!("invalid-value-{kind}")).await;
        for _ in 0..5 {
            let fault = handle(&caller, &plugin).await.err();
            assert!(matches!(fault, Some(Fault::Trap(_))), "{kind}: {fault:?}");
        }
    }
    for kind in ["case", "handle"] {
        let plugin = host.load(&format!("invalid-value-{kind}")).await;
        let fault = filter(&caller, &plugin).await.err();
        assert!(matches!(fault, Some(Fault::Trap(_))), "{kind}: {fault:?}");
    }
}

#[tokio::test]
async fn row_22_a_host_function_that_panics_costs_only_its_call() {
    let host = Host::new();
    let caller = host.caller();
    let (panics, behaves) = (
        host.load("host-panic").await,
        host.load("short-lived").await,
    );
    for _ in 0..3 {
        let fault = handle(&caller, &panics).await.err();
        assert!(matches!(fault, Some(Fault::Host(_))), "{fault:?}");
        // On the same thread, in the same shard.
        assert!(handle(&caller, &behaves).await.is_ok());
    }
}
