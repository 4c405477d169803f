//! Who has which address.

use waxwing_plugin::harness::Harness;

use super::*;

const BALCONY: &str = "juliet@localhost/balcony";

fn begin() -> Harness<Stored> {
    Harness::<Stored>::new().start().unwrap()
}

fn resources(sessions: &mut Harness<Stored>) -> Vec<(String, Option<i8>)> {
    let listed = sessions.resources("juliet@localhost").unwrap();
    listed
        .into_iter()
        .map(|entry| (entry.name, entry.priority))
        .collect()
}

#[test]
fn a_session_is_there_with_its_priority_until_it_ends() {
    let mut sessions = begin();
    assert_eq!(sessions.claim(BALCONY, 1), Ok(Claim::Bound));
    assert_eq!(
        sessions.claim("juliet@localhost.example/x", 2),
        Ok(Claim::Bound)
    );
    assert_eq!(resources(&mut sessions), [("balcony".to_owned(), None)]);
    sessions.show(BALCONY, 1, Some(-5)).unwrap();
    sessions.forget_instance();
    assert_eq!(resources(&mut sessions), [("balcony".to_owned(), Some(-5))]);
    sessions.show(BALCONY, 1, None).unwrap();
    assert_eq!(resources(&mut sessions), [("balcony".to_owned(), None)]);
    sessions.end(BALCONY, 1);
    assert_eq!(resources(&mut sessions), []);
}

#[test]
fn the_newest_claim_has_the_address_also_when_the_older_ends() {
    let mut sessions = begin();
    assert_eq!(sessions.claim(BALCONY, 1), Ok(Claim::Bound));
    assert_eq!(sessions.claim(BALCONY, 2), Ok(Claim::Bound));
    sessions.show(BALCONY, 2, Some(1)).unwrap();
    sessions.show(BALCONY, 1, Some(9)).unwrap();
    sessions.end(BALCONY, 1);
    assert_eq!(resources(&mut sessions), [("balcony".to_owned(), Some(1))]);
}

#[test]
fn an_account_has_no_more_sessions_than_it_may() {
    let mut sessions = Harness::<Stored>::new()
        .config("sessions", 1)
        .start()
        .unwrap();
    assert_eq!(sessions.claim(BALCONY, 1), Ok(Claim::Bound));
    let second = sessions.claim("juliet@localhost/chamber", 2);
    assert_eq!(second, Ok(ErrorCondition::ResourceConstraint.into()));
}

#[test]
fn what_is_not_connected_is_forgotten_at_the_start() {
    let mut sessions = begin();
    assert_eq!(sessions.claim(BALCONY, 1), Ok(Claim::Bound));
    // The script's host has nobody connected.
    sessions.reload().unwrap();
    assert_eq!(resources(&mut sessions), []);
}
