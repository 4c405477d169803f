//! The six situations of a registration, before authentication and after, and what must not work.

use std::time::Duration;

use waxwing_plugin::PreAuthStream;
use waxwing_plugin::harness::{Harness, Outcome, plain_stream, tls_stream};

use super::*;

const JULIET: &str = "juliet@localhost/balcony";

fn open() -> Harness<Registration> {
    let script = Harness::new().config("open", true);
    script.account("juliet@localhost", "r0m30").start().unwrap()
}

fn stream() -> PreAuthStream {
    tls_stream("connection-1", "localhost")
}

fn get() -> &'static str {
    "<iq type='get' id='r1'><query xmlns='jabber:iq:register'/></iq>"
}

fn set(fields: &str) -> String {
    format!(
        "<iq type='set' id='r2' to='localhost'><query xmlns='jabber:iq:register'>{fields}</query></iq>"
    )
}

fn account(username: &str, password: &str) -> String {
    set(&format!(
        "<username>{username}</username><password>{password}</password>"
    ))
}

/// An error before authentication.
fn error(kind: &str, code: &str, condition: &str, text: &str) -> String {
    error_to("", kind, code, condition, text)
}

fn error_to(to: &str, kind: &str, code: &str, condition: &str, text: &str) -> String {
    let stanzas = "urn:ietf:params:xml:ns:xmpp-stanzas";
    let text = match text {
        "" => String::new(),
        text => format!("<text xmlns='{stanzas}'>{text}</text>"),
    };
    let code = match code {
        "" => String::new(),
        code => format!(" code='{code}'"),
    };
    format!(
        "<iq type='error' id='r2' from='localhost'{to}><error type='{kind}'{code}><{condition} xmlns='{stanzas}'/>{text}</error></iq>"
    )
}

// seeds: R1
#[test]
fn situation_1_shows_the_form_to_somebody_new() {
    assert_eq!(
        open().pre_auth(&stream(), get()),
        "<iq type='result' id='r1'><query xmlns='jabber:iq:register'>\
         <instructions>Choose a user name and a password for this server.</instructions><username/><password/></query></iq>"
    );
}

// seeds: R2
#[test]
fn situation_2_shows_the_name_but_not_the_password_to_somebody_registered() {
    assert_eq!(
        open().iq_from(JULIET, get()),
        "<iq type='result' id='r1' to='juliet@localhost/balcony'><query xmlns='jabber:iq:register'>\
         <registered/><username>juliet</username><password/></query></iq>"
    );
}

// seeds: R3, R11
#[test]
fn situation_3_removes_the_account() {
    let mut registration = open();
    let removed = registration.iq_from(JULIET, &set("<remove/>"));
    assert_eq!(
        removed,
        "<iq type='result' id='r2' from='localhost' to='juliet@localhost/balcony'/>"
    );
    assert!(registration.accounts().is_empty());

    let both = open().iq_from(JULIET, &set("<remove/><username>juliet</username>"));
    let to = " to='juliet@localhost/balcony'";
    assert_eq!(
        both,
        error_to(to, "modify", "400", "bad-request", "").as_str()
    );
    let nobody = open().pre_auth(&stream(), &set("<remove/>"));
    assert_eq!(
        nobody,
        error("wait", "400", "unexpected-request", "").as_str()
    );
}

// seeds: R4
#[test]
fn situation_4_wants_all_fields() {
    let expected = error(
        "modify",
        "406",
        "not-acceptable",
        "Please fill in all fields.",
    );
    let incomplete = [
        "",
        "<username>romeo</username>",
        "<password>x</password>",
        "<username/><password/>",
    ];
    for fields in incomplete {
        assert_eq!(
            open().pre_auth(&stream(), &set(fields)),
            expected.as_str(),
            "{fields}"
        );
    }
}

// seeds: R5
#[test]
fn situation_5_refuses_a_name_that_is_taken() {
    let expected = error(
        "cancel",
        "409",
        "conflict",
        "That username is already taken.",
    );
    let mut registration = open();
    for name in ["juliet", "JULIET"] {
        assert_eq!(
            registration.pre_auth(&stream(), &account(name, "x")),
            expected.as_str()
        );
    }
    assert_eq!(registration.password("juliet@localhost"), Some("r0m30"));
}

// seeds: R6
#[test]
fn situation_6_makes_the_account() {
    let mut registration = open();
    let made = registration.pre_auth(&stream(), &account("romeo", "jul13t"));
    assert_eq!(made, "<iq type='result' id='r2' from='localhost'/>");
    assert_eq!(registration.password("romeo@localhost"), Some("jul13t"));

    let second = registration.pre_auth(&stream(), &account("mercutio", "x"));
    let expected = error(
        "modify",
        "406",
        "not-acceptable",
        "one account for each stream",
    );
    assert_eq!(second, expected.as_str());
    assert_eq!(
        registration.accounts(),
        ["juliet@localhost", "romeo@localhost"]
    );
}

// seeds: R10
#[test]
fn changes_the_password_of_the_own_account_only() {
    let mut registration = open();
    let changed = registration.iq_from(JULIET, &account("juliet", "n3w"));
    assert_eq!(
        changed,
        "<iq type='result' id='r2' from='localhost' to='juliet@localhost/balcony'/>"
    );
    assert_eq!(registration.password("juliet@localhost"), Some("n3w"));

    let kept = registration.iq_from(JULIET, &account("juliet", ""));
    assert_eq!(kept, changed_result());
    assert_eq!(registration.password("juliet@localhost"), Some("n3w"));

    for request in [account("romeo", "x"), set("<password>x</password>")] {
        let to = " to='juliet@localhost/balcony'";
        let expected = error_to(to, "modify", "400", "bad-request", "");
        assert_eq!(registration.iq_from(JULIET, &request), expected.as_str());
    }
    assert_eq!(registration.password("juliet@localhost"), Some("n3w"));
}

#[test]
fn a_request_to_another_served_domain_changes_nothing() {
    let mut registration = Harness::<Registration>::new()
        .hosts(&["a.example", "b.example"])
        .account("juliet@a.example", "r0m30")
        .start()
        .unwrap();
    for fields in [
        "<remove/>",
        "<username>juliet</username><password>n3w</password>",
    ] {
        let request = set(fields).replace("localhost", "b.example");
        let outcome = registration.iq_from("juliet@a.example/balcony", &request);
        assert_eq!(outcome, Outcome::NotAsked, "{fields}");
    }
    assert_eq!(registration.password("juliet@a.example"), Some("r0m30"));
}

/// The host prepares names, and a client sends them as typed: `Ärger` could not change its password.
#[test]
fn a_password_is_changed_under_the_name_as_typed() {
    for (account, typed) in [("ärger", "Ärger"), ("strasse", "Straße"), ("test", "Ｔest")] {
        let jid = format!("{account}@localhost");
        let script = Harness::<Registration>::new().account(&jid, "r0m30");
        let mut registration = script.start().unwrap();
        let sender = format!("{jid}/balcony");
        let _ = registration.iq_from(&sender, &self::account(typed, "n3w"));
        assert_eq!(registration.password(&jid), Some("n3w"), "{typed}");
    }
}

#[test]
fn a_stream_makes_as_many_accounts_as_the_operator_allows() {
    let script = Harness::<Registration>::new()
        .config("open", true)
        .config("accounts_per_stream", 2_i64);
    let mut registration = script.account("juliet@localhost", "x").start().unwrap();
    let mut make = |name: &str| registration.pre_auth(&stream(), &account(name, "x"));
    let result = "<iq type='result' id='r2' from='localhost'/>";
    assert_eq!(make("romeo"), result);
    let conflict = "That username is already taken.";
    assert_eq!(
        make("juliet"),
        error("cancel", "409", "conflict", conflict).as_str(),
        "a refused request does not count"
    );
    assert_eq!(make("mercutio"), result);
    let full = "2 accounts for each stream";
    assert_eq!(
        make("tybalt"),
        error("modify", "406", "not-acceptable", full).as_str()
    );
}

fn changed_result() -> &'static str {
    "<iq type='result' id='r2' from='localhost' to='juliet@localhost/balcony'/>"
}

// seeds: R9
#[test]
fn offers_itself_only_on_encrypted_streams_while_open() {
    let offered = "<register xmlns='http://jabber.org/features/iq-register'/>";
    assert_eq!(open().features(&stream()), [offered]);
    let plain = plain_stream("connection-2", "localhost");
    assert!(open().features(&plain).is_empty());
    let refused = open().pre_auth(&plain, &account("romeo", "x"));
    let expected = error(
        "modify",
        "",
        "policy-violation",
        "registration needs an encrypted stream",
    );
    assert_eq!(refused, expected.as_str());

    let mut closed = Harness::<Registration>::new().start().unwrap();
    assert!(closed.features(&stream()).is_empty());
    let refused = closed.pre_auth(&stream(), &account("romeo", "x"));
    let expected = error(
        "cancel",
        "405",
        "not-allowed",
        "registration is closed on this server",
    );
    assert_eq!(refused, expected.as_str());
}

// seeds: R14
#[test]
fn one_address_makes_so_many_accounts_in_a_period() {
    let mut registration = Harness::<Registration>::new()
        .config("open", true)
        .config("rate_limit.accounts", 2_i64)
        .config("rate_limit.seconds", 60_i64)
        .start()
        .unwrap();
    let make = |registration: &mut Harness<Registration>, number: u32, name: &str| {
        let stream = tls_stream(&format!("connection-{number}"), "localhost");
        registration
            .pre_auth(&stream, &account(name, "x"))
            .payload()
            .is_none()
    };
    assert!(make(&mut registration, 1, "a"));
    assert!(
        !make(&mut registration, 2, "a"),
        "a conflict is not counted"
    );
    assert!(make(&mut registration, 3, "b"));
    assert!(!make(&mut registration, 4, "c"));
    registration.pass(Duration::from_mins(1));
    assert!(make(&mut registration, 5, "c"));
}

#[test]
fn passes_on_why_there_can_be_no_such_account() {
    let refused =
        |username: &str, password: &str| open().pre_auth(&stream(), &account(username, password));
    let expected = error(
        "modify",
        "400",
        "jid-malformed",
        "this is no valid user name",
    );
    assert_eq!(refused("a@b", "x"), expected.as_str());
    let expected = error(
        "modify",
        "406",
        "not-acceptable",
        "this is no valid password",
    );
    assert_eq!(refused("romeo", &"x".repeat(1_024)), expected.as_str());
    let mut refused = Harness::<Registration>::new()
        .config("open", true)
        .refuse("accounts")
        .start()
        .unwrap();
    let outcome: Outcome = refused.pre_auth(&stream(), &account("romeo", "x"));
    assert_eq!(outcome, error("cancel", "405", "not-allowed", "").as_str());
}

#[test]
fn refuses_a_rate_limit_of_nothing() {
    let start = |key: &str| {
        Harness::<Registration>::new()
            .config(key, 0_i64)
            .start()
            .err()
    };
    assert!(
        start("accounts_per_stream")
            .unwrap()
            .contains("must be at least 1")
    );
    assert!(
        start("rate_limit.accounts")
            .unwrap()
            .contains("must be at least 1")
    );
    assert!(
        start("rate_limit.seconds")
            .unwrap()
            .contains("must be between")
    );
}
