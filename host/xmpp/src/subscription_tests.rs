//! The tables of RFC 6121 A.2 and A.3, row by row, and what follows from them.

use super::*;

const NAMES: [&str; 9] = [
    "none",
    "none+out",
    "none+in",
    "none+out+in",
    "to",
    "to+in",
    "from",
    "from+out",
    "both",
];

fn state(name: &str) -> State {
    let mut parts = name.split('+');
    let subscription = parts.next().unwrap();
    let mut state = State {
        to: matches!(subscription, "to" | "both"),
        from: matches!(subscription, "from" | "both"),
        ..State::default()
    };
    for part in parts {
        match part {
            "out" => state.pending_out = true,
            "in" => state.pending_in = true,
            "approved" => state.approved = true,
            other => panic!("{other}"),
        }
    }
    state
}

/// The rows: direction, action, the states before and after, and whether the action is passed on.
fn rows() -> impl Iterator<
    Item = (
        &'static str,
        SubscriptionAction,
        &'static str,
        &'static str,
        bool,
    ),
> {
    let table = include_str!("../../../tests/tables/subscriptions.txt");
    let rows = table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(|row| {
        let parts: Vec<&str> = row.split_whitespace().collect();
        let action = match parts[1] {
            "subscribe" => SubscriptionAction::Subscribe,
            "subscribed" => SubscriptionAction::Subscribed,
            "unsubscribe" => SubscriptionAction::Unsubscribe,
            "unsubscribed" => SubscriptionAction::Unsubscribed,
            other => panic!("{other}"),
        };
        (parts[0], action, parts[2], parts[3], parts[4] == "yes")
    })
}

// seeds: H9
/// H9, H10, A.2 and A.3: over nine states, and six with an approval beforehand.
#[test]
fn every_word_does_what_the_tables_say_in_every_state() {
    for (direction, action, before, after, passed) in rows() {
        let done = if direction == "out" {
            let Outbound { state, route, .. } = state(before).outbound(action);
            (state, route)
        } else {
            let Inbound { state, deliver, .. } = state(before).inbound(action);
            (state, deliver)
        };
        assert_eq!(
            done,
            (state(after), passed),
            "{direction} {action:?} in {before}"
        );
    }
    assert_eq!(rows().count(), 8 * (9 + 6));
}

/// A.3.1, note 1: who is subscribed already is told so.
#[test]
fn subscribe_is_answered_where_it_is_granted_already() {
    for name in NAMES {
        let reply = state(name).inbound(SubscriptionAction::Subscribe).reply;
        let granted = state(name).from;
        assert_eq!(
            reply,
            granted.then_some(SubscriptionAction::Subscribed),
            "{name}"
        );
    }
}

// seeds: H10
/// H10: a request that was approved before it came is granted in silence.
#[test]
fn subscribe_is_granted_where_it_was_approved_before() {
    for (before, after) in [
        ("none+approved", "from+approved"),
        ("none+out+approved", "from+out+approved"),
        ("to+approved", "both+approved"),
    ] {
        let done = state(before).inbound(SubscriptionAction::Subscribe);
        assert_eq!(done.state, state(after), "{before}");
        assert!(!done.deliver, "{before}");
        assert_eq!(done.reply, Some(SubscriptionAction::Subscribed), "{before}");
        assert_eq!(done.presence, Some(Availability::Current), "{before}");
    }
}

// seeds: H10
/// H10, §3.2.2: an approval is withdrawn in silence.
#[test]
fn an_approval_is_withdrawn_in_silence() {
    for before in ["none", "none+out", "to"] {
        let done = state(&format!("{before}+approved")).outbound(SubscriptionAction::Unsubscribed);
        assert_eq!(done.state, state(before));
        assert!(!done.route && done.presence.is_none(), "{before}");
    }
    let done = state("both+approved").outbound(SubscriptionAction::Unsubscribed);
    assert_eq!(done.state, state("to"));
    assert!(done.route);
}

/// §3.1.5, §3.2.2, §3.3.3: whoever may see the account's presence gets it, and whoever may no longer hears that it ended.
#[test]
fn presence_follows_the_contacts_right_to_see_it() {
    for name in NAMES {
        let before = state(name);
        for action in [
            SubscriptionAction::Subscribe,
            SubscriptionAction::Unsubscribe,
            SubscriptionAction::Subscribed,
            SubscriptionAction::Unsubscribed,
        ] {
            let (out, into) = (before.outbound(action), before.inbound(action));
            for (after, presence) in [(out.state, out.presence), (into.state, into.presence)] {
                let expected = match (before.from, after.from) {
                    (false, true) => Some(Availability::Current),
                    (true, false) => Some(Availability::Unavailable),
                    _ => None,
                };
                assert_eq!(presence, expected, "{action:?} in {name}");
            }
        }
    }
}

/// No direction is ever both agreed and asked for.
#[test]
fn no_word_leads_out_of_the_nine_states() {
    let all = NAMES.map(state);
    for before in all {
        for action in [
            SubscriptionAction::Subscribe,
            SubscriptionAction::Unsubscribe,
            SubscriptionAction::Subscribed,
            SubscriptionAction::Unsubscribed,
        ] {
            for mut after in [before.outbound(action).state, before.inbound(action).state] {
                after.approved = false;
                assert!(all.contains(&after), "{action:?}: {after:?}");
            }
        }
    }
}
