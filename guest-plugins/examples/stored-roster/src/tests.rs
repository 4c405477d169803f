//! The tables of RFC 6121 A.2 and A.3, row by row, and what else a roster is.

use waxwing_plugin::harness::Harness;

use super::*;

const JULIET: &str = "juliet@localhost";
const ROMEO: &str = "romeo@localhost";
const ASKS: &str = "<presence xmlns='jabber:client' from='romeo@localhost' to='juliet@localhost' type='subscribe'/>";

fn begin() -> Harness<Stored> {
    Harness::<Stored>::new()
        .account(JULIET, "x")
        .start()
        .unwrap()
}

fn state(name: &str) -> State {
    let mut state = State::default();
    for part in name.split('+') {
        match part {
            "none" => {}
            "to" => state.to = true,
            "from" => state.from = true,
            "both" => (state.to, state.from) = (true, true),
            "out" => state.asked = true,
            "in" => state.requested = true,
            "approved" => state.approved = true,
            other => panic!("{other}"),
        }
    }
    state
}

/// The words that lead from nothing to a state: what the account says, and what it hears.
fn lead_to(name: &str) -> Vec<(&'static str, SubscriptionAction)> {
    let wanted = state(name);
    let mut words = Vec::new();
    if wanted.approved {
        words.push(("out", SubscriptionAction::Subscribed));
    }
    if wanted.to || wanted.asked {
        words.push(("out", SubscriptionAction::Subscribe));
    }
    if wanted.to {
        words.push(("in", SubscriptionAction::Subscribed));
    }
    if wanted.from || wanted.requested {
        words.push(("in", SubscriptionAction::Subscribe));
    }
    if wanted.from && !wanted.approved {
        words.push(("out", SubscriptionAction::Subscribed));
    }
    words
}

fn word(name: &str) -> SubscriptionAction {
    match name {
        "subscribe" => SubscriptionAction::Subscribe,
        "subscribed" => SubscriptionAction::Subscribed,
        "unsubscribe" => SubscriptionAction::Unsubscribe,
        "unsubscribed" => SubscriptionAction::Unsubscribed,
        other => panic!("{other}"),
    }
}

fn step(roster: &mut Harness<Stored>, direction: &str, word: SubscriptionAction) -> Change {
    match direction {
        "out" => roster.send_subscription(JULIET, ROMEO, word).unwrap(),
        _ => roster
            .receive_subscription(JULIET, ROMEO, word, ASKS)
            .unwrap(),
    }
}

// seeds: H9
/// What each call returns, and what is stored after it.
#[test]
fn every_word_does_what_the_tables_say_in_every_state() {
    let table = include_str!("../../../../tests/tables/subscriptions.txt");
    let rows = table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut count = 0;
    for row in rows {
        let mut parts = row.split_whitespace();
        let (direction, said) = (parts.next().unwrap(), parts.next().unwrap());
        let (before, after) = (parts.next().unwrap(), parts.next().unwrap());
        let mut roster = begin();
        for (direction, word) in lead_to(before) {
            step(&mut roster, direction, word);
        }
        let change = step(&mut roster, direction, word(said));
        assert_eq!(State::of(&change.before), state(before), "{row}: before");
        assert_eq!(State::of(&change.after), state(after), "{row}: after");
        // What is stored is what was returned, also for an instance that knows nothing yet.
        roster.forget_instance();
        let stored = Entry {
            contact: roster.contact(JULIET, ROMEO).unwrap(),
            requested: !roster.pending(JULIET).unwrap().is_empty(),
        };
        assert_eq!(stored, change.after, "{row}: stored");
        count += 1;
    }
    assert_eq!(count, 120);
}

#[test]
fn names_groups_and_versions_are_kept_and_requests_outlive_the_contact() {
    let mut roster = begin();
    step(&mut roster, "in", SubscriptionAction::Subscribe);
    let none = roster.contacts(JULIET).unwrap();
    assert_eq!(
        (none.version.as_deref(), none.contacts.len()),
        (Some("0"), 0)
    );
    let set = roster
        .update(JULIET, ROMEO, Some("Love"), &["Friends", "Family"])
        .unwrap();
    assert_eq!(set.version.as_deref(), Some("1"));
    let again = roster
        .update(JULIET, ROMEO, Some("Love"), &["Friends", "Family"])
        .unwrap();
    assert_eq!(again.version.as_deref(), Some("1"));
    let contact = roster.contact(JULIET, ROMEO).unwrap().unwrap();
    assert_eq!(contact.name.as_deref(), Some("Love"));
    assert_eq!(contact.groups, ["Friends", "Family"]);
    let removed = roster.remove(JULIET, ROMEO).unwrap();
    assert!(removed.before.contact.is_some() && removed.after.contact.is_none());
    assert_eq!(
        roster.contacts(JULIET).unwrap().version.as_deref(),
        Some("2")
    );
    let pending = roster.pending(JULIET).unwrap();
    assert_eq!(pending.len(), 1);
    assert_eq!(
        (pending[0].jid.as_str(), pending[0].stanza.as_str()),
        (ROMEO, ASKS)
    );
}

#[test]
fn an_account_has_no_more_than_it_may_and_one_that_is_not_there_has_nothing() {
    let script = Harness::<Stored>::new().account(JULIET, "x");
    let mut roster = script.config("contacts", 1).start().unwrap();
    roster.update(JULIET, ROMEO, None, &[]).unwrap();
    let full = roster.update(JULIET, "nurse@localhost", None, &[]);
    assert!(matches!(full, Err(RosterFailure::Full)));
    let nobody = roster.contacts("nobody@localhost");
    assert!(matches!(nobody, Err(RosterFailure::NoRoster)));
}
