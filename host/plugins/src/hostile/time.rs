//! Rows 1, 4 and 5: loops, long instructions, recursion.

use super::*;

const HOOK: Duration = Duration::from_millis(10);
const IQ: Duration = Duration::from_millis(50);
const INIT: Duration = Duration::from_millis(500);
/// What a call may take over its budget: 2 ms, and as much again for making its instance, which is in the times.
const OVER: Duration = Duration::from_millis(4);

// seeds: P21
#[tokio::test]
async fn row_1_a_loop_in_a_hook_ends_within_its_budget_and_two_milliseconds() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new();
    let (caller, plugin) = (host.caller(), host.load("endless-loop-filter").await);
    takes_at_most(HOOK + OVER, "row 1: a loop in a hook", 21, async || {
        let fault = filter(&caller, &plugin).await.err();
        assert_eq!(fault, Some(Fault::CpuBudget));
    })
    .await;
}

#[tokio::test]
async fn row_1_a_loop_in_a_handler_or_in_what_the_host_calls_for_it_ends_within_its_budget() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new();
    let caller = host.caller();
    for fixture in [
        "endless-loop-handle",
        "endless-loop-after-return",
        "endless-loop-allocator",
    ] {
        let plugin = host.load(fixture).await;
        takes_at_most(IQ + OVER, &format!("row 1: {fixture}"), 5, async || {
            let fault = handle(&caller, &plugin).await.err();
            assert_eq!(fault, Some(Fault::CpuBudget), "{fixture}");
        })
        .await;
    }
}

#[tokio::test]
async fn row_1_a_loop_in_the_features_ends_within_its_budget() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new();
    let (caller, plugin) = (host.caller(), host.load("endless-loop-pre-auth").await);
    takes_at_most(HOOK + OVER, "row 1: a loop in features", 5, async || {
        let fault = features(&caller, &plugin).await.err();
        assert_eq!(fault, Some(Fault::CpuBudget));
    })
    .await;
}

#[tokio::test]
async fn row_1_a_loop_before_a_guest_serves_is_an_error_that_says_so() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new();
    for fixture in [
        "endless-loop-describe",
        "endless-loop-init",
        "endless-loop-start",
    ] {
        // Compiling is in it.
        takes_at_most(INIT * 2, &format!("row 1: {fixture}"), 1, async || {
            let error = host.try_load(fixture).await.err().unwrap();
            assert!(
                format!("{error:#}").contains("used up its CPU time"),
                "{fixture}: {error:#}"
            );
        })
        .await;
    }
}

#[tokio::test]
async fn row_4_one_instruction_over_a_whole_memory_is_all_that_goes_beyond_the_budget() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new();
    let caller = host.caller();
    for fixture in ["bulk-memory-fill", "bulk-memory-copy", "bulk-memory-table"] {
        let plugin = host.load(fixture).await;
        // 40 ms for the instruction where memory is not shared with other machines; making the instance, and the page faults
        // of its fresh memory, are in it.
        let most = HOOK + Duration::from_millis(300);
        takes_at_most(most, &format!("row 4: {fixture}"), 7, async || {
            let fault = filter(&caller, &plugin).await.err();
            assert_eq!(fault, Some(Fault::CpuBudget), "{fixture}");
        })
        .await;
    }
}

#[tokio::test]
async fn row_5_recursion_without_end_traps_and_leaves_the_host_its_stack() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new().patient();
    let caller = host.caller();
    for (fixture, millis) in [("deep-recursion-plain", 5), ("deep-recursion-host", 50)] {
        let plugin = host.load(fixture).await;
        let most = Duration::from_millis(millis);
        takes_at_most(most, &format!("row 5: {fixture}"), 7, async || {
            let fault = handle(&caller, &plugin).await.err();
            assert_eq!(
                fault,
                Some(Fault::Trap("wasm trap: call stack exhausted".to_owned())),
                "{fixture}"
            );
        })
        .await;
    }
}
