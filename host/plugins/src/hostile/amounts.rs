//! Rows 3, 8, 11, 21 and 24: memory, long answers, handles, what others left behind, and what is left of many.

use super::*;

// seeds: P21
#[tokio::test]
async fn row_3_all_memories_and_tables_of_a_store_count_together() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new().patient();
    let caller = host.caller();
    for fixture in [
        "memory-hog-one-memory",
        "memory-hog-two-memories",
        "memory-hog-table",
    ] {
        let plugin = host.load(fixture).await;
        let fault = handle(&caller, &plugin).await.err();
        assert_eq!(fault, Some(Fault::Memory), "{fixture}");
    }
}

#[tokio::test]
async fn row_3_a_guest_that_begins_with_too_much_is_refused() {
    let host = Host::new();
    for fixture in ["memory-hog-minimum", "memory-hog-two-at-once"] {
        let before = resident();
        let error = host.try_load(fixture).await.err().unwrap();
        println!("row 3: {fixture}: {error:#}");
        assert!(
            format!("{error:#}").contains("memory"),
            "{fixture}: {error:#}"
        );
        let grown = resident().saturating_sub(before);
        assert!(grown <= 16 << 20, "{fixture}: {grown} bytes more");
    }
}

#[tokio::test]
async fn row_3_what_a_guest_took_is_given_back() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new().patient();
    let (caller, plugin) = (host.caller(), host.load("memory-hog-one-memory").await);
    handle(&caller, &plugin).await.err().unwrap();
    let before = resident();
    for _ in 0..20 {
        handle(&caller, &plugin).await.err().unwrap();
    }
    let grown = resident().saturating_sub(before);
    println!("row 3: {} KiB more after 20 times 64 MiB", grown >> 10);
    assert!(
        grown <= 72 << 20,
        "{grown} bytes more: more than one store's"
    );
}

/// 60 MiB an instance: four fit into what a plugin may have, six into what all may have.
#[tokio::test]
async fn row_3_all_instances_of_a_plugin_and_all_plugins_have_totals() {
    let host = Host::with_memory(MemoryLimits {
        plugin_mib: 256,
        total_mib: 384,
    });
    let (one, two) = (
        host.load("memory-held-one").await,
        host.load("memory-held-two").await,
    );
    let made = async |plugin: &Arc<Loaded>, count: usize| {
        let mut made = Vec::new();
        for _ in 0..count {
            made.push(host.instance(plugin).await.unwrap());
        }
        made
    };
    let mut ones = made(&one, 4).await;
    assert_eq!(one.counters.memory(), 240 << 20);
    let fifth = host.instance(&one).await.err();
    assert_eq!(fifth, Some(Fault::PluginMemory));
    let twos = made(&two, 2).await;
    assert_eq!(host.instance(&two).await.err(), Some(Fault::TotalMemory));
    assert_eq!(one.counters.memory_refused.get(), 1);
    assert_eq!(two.counters.memory_refused.get(), 1);
    // What goes makes room for both.
    ones.pop();
    let third = host.instance(&two).await.unwrap();
    drop((ones, twos, third));
    assert_eq!(one.counters.memory() + two.counters.memory(), 0);
}

/// A guest that grows in its calls, below what an instance may have.
#[tokio::test]
async fn row_3_growing_past_the_plugins_total_fails_the_call() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::with_memory(MemoryLimits {
        plugin_mib: 16,
        total_mib: 64,
    })
    .patient();
    let (caller, plugin) = (host.caller(), host.load("memory-hog-one-memory").await);
    let fault = handle(&caller, &plugin).await.err();
    assert_eq!(fault, Some(Fault::PluginMemory));
    assert_eq!(plugin.counters.memory(), 0, "its instance is gone");
}

#[tokio::test]
async fn row_3_instances_are_kept_idle_only_while_half_of_the_totals_is_free() {
    for (plugin_mib, kept) in [(256, 1), (64, 0)] {
        let host = Host::with_memory(MemoryLimits {
            plugin_mib,
            total_mib: 1_024,
        });
        let (caller, plugin) = (host.caller(), host.load("memory-hog-large").await);
        handle(&caller, &plugin).await.unwrap();
        assert_eq!(plugin.counters.instances(), kept, "{plugin_mib} MiB");
    }
}

#[tokio::test]
async fn row_8_answers_that_are_too_long_are_refused_before_they_are_copied() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new();
    let caller = host.caller();
    for fixture in [
        "oversized-value-text",
        "oversized-value-past-the-end",
        "oversized-value-argument",
    ] {
        let plugin = host.load(fixture).await;
        handle(&caller, &plugin).await.err().unwrap();
        let before = resident();
        // With a new store each time.
        let most = Duration::from_millis(5);
        takes_at_most(most, &format!("row 8: {fixture}"), 11, async || {
            let fault = handle(&caller, &plugin).await.err();
            assert!(
                matches!(fault, Some(Fault::Trap(_))),
                "{fixture}: {fault:?}"
            );
        })
        .await;
        let grown = resident().saturating_sub(before);
        assert!(grown <= 2 << 20, "{fixture}: {grown} bytes more");
    }
}

#[tokio::test]
async fn row_8_a_list_of_a_million_is_refused_before_it_is_copied() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new();
    let (caller, plugin) = (host.caller(), host.load("oversized-value-list").await);
    features(&caller, &plugin).await.err().unwrap();
    let before = resident();
    let fault = features(&caller, &plugin).await.err();
    assert!(matches!(fault, Some(Fault::Trap(_))), "{fault:?}");
    let grown = resident().saturating_sub(before);
    assert!(grown <= 2 << 20, "{grown} bytes more");
}

#[tokio::test]
async fn row_11_handles_that_are_never_given_back_end_the_call_at_the_limit() {
    let host = Host::new().patient();
    let caller = host.caller();
    for fixture in ["handle-leak-host", "handle-leak-own"] {
        let plugin = host.load(fixture).await;
        for _ in 0..3 {
            let fault = handle(&caller, &plugin).await.err();
            let Some(Fault::Trap(how)) = fault else {
                panic!("{fixture}: {fault:?}")
            };
            println!("row 11: {fixture}: {how}");
            assert!(
                how.contains("handle") || how.contains("table has no free"),
                "{fixture}: {how}"
            );
        }
    }
}

#[tokio::test]
async fn row_11_a_slow_leak_costs_its_instance_and_nobody_elses_call() {
    let host = Host::new().patient();
    let (caller, plugin) = (host.caller(), host.load("handle-leak-slow").await);
    let mut faults = 0;
    for _ in 0..100 {
        faults += u32::from(handle(&caller, &plugin).await.is_err());
    }
    println!("row 11: {faults} of 100 calls with 100 handles each met the limit");
    assert!((1..=12).contains(&faults), "{faults}");
}

#[tokio::test]
async fn row_11_a_handle_kept_from_the_last_call_is_nothing_in_the_next() {
    let host = Host::new();
    let (caller, plugin) = (host.caller(), host.load("handle-leak-kept").await);
    handle(&caller, &plugin).await.unwrap();
    let fault = handle(&caller, &plugin).await.err();
    assert!(matches!(fault, Some(Fault::Trap(_))), "{fault:?}");
    handle(&caller, &plugin).await.unwrap();
}

#[tokio::test]
async fn row_21_a_thousand_reused_slots_show_nothing_that_others_left() {
    let host = Host::new();
    let caller = host.caller();
    let (leaves, looks) = (
        host.load("leftover-data-leaves").await,
        host.load("leftover-data-looks").await,
    );
    for round in 0..500 {
        // Two that leave something, so that the pool hands out their slots and not only the last one.
        for plugin in [&leaves, &leaves, &looks, &looks] {
            let mut idle = host.instance(plugin).await.unwrap();
            let instance = &mut idle.instance;
            let answer = crate::exports::Call::make(about(request("")), instance).await;
            assert!(
                answer.is_ok(),
                "round {round}, {}: {answer:?}",
                plugin.manifest.name
            );
        }
    }
    drop(caller);
}

#[tokio::test]
async fn row_24_instances_made_and_thrown_away_leave_nothing() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new();
    let plugin = host.load("short-lived").await;
    let cycles = async |count: u32| {
        for _ in 0..count {
            let mut idle = host.instance(&plugin).await.unwrap();
            let instance = &mut idle.instance;
            let answer = crate::exports::Call::make(about(request("")), instance).await;
            assert!(answer.is_ok());
        }
    };
    cycles(2_000).await;
    let before = resident();
    cycles(60_000).await;
    let grown = resident().saturating_sub(before);
    println!("row 24: {} KiB more after 60,000 cycles", grown >> 10);
    assert!(grown <= 4 << 20, "{grown} bytes more");
}
