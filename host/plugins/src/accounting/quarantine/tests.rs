use super::*;

/// What a call came to; none if it was refused.
type Called = Option<Outcome>;
type Outcome = Option<Change>;

/// A plugin with its calls and its clock.
struct Plugin {
    quarantine: Quarantine,
    calls: u64,
    now: Instant,
}

impl Plugin {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            quarantine: Quarantine::new(0, now),
            calls: 0,
            now,
        }
    }

    /// Makes a call that goes like this; none if it was refused.
    fn call(&mut self, outcome: CallOutcome) -> Called {
        let permit = self.quarantine.permit(|| self.now)?;
        self.calls = self.calls.saturating_add(1);
        let calls = (self.calls, self.calls);
        Some(
            self.quarantine
                .note(&permit, outcome, || calls, || self.now),
        )
    }

    fn fault(&mut self, peer: u64) -> Called {
        self.call(CallOutcome::Fault(Peer(peer)))
    }

    fn good(&mut self) {
        assert_eq!(self.call(CallOutcome::Succeeded), Some(None));
    }

    fn wait(&mut self, span: Duration) {
        self.now = self.now.checked_add(span).unwrap();
    }

    /// Fails for three peers until it is in quarantine; says for how long.
    fn fail(&mut self) -> Duration {
        for peer in 0.. {
            match self.fault(peer % 3).expect("it is called") {
                Some(Change::Quarantined { span, .. }) => return span,
                Some(Change::Recovered) => panic!("a fault reforms nobody"),
                None => assert!(peer < 10, "it goes on serving"),
            }
        }
        panic!("a thousand faults and no quarantine")
    }
}

#[test]
fn five_faults_for_three_peers_are_a_quarantine() {
    let mut plugin = Plugin::new();
    for peer in [1, 2, 3, 1] {
        assert_eq!(plugin.fault(peer), Some(None));
    }
    let why = Why::Faults {
        faults: 5,
        calls: 5,
    };
    let change = Change::Quarantined {
        span: SHORTEST,
        why,
    };
    assert_eq!(plugin.fault(2), Some(Some(change)));
    assert_eq!(plugin.fault(4), None, "it is not called any more");
    let standing = plugin.quarantine.status(plugin.now);
    assert_eq!(standing, QuarantineStatus::Quarantined(SHORTEST));
}

#[test]
fn two_peers_silence_nobody_however_often_it_fails_for_them() {
    let mut plugin = Plugin::new();
    for round in 0..10_000 {
        assert_eq!(plugin.fault(round % 2), Some(None));
        plugin.wait(Duration::from_millis(3));
    }
}

#[test]
fn less_than_a_fifth_of_the_calls_is_no_quarantine() {
    let mut plugin = Plugin::new();
    for peer in 0..1_000 {
        assert_eq!(plugin.call(CallOutcome::Succeeded), Some(None));
        for _ in 0..5 {
            plugin.good();
        }
        assert_eq!(plugin.fault(peer), Some(None));
    }
    // A quarter is more than a fifth.
    let mut plugin = Plugin::new();
    for peer in 0..5 {
        for _ in 0..3 {
            plugin.good();
        }
        let bad = peer == 4;
        let change = plugin.fault(peer).expect("it is called");
        assert_eq!(change.is_some(), bad, "{change:?}");
    }
}

#[test]
fn faults_are_forgotten_after_a_minute() {
    let mut plugin = Plugin::new();
    for peer in 0..100 {
        assert_eq!(plugin.fault(peer), Some(None));
        plugin.wait(Duration::from_secs(20));
    }
}

#[test]
fn calls_of_an_older_version_do_not_speak_for_this_one() {
    let mut plugin = Plugin::new();
    plugin.calls = 1_000_000;
    plugin.quarantine = Quarantine::new(plugin.calls, plugin.now);
    assert_eq!(plugin.fail(), SHORTEST);
}

#[test]
fn one_instance_that_cannot_be_initialised_is_enough() {
    let mut plugin = Plugin::new();
    let change = Change::Quarantined {
        span: SHORTEST,
        why: Why::Init,
    };
    assert_eq!(plugin.call(CallOutcome::NoInstance), Some(Some(change)));
    plugin.wait(SHORTEST);
    let change = Change::Quarantined {
        span: SHORTEST * 2,
        why: Why::Init,
    };
    assert_eq!(plugin.call(CallOutcome::NoInstance), Some(Some(change)));
}

#[test]
fn probation_tries_one_call_at_a_time_and_ends_by_itself() {
    let mut plugin = Plugin::new();
    plugin.fail();
    plugin.wait(SHORTEST);
    assert_eq!(
        plugin.quarantine.status(plugin.now),
        QuarantineStatus::Probation
    );
    let now = plugin.now;
    let trial = plugin.quarantine.permit(|| now).expect("one is tried");
    assert!(plugin.quarantine.permit(|| now).is_none(), "and one alone");
    // A call that is given up is no try.
    drop(trial);
    for _ in 1..TRIALS {
        plugin.good();
    }
    assert_eq!(
        plugin.call(CallOutcome::Succeeded),
        Some(Some(Change::Recovered))
    );
    assert_eq!(plugin.quarantine.status(now), QuarantineStatus::Serving);
    let (first, second) = (
        plugin.quarantine.permit(|| now),
        plugin.quarantine.permit(|| now),
    );
    assert!(first.is_some() && second.is_some());
}

#[test]
fn one_peer_cannot_make_a_probation_fail() {
    let mut plugin = Plugin::new();
    plugin.fail();
    plugin.wait(SHORTEST);
    for _ in 1..TRIALS {
        assert_eq!(plugin.fault(7), Some(None));
    }
    assert_eq!(plugin.fault(7), Some(Some(Change::Recovered)));
}

#[test]
fn each_quarantine_is_twice_as_long_until_it_behaves_for_long() {
    let mut plugin = Plugin::new();
    let mut spans = Vec::new();
    for _ in 0..10 {
        let span = plugin.fail();
        spans.push(span.as_secs());
        plugin.wait(span);
    }
    assert_eq!(spans, [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]);
    for _ in 0..TRIALS {
        let _ = plugin.call(CallOutcome::Succeeded);
    }
    plugin.wait(RECOVERED_AFTER);
    assert_eq!(plugin.fail(), SHORTEST);
}

#[test]
fn an_operator_ends_a_quarantine_at_once() {
    let mut plugin = Plugin::new();
    plugin.fail();
    assert!(plugin.quarantine.lift(plugin.calls, plugin.now));
    assert!(!plugin.quarantine.lift(plugin.calls, plugin.now));
    plugin.good();
    assert_eq!(plugin.fail(), SHORTEST);
}

#[test]
fn a_call_from_before_the_quarantine_says_nothing_new() {
    let mut plugin = Plugin::new();
    let now = plugin.now;
    let late = CallPermit { trial: None };
    plugin.fail();
    let noted = plugin
        .quarantine
        .note(&late, CallOutcome::Fault(Peer(0)), || (9, 9), || now);
    assert_eq!(noted, None);
}
