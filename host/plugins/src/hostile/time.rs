//! Rows 1, 4 and 5: loops, long instructions, recursion.

use super::*;

const HOOK: Duration = Duration::from_millis(10);
const IQ: Duration = Duration::from_millis(50);
const INIT: Duration = Duration::from_millis(500);
/// What a call may take over its budget: 2 ms, and as much again for making its instance, which is in the times.
const OVER: Duration = Duration::from_millis(4);

#[tokio::test]
async fn row_1_a_loop_in_a_hook_ends_within_its_budget_and_two_milliseconds() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new();
    let (caller, plugin) = (host.caller(), host.load("row01-filter").await);
    let took = median_cpu(21, async || {
        let fault = filter(&caller, &plugin).await.err();
        assert_eq!(fault, Some(Fault::CpuBudget));
    })
    .await;
    println!("row 1: a loop in a hook took {took:?}");
    assert!(took <= HOOK + OVER, "{took:?}");
}

#[tokio::test]
async fn row_1_a_loop_in_a_handler_or_in_what_the_host_calls_for_it_ends_within_its_budget() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new();
    let caller = host.caller();
    for fixture in ["row01-handle", "row01-after-return", "row01-allocator"] {
        let plugin = host.load(fixture).await;
        let took = median_cpu(5, async || {
            let fault = handle(&caller, &plugin).await.err();
            assert_eq!(fault, Some(Fault::CpuBudget), "{fixture}");
        })
        .await;
        println!("row 1: {fixture} took {took:?}");
        assert!(took <= IQ + OVER, "{fixture}: {took:?}");
    }
}

#[tokio::test]
async fn row_1_a_loop_in_the_features_ends_within_its_budget() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new();
    let (caller, plugin) = (host.caller(), host.load("row01-pre-auth").await);
    let took = median_cpu(5, async || {
        let fault = features(&caller, &plugin).await.err();
        assert_eq!(fault, Some(Fault::CpuBudget));
    })
    .await;
    assert!(took <= HOOK + OVER, "{took:?}");
}

#[tokio::test]
async fn row_1_a_loop_before_a_guest_serves_is_an_error_that_says_so() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new();
    for fixture in ["row01-describe", "row01-init", "row01-start"] {
        let took = median_cpu(1, async || {
            let error = host.try_load(fixture).await.err().unwrap();
            assert!(
                format!("{error:#}").contains("used up its CPU time"),
                "{fixture}: {error:#}"
            );
        })
        .await;
        // Compiling is in it.
        println!("row 1: {fixture} took {took:?}");
        assert!(took <= INIT * 2, "{fixture}: {took:?}");
    }
}

#[tokio::test]
async fn row_4_one_instruction_over_a_whole_memory_is_all_that_goes_beyond_the_budget() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new();
    let caller = host.caller();
    for fixture in ["row04-fill", "row04-copy", "row04-table"] {
        let plugin = host.load(fixture).await;
        let took = median_cpu(7, async || {
            let fault = filter(&caller, &plugin).await.err();
            assert_eq!(fault, Some(Fault::CpuBudget), "{fixture}");
        })
        .await;
        println!("row 4: {fixture} took {took:?}");
        // 40 ms for the instruction where memory is not shared with other machines; making the instance, and the page faults
        // of its fresh memory, are in it.
        assert!(
            took <= HOOK + Duration::from_millis(300),
            "{fixture}: {took:?}"
        );
    }
}

#[tokio::test]
async fn row_5_recursion_without_end_traps_and_leaves_the_host_its_stack() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new();
    let caller = host.caller();
    for fixture in ["row05-plain", "row05-host"] {
        let plugin = host.load(fixture).await;
        let took = median_cpu(7, async || {
            let fault = handle(&caller, &plugin).await.err();
            assert_eq!(
                fault,
                Some(Fault::Trap("wasm trap: call stack exhausted".to_owned())),
                "{fixture}"
            );
        })
        .await;
        println!("row 5: {fixture} took {took:?}");
        let most = if fixture == "row05-plain" { 5 } else { 50 };
        assert!(took <= Duration::from_millis(most), "{fixture}: {took:?}");
    }
}
