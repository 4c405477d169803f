//! Who is in whose roster.

use waxwing_plugin::harness::Harness;

use super::*;

fn names(roster: Roster) -> Vec<String> {
    roster
        .contacts
        .into_iter()
        .map(|contact| contact.jid)
        .collect()
}

fn three() -> Harness<Everyone> {
    let script = Harness::<Everyone>::new().hosts(&["localhost", "elsewhere"]);
    let script = script
        .account("juliet@localhost", "x")
        .account("nurse@elsewhere", "x");
    let script = script.account("romeo@localhost", "x");
    script.account("tybalt@localhost", "x").start().unwrap()
}

#[test]
fn everybody_of_the_host_but_oneself_is_there_and_seen() {
    let mut everyone = three();
    let roster = everyone.contacts("juliet@localhost").unwrap();
    assert!(
        roster
            .contacts
            .iter()
            .all(|contact| contact.subscription == Subscription::Both && !contact.asked)
    );
    assert_eq!(names(roster), ["romeo@localhost", "tybalt@localhost"]);
    let nurse = everyone.contacts("nurse@elsewhere").unwrap();
    assert_eq!(names(nurse), [""; 0]);
}

#[test]
fn nobody_can_change_it() {
    let mut everyone = three();
    let set = everyone
        .update("juliet@localhost", "romeo@localhost", Some("Love"), &[])
        .unwrap();
    assert_eq!(set.after, set.before);
    assert_eq!(set.after.contact.unwrap().name.as_deref(), Some("romeo"));
    let stranger = everyone
        .update("juliet@localhost", "paris@verona.example", None, &[])
        .unwrap();
    assert_eq!(stranger.after.contact, None);
    for word in [
        SubscriptionAction::Subscribe,
        SubscriptionAction::Unsubscribe,
        SubscriptionAction::Subscribed,
        SubscriptionAction::Unsubscribed,
    ] {
        let said = everyone
            .send_subscription("juliet@localhost", "romeo@localhost", word)
            .unwrap();
        assert_eq!(said.before, said.after);
    }
    let gone = everyone
        .remove("juliet@localhost", "romeo@localhost")
        .unwrap();
    assert!(gone.after.contact.is_some());
}

#[test]
fn who_comes_and_goes_is_told_to_the_others() {
    let mut everyone = three();
    everyone.registered("romeo@localhost").unwrap();
    let pair = |account: &str| (account.to_owned(), "romeo@localhost".to_owned());
    let both = [pair("juliet@localhost"), pair("tybalt@localhost")];
    assert_eq!(everyone.changed(), both);
    everyone.disabled("romeo@localhost").unwrap();
    assert_eq!(everyone.changed(), both);
    let without = everyone.contacts("juliet@localhost").unwrap();
    assert_eq!(names(without), ["tybalt@localhost"]);
    everyone.enabled("romeo@localhost").unwrap();
    assert_eq!(everyone.changed(), both);
    let with = everyone.contacts("juliet@localhost").unwrap();
    assert_eq!(names(with), ["romeo@localhost", "tybalt@localhost"]);
    everyone.removed("romeo@localhost").unwrap();
    assert_eq!(everyone.changed(), both);
}

#[test]
fn without_its_grant_it_cannot_tell() {
    let mut everyone = Harness::<Everyone>::new()
        .refuse("accounts")
        .start()
        .unwrap();
    let roster = everyone.contacts("juliet@localhost");
    assert!(matches!(roster, Err(RosterFailure::Unavailable)));
}
