//! Matchers: a table of stanzas and predicates.

use waxwing_plugin::StanzaKind::{Iq, Message, Presence};
use waxwing_plugin::harness::stanza;
use waxwing_plugin::matcher::{
    Address, Matcher, all_of, any_of, attribute, from, id, kind, payload, sent_by, to, with_type,
};

const STANZAS: [&str; 5] = [
    "<message from='juliet@localhost/x' to='romeo@localhost' id='m1'><body>hi</body></message>",
    "<message from='juliet@localhost/x' to='romeo@elsewhere/y' type='chat'/>",
    "<presence from='juliet@localhost/x'/>",
    "<iq from='romeo@localhost/y' to='localhost' type='get' id='i1'><q xmlns='urn:q' node='n'/></iq>",
    "<iq from='romeo@localhost/y' to='juliet@localhost/x' type='set' id='i2'><q xmlns='urn:q' node='o'/></iq>",
];

// seeds: P8
/// P8: stanzas against matchers.
#[test]
fn each_matcher_matches_its_stanzas_and_no_others() {
    let table: [(&str, Matcher, [bool; 5]); 18] = [
        ("message", kind(Message), [true, true, false, false, false]),
        (
            "presence",
            kind(Presence),
            [false, false, true, false, false],
        ),
        ("iq", kind(Iq), [false, false, false, true, true]),
        (
            "normal",
            with_type("normal"),
            [true, false, false, false, false],
        ),
        (
            "available",
            with_type("available"),
            [false, false, true, false, false],
        ),
        ("id", id("i1"), [false, false, false, true, false]),
        (
            "payload",
            payload("urn:q", "q"),
            [false, false, false, true, true],
        ),
        ("other namespace", payload("urn:p", "q"), [false; 5]),
        (
            "attribute",
            attribute("urn:q", "q", "node", "n"),
            [false, false, false, true, false],
        ),
        (
            "full sender",
            sent_by("juliet@localhost/x"),
            [true, true, true, false, false],
        ),
        (
            "bare sender",
            sent_by("romeo@localhost"),
            [false, false, false, true, true],
        ),
        (
            "to server",
            to(Address::Server),
            [false, false, false, true, false],
        ),
        (
            "to bare",
            to(Address::Bare),
            [true, false, false, false, false],
        ),
        (
            "to full",
            to(Address::Full),
            [false, false, false, false, true],
        ),
        (
            "to remote",
            to(Address::Remote),
            [false, true, false, false, false],
        ),
        (
            "to nobody",
            to(Address::Absent),
            [false, false, true, false, false],
        ),
        ("from full", from(Address::Full), [true; 5]),
        ("not", kind(Message).not(), [false, false, true, true, true]),
    ];
    for (name, matcher, expected) in table {
        let matched = STANZAS.map(|xml| matcher.matches(&stanza(xml).unwrap()));
        assert_eq!(matched, expected, "{name}");
    }
}

// seeds: P8
#[test]
fn matchers_combine() {
    let table: [(&str, Matcher, [bool; 5]); 5] = [
        (
            "and",
            kind(Iq).and(with_type("set")),
            [false, false, false, false, true],
        ),
        (
            "or",
            kind(Presence).or(id("m1")),
            [true, false, true, false, false],
        ),
        ("all of none", all_of([]), [true; 5]),
        ("any of none", any_of([]), [false; 5]),
        (
            "nested",
            any_of([
                kind(Message).and(to(Address::Remote).not()),
                all_of([kind(Iq), with_type("get")]),
            ]),
            [true, false, false, true, false],
        ),
    ];
    for (name, matcher, expected) in table {
        let matched = STANZAS.map(|xml| matcher.matches(&stanza(xml).unwrap()));
        assert_eq!(matched, expected, "{name}");
    }
}
