//! Guests that are no enemies: calls that cannot wait are made on the caller's stack, and made again where they ran long.

use std::time::Instant;

use super::*;

/// A message that keeps the plugin `slow` busy for so many milliseconds.
fn work(millis: u64) -> HostStanza {
    stanza(&format!(
        "<message from='juliet@localhost/b' to='romeo@localhost'><body>{millis}</body></message>"
    ))
}

/// What `slow` puts in the place of the milliseconds: how many messages it has had.
fn had(decision: &Decision) -> String {
    match decision {
        Decision::Replace(stanza) => {
            let body = stanza.element().child("body", ns::CLIENT);
            body.map(|body| body.text().into_owned())
                .unwrap_or_default()
        }
        other => panic!("{:?}", other.outcome()),
    }
}

/// A loaded machine may let a call work for less than it takes by the clock, so that it does not run long: then it is asked
/// again, a few times.
#[tokio::test]
async fn a_call_that_runs_long_is_made_again_and_has_happened_once() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let host = Host::new();
    let plugin = host.try_load_from("fixtures", "slow").await.unwrap();
    let caller = host.caller();
    let mut messages = 0_u64;
    let mut ask = async |millis| {
        let call = Filter(work(millis));
        let (decision, effects) = caller.call(&plugin, 0, About::Nobody, call).await.unwrap();
        assert!(effects.is_local());
        messages += 1;
        assert_eq!(had(&decision), messages.to_string());
        // Of the calls made so far, those that were made a second time.
        plugin.counters.calls() - messages
    };
    // The first makes the instance, which takes a future; the next finds it.
    for _ in 0..3 {
        assert_eq!(ask(0).await, 0);
    }
    let (mut again, mut begun) = (0, Instant::now());
    for _ in 0..8 {
        begun = Instant::now();
        again = ask(6).await;
        if again > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }
    assert_eq!(again, 1, "a call of six milliseconds never ran long");
    // Those of the next second begin elsewhere, and are made once.
    let next = ask(6).await;
    assert!(next == 1 || begun.elapsed() > Duration::from_millis(900));
}

#[tokio::test]
async fn only_a_component_that_imports_nothing_that_waits_is_called_on_the_callers_stack() {
    let host = Host::new();
    let mut seen = Vec::new();
    for (folder, fixture) in [
        ("fixtures", "reads-two"),
        ("fixtures", "slow"),
        // It asks for storage.
        ("fixtures", "writes"),
        // Its instances are kept.
        ("fixtures", "reads-key"),
        // It imports what only the tests' server has, and waits.
        ("hostile", "host-wait"),
    ] {
        let plugin = host.try_load_from(folder, fixture).await.unwrap();
        seen.push((fixture, plugin.never_waits));
    }
    let expected = [
        ("reads-two", true),
        ("slow", true),
        ("writes", false),
        ("reads-key", false),
        ("host-wait", false),
    ];
    assert_eq!(seen, expected);
}
