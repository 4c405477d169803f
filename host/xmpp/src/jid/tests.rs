//! Tables after RFC 7622 §3.5 and RFC 6122 §2, and the property that preparation is stable.

use super::*;
use proptest::prelude::*;

fn prepared(text: &str) -> String {
    parse(text)
        .unwrap_or_else(|fault| panic!("{text:?}: {fault}"))
        .as_str()
        .to_owned()
}

#[test]
fn accepts_the_valid_addresses_of_rfc_7622() {
    for (text, wanted) in [
        ("juliet@example.com", "juliet@example.com"),
        ("juliet@example.com/foo", "juliet@example.com/foo"),
        ("juliet@example.com/foo bar", "juliet@example.com/foo bar"),
        ("juliet@example.com/foo@bar", "juliet@example.com/foo@bar"),
        ("foo\\20bar@example.com", "foo\\20bar@example.com"),
        // Nodeprep folds what PRECIS keeps apart: sharp s and final sigma.
        ("fussball@example.com", "fussball@example.com"),
        ("fu\u{df}ball@example.com", "fussball@example.com"),
        ("\u{3c0}@example.com", "\u{3c0}@example.com"),
        ("\u{3a3}@example.com/foo", "\u{3c3}@example.com/foo"),
        ("\u{3c3}@example.com/foo", "\u{3c3}@example.com/foo"),
        ("\u{3c2}@example.com/foo", "\u{3c3}@example.com/foo"),
        ("king@example.com/\u{265a}", "king@example.com/\u{265a}"),
        ("example.com", "example.com"),
        ("example.com/foobar", "example.com/foobar"),
        ("a.example.com/b@example.net", "a.example.com/b@example.net"),
    ] {
        assert_eq!(prepared(text), wanted, "{text:?}");
    }
}

#[test]
fn refuses_the_invalid_addresses_of_rfc_7622() {
    for (text, fault) in [
        ("\"juliet\"@example.com", JidError::Localpart),
        ("foo bar@example.com", JidError::Localpart),
        ("juliet@example.com/", JidError::Resource),
        ("@example.com/foo", JidError::Localpart),
        ("henry\u{2163}@", JidError::Domain),
        ("juliet@", JidError::Domain),
        ("/foobar", JidError::Domain),
        ("", JidError::Domain),
        ("@", JidError::Localpart),
        ("a@b@example.com", JidError::Domain),
        ("a&b@example.com", JidError::Localpart),
        ("a'b@example.com", JidError::Localpart),
        ("a:b@example.com", JidError::Localpart),
        ("a<b@example.com", JidError::Localpart),
        ("a>b@example.com", JidError::Localpart),
        ("a\u{0}b@example.com", JidError::Localpart),
        ("juliet@example.com/a\u{7}b", JidError::Resource),
        ("juliet@exa mple.com", JidError::Domain),
        ("juliet@example..com", JidError::Domain),
        ("juliet@.", JidError::Domain),
        ("juliet@-example.com", JidError::Domain),
        ("juliet@[::1", JidError::Domain),
        ("juliet@[zz]", JidError::Domain),
        // An account name of full-width letters that would hide an @ or a slash.
        ("juliet\u{ff20}x@example.com", JidError::Localpart),
        ("juliet@exa\u{ff0f}mple.com", JidError::Domain),
        ("juliet@exa\u{2100}mple.com", JidError::Domain),
        // Right-to-left text mixed with left-to-right (RFC 3454 §6).
        ("\u{5d0}a@example.com", JidError::Localpart),
        ("\u{5d0}1@example.com", JidError::Localpart),
        // Unassigned in Unicode 3.2.
        ("\u{1f600}@example.com", JidError::Localpart),
    ] {
        assert_eq!(parse(text), Err(fault), "{text:?}");
    }
}

#[test]
fn maps_case_and_width_but_keeps_the_case_of_the_resource() {
    for (text, wanted) in [
        ("JULIET@EXAMPLE.COM/Balcony", "juliet@example.com/Balcony"),
        ("\u{ff2a}uliet@Example.com", "juliet@example.com"),
        ("henry\u{2163}@example.com", "henryiv@example.com"),
        ("a\u{ad}b@example.com", "ab@example.com"),
        ("a\u{200d}b@example.com/c\u{200d}d", "ab@example.com/cd"),
        ("juliet@example.com/\u{2163}", "juliet@example.com/IV"),
        ("juliet@M\u{dc}NCHEN.example", "juliet@m\u{fc}nchen.example"),
        ("\u{5d0}\u{5d1}@example.com", "\u{5d0}\u{5d1}@example.com"),
    ] {
        assert_eq!(prepared(text), wanted, "{text:?}");
    }
}

#[test]
fn strips_the_dot_of_the_root_and_normalises_domains() {
    for (text, wanted) in [
        ("example.com.", "example.com"),
        ("juliet@example.com.", "juliet@example.com"),
        ("juliet@example.com./balcony", "juliet@example.com/balcony"),
        (
            "juliet@example\u{3002}com\u{ff0e}/balcony",
            "juliet@example.com/balcony",
        ),
        ("juliet@192.0.2.1/a", "juliet@192.0.2.1/a"),
        ("juliet@[2001:DB8::0:1]/a", "juliet@[2001:db8::1]/a"),
        // The crate strips the dot only after it has looked for an IP address.
        ("juliet@[2001:DB8::0:1]./a", "juliet@[2001:db8::1]/a"),
    ] {
        assert_eq!(prepared(text), wanted, "{text:?}");
    }
    let jid = parse("juliet@example.com./balcony").unwrap();
    assert_eq!(jid.domain().as_str(), "example.com");
    assert_eq!(jid.resource().unwrap().as_str(), "balcony");
    assert_eq!(parse("example.com.."), Err(JidError::Domain));
}

/// RFC 7622 §3.2.1. `domain = "pl\u{e4}.example"` and a stream to `xn--pl-wia.example` did not meet.
#[test]
fn makes_a_labels_u_labels() {
    for (text, wanted) in [
        ("xn--pl-wia.example", "pl\u{e4}.example"),
        ("XN--PL-WIA.Example.", "pl\u{e4}.example"),
        ("\u{ff38}n--pl-wia\u{3002}example", "pl\u{e4}.example"),
        (
            "juliet@xn--pl-wia.example/xn--pl-wia",
            "juliet@pl\u{e4}.example/xn--pl-wia",
        ),
        ("xn--juliet@example.com", "xn--juliet@example.com"),
        ("a.xn--pl-wia.xn--mnchen-3ya", "a.pl\u{e4}.m\u{fc}nchen"),
        ("\u{fc}.xn--pl-wia", "\u{fc}.pl\u{e4}"),
        ("\u{5d0}\u{5d1}.\u{5d0}", "\u{5d0}\u{5d1}.\u{5d0}"),
        ("xn--4dbc.xn--4db", "\u{5d0}\u{5d1}.\u{5d0}"),
        // Right to left beside left to right: nameprep holds no such domain, so it has A-labels alone.
        ("xn--4db.example", "xn--4db.example"),
        ("\u{5d0}.example", "xn--4db.example"),
        ("xn--4db.pl\u{e4}.example", "xn--4db.xn--pl-wia.example"),
        ("\u{5d0}.xn--pl-wia.example", "xn--4db.xn--pl-wia.example"),
        // Younger than Unicode 3.2, and the sharp s, which nameprep makes another domain.
        ("xn--ls8h.example", "xn--ls8h.example"),
        ("xn--strae-oqa.example", "xn--strae-oqa.example"),
        ("stra\u{df}e.example", "strasse.example"),
    ] {
        assert_eq!(prepared(text), wanted, "{text:?}");
        assert_eq!(prepared(wanted), wanted, "{text:?}");
    }
    for text in [
        "xn--",
        "xn--a",
        "xn--example-.com",
        "xn--a-ecp.ru",
        "xn--zzzzzzzzzz99999.example",
        "juliet@xn--.example",
        // What encodes a capital, a full stop, a combining mark at the beginning, a wide letter, a soft hyphen.
        "xn--pl-5fa.example",
        "xn--ab-r13a.example",
        "xn--a-wbb.example",
        "xn--ab-mw3n.example",
        "xn--ab-5da.example",
    ] {
        assert_eq!(parse(text), Err(JidError::Domain), "{text:?}");
    }
}

#[test]
fn counts_a_part_after_mapping() {
    let longest = "a".repeat(MAX_PART);
    let longer = "a".repeat(MAX_PART + 1);
    for case in [&longest, &longest.to_uppercase()] {
        assert!(parse(&format!("{case}@example.com/{longest}")).is_ok());
    }
    assert_eq!(
        parse(&format!("{longer}@example.com")),
        Err(JidError::Localpart)
    );
    assert_eq!(
        parse(&format!("a@example.com/{longer}")),
        Err(JidError::Resource)
    );
    // A Kelvin sign is three bytes that become one, a ligature three that become two or more.
    assert!(parse(&format!("{}@example.com", "\u{212a}".repeat(MAX_PART))).is_ok());
    assert_eq!(
        parse(&format!("{}@example.com", "\u{fb03}".repeat(400))),
        Err(JidError::Localpart)
    );
    assert_eq!(parse(&"\u{ad}".repeat(100_000)), Err(JidError::TooLong));
}

#[test]
fn tells_bare_from_full() {
    assert_eq!(parse_bare("a@b/c"), Err(JidError::NotBare));
    assert_eq!(parse_full("a@b"), Err(JidError::NotFull));
    assert_eq!(parse_full("A@b/C").unwrap().as_str(), "a@b/C");
    assert_eq!(bare("A", "B.").unwrap().as_str(), "a@b");
    assert_eq!(
        with_resource(&bare("a", "b").unwrap(), "").unwrap_err(),
        JidError::Resource
    );
}

#[test]
fn every_character_is_prepared_to_something_stable_or_refused() {
    for character in '\u{0}'..=char::MAX {
        let text = character.to_string();
        for prepare in [prepare_localpart, prepare_domain, prepare_resource] {
            if let Ok(once) = prepare(&text) {
                assert_eq!(prepare(&once), Ok(once), "{character:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn preparation_is_stable(text in "\\PC{0,8}@?[\\PC.]{1,12}(/\\PC{1,8})?") {
        if let Ok(once) = parse(&text) {
            prop_assert_eq!(parse(once.as_str()), Ok(once.clone()));
            let again = Jid::from_parts(once.node(), once.domain(), once.resource());
            prop_assert_eq!(&again, &once);
        }
    }

    #[test]
    fn a_domain_has_one_form_in_a_labels_and_u_labels(text in "\\PC{1,6}(\\.\\PC{1,4})?") {
        if let (Ok(once), Ok(ascii)) = (prepare_domain(&text), idna::domain_to_ascii(&text)) {
            // Not the same domain by the rules of today where nameprep maps a letter that is kept now, such as a sharp s.
            if idna::domain_to_ascii(&once).is_ok_and(|again| again == ascii) {
                prop_assert_eq!(prepare_domain(&ascii), Ok(once));
            }
        }
    }

    #[test]
    fn the_fast_path_agrees_with_the_slow_one(text in "(xn--)?[a-z0-9._@-]{1,12}(/[ -~]{0,4})?") {
        if let Ok(fast) = parse(&text) {
            prop_assert_eq!(fast.node().map(|part| part.as_str().to_owned()),
                fast.node().map(|part| prepare_localpart(part.as_str()).unwrap()));
            prop_assert_eq!(prepare_domain(fast.domain().as_str()).unwrap(), fast.domain().as_str());
        }
    }
}
