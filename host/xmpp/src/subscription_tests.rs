//! The tables of RFC 6121 A.2 and A.3, row by row.

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

const SAME: &str = "";

/// For a word that the account says: whether it is routed, and the state afterwards, in the order of [`NAMES`].
fn check_out(word: Word, table: [(bool, &str); 9]) {
    for (name, (route, next)) in NAMES.into_iter().zip(table) {
        let next = state(if next == SAME { name } else { next });
        let done = state(name).outbound(word);
        assert_eq!(
            (done.route, done.state),
            (route, next),
            "{word:?} in {name}"
        );
    }
}

/// For a word that the contact says: whether it is delivered, and the state afterwards.
fn check_in(word: Word, table: [(bool, &str); 9]) {
    for (name, (deliver, next)) in NAMES.into_iter().zip(table) {
        let next = state(if next == SAME { name } else { next });
        let done = state(name).inbound(word);
        assert_eq!(
            (done.deliver, done.state),
            (deliver, next),
            "{word:?} in {name}"
        );
    }
}

/// A.2.1
#[test]
fn subscribe_goes_out_from_every_state() {
    check_out(
        Word::Subscribe,
        [
            (true, "none+out"),
            (true, SAME),
            (true, "none+out+in"),
            (true, SAME),
            (true, SAME),
            (true, SAME),
            (true, "from+out"),
            (true, SAME),
            (true, SAME),
        ],
    );
}

/// A.2.2
#[test]
fn unsubscribe_goes_out_from_every_state() {
    check_out(
        Word::Unsubscribe,
        [
            (true, SAME),
            (true, "none"),
            (true, SAME),
            (true, "none+in"),
            (true, "none"),
            (true, "none+in"),
            (true, SAME),
            (true, "from"),
            (true, "from"),
        ],
    );
}

/// A.2.3, and H10: without a request it is kept for the one that may come (§3.4.2).
#[test]
fn subscribed_goes_out_where_there_was_a_request_and_is_kept_where_there_is_none() {
    check_out(
        Word::Subscribed,
        [
            (false, "none+approved"),
            (false, "none+out+approved"),
            (true, "from"),
            (true, "from+out"),
            (false, "to+approved"),
            (true, "both"),
            (false, SAME),
            (false, SAME),
            (false, SAME),
        ],
    );
}

/// A.2.4
#[test]
fn unsubscribed_goes_out_where_there_is_something_to_end() {
    check_out(
        Word::Unsubscribed,
        [
            (false, SAME),
            (false, SAME),
            (true, "none"),
            (true, "none+out"),
            (false, SAME),
            (true, "to"),
            (true, "none"),
            (true, "none+out"),
            (true, "to"),
        ],
    );
}

/// A.3.1
#[test]
fn subscribe_comes_in_once() {
    check_in(
        Word::Subscribe,
        [
            (true, "none+in"),
            (true, "none+out+in"),
            (false, SAME),
            (false, SAME),
            (true, "to+in"),
            (false, SAME),
            (false, SAME),
            (false, SAME),
            (false, SAME),
        ],
    );
}

/// A.3.1, note 1: who is subscribed already is told so.
#[test]
fn subscribe_is_answered_where_it_is_granted_already() {
    for name in NAMES {
        let reply = state(name).inbound(Word::Subscribe).reply;
        let granted = state(name).from;
        assert_eq!(reply, granted.then_some(Word::Subscribed), "{name}");
    }
}

/// H10: a request that was approved before it came is granted in silence.
#[test]
fn subscribe_is_granted_where_it_was_approved_before() {
    for (before, after) in [
        ("none+approved", "from+approved"),
        ("none+out+approved", "from+out+approved"),
        ("to+approved", "both+approved"),
    ] {
        let done = state(before).inbound(Word::Subscribe);
        assert_eq!(done.state, state(after), "{before}");
        assert!(!done.deliver, "{before}");
        assert_eq!(done.reply, Some(Word::Subscribed), "{before}");
        assert_eq!(done.presence, Some(Availability::Current), "{before}");
    }
}

/// H10, §3.2.2: an approval is withdrawn in silence.
#[test]
fn an_approval_is_withdrawn_in_silence() {
    for before in ["none", "none+out", "to"] {
        let done = state(&format!("{before}+approved")).outbound(Word::Unsubscribed);
        assert_eq!(done.state, state(before));
        assert!(!done.route && done.presence.is_none(), "{before}");
    }
    let done = state("both+approved").outbound(Word::Unsubscribed);
    assert_eq!(done.state, state("to"));
    assert!(done.route);
}

/// A.3.2
#[test]
fn unsubscribe_comes_in_where_there_is_something_to_end() {
    check_in(
        Word::Unsubscribe,
        [
            (false, SAME),
            (false, SAME),
            (true, "none"),
            (true, "none+out"),
            (false, SAME),
            (true, "to"),
            (true, "none"),
            (true, "none+out"),
            (true, "to"),
        ],
    );
}

/// A.3.3
#[test]
fn subscribed_comes_in_where_it_was_asked_for() {
    check_in(
        Word::Subscribed,
        [
            (false, SAME),
            (true, "to"),
            (false, SAME),
            (true, "to+in"),
            (false, SAME),
            (false, SAME),
            (false, SAME),
            (true, "both"),
            (false, SAME),
        ],
    );
}

/// A.3.4
#[test]
fn unsubscribed_comes_in_where_there_was_a_request_or_a_subscription() {
    check_in(
        Word::Unsubscribed,
        [
            (false, SAME),
            (true, "none"),
            (false, SAME),
            (true, "none+in"),
            (true, "none"),
            (true, "none+in"),
            (false, SAME),
            (true, "from"),
            (true, "from"),
        ],
    );
}

/// §3.1.5, §3.2.2, §3.3.3: whoever may see the account's presence gets it, and whoever may no longer hears that it ended.
#[test]
fn presence_follows_the_contacts_right_to_see_it() {
    for name in NAMES {
        let before = state(name);
        for word in [
            Word::Subscribe,
            Word::Unsubscribe,
            Word::Subscribed,
            Word::Unsubscribed,
        ] {
            let (out, into) = (before.outbound(word), before.inbound(word));
            for (after, presence) in [(out.state, out.presence), (into.state, into.presence)] {
                let expected = match (before.from, after.from) {
                    (false, true) => Some(Availability::Current),
                    (true, false) => Some(Availability::Unavailable),
                    _ => None,
                };
                assert_eq!(presence, expected, "{word:?} in {name}");
            }
        }
    }
}

/// No direction is ever both agreed and asked for.
#[test]
fn no_word_leads_out_of_the_nine_states() {
    let all = NAMES.map(state);
    for before in all {
        for word in [
            Word::Subscribe,
            Word::Unsubscribe,
            Word::Subscribed,
            Word::Unsubscribed,
        ] {
            for mut after in [before.outbound(word).state, before.inbound(word).state] {
                after.approved = false;
                assert!(all.contains(&after), "{word:?}: {after:?}");
            }
        }
    }
}
