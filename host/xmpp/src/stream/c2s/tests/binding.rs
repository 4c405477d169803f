//! Resource binding (RFC 6120 §7).

use super::*;
use crate::error::Condition;

fn bind(resource: &str) -> String {
    format!(
        "<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <resource>{resource}</resource></bind></iq>"
    )
}

#[test]
fn offers_binding_after_authentication_only() {
    let mut pair = Pair::secured();
    pair.client(&auth("PLAIN", "\0juliet\0r0m30"));
    pair.server();
    let said = pair.dialogue(OPEN);
    let features = "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>\
                    <session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>\
                    <ver xmlns='urn:xmpp:features:rosterver'/><sub xmlns='urn:xmpp:features:pre-approval'/>\
                    <sm xmlns='urn:xmpp:sm:3'/><csi xmlns='urn:xmpp:csi:0'/></stream:features>";
    assert!(said.ends_with(features), "{said}");
}

#[test]
fn binds_the_resource_that_the_client_asks_for() {
    let mut pair = Pair::authenticated();
    let said = pair.dialogue(&bind("Balc\u{ad}ony"));
    assert!(
        said.contains("<jid>juliet@example.com/Balcony</jid>"),
        "{said}"
    );
    assert!(said.contains("id='b1'") && said.contains("type='result'"));
    let established = pair.established.unwrap();
    assert_eq!(established.jid.as_str(), "juliet@example.com/Balcony");
    assert_eq!(
        (established.account, established.host.as_str()),
        (17, "example.com")
    );
    assert_eq!(established.tls, Some(tls_info()));
}

#[test]
fn binds_a_random_resource_where_none_is_asked_for() {
    let mut seen = Vec::new();
    for request in [BIND, BIND, &bind("")] {
        let mut pair = Pair::authenticated();
        pair.client(request);
        let resource = pair.established.unwrap().jid.resource().as_str().to_owned();
        assert!(
            resource.len() >= 22 && !resource.contains('/'),
            "{resource}"
        );
        assert!(!seen.contains(&resource));
        seen.push(resource);
    }
}

#[test]
fn remembers_the_language_of_the_last_header() {
    let mut pair = Pair::secured();
    pair.client(&auth("PLAIN", "\0juliet\0r0m30"));
    pair.client(&OPEN.replace(" version", " xml:lang='de-CH' version"));
    pair.client(BIND);
    assert_eq!(pair.established.unwrap().lang.as_deref(), Some("de-CH"));
}

#[test]
fn takes_everything_in_one_piece() {
    let mut pair = Pair::new(plain_settings());
    let all = [
        OPEN,
        &auth("PLAIN", "\0juliet\0r0m30"),
        OPEN,
        BIND,
        "<presence/>",
    ]
    .concat();
    let said = pair.dialogue(&all);
    let (success, result) = (
        said.find("<success").unwrap(),
        said.find("type='result'").unwrap(),
    );
    assert!(success < result, "{said}");
    assert!(pair.established.is_some());
    assert_eq!(
        pair.pending, b"<presence/>",
        "what follows is the session's"
    );
}

#[test]
fn takes_everything_byte_by_byte() {
    let mut pair = Pair::new(plain_settings());
    for byte in [OPEN, &auth("PLAIN", "\0juliet\0r0m30"), OPEN, BIND]
        .concat()
        .chars()
    {
        pair.client(&byte.to_string());
    }
    assert!(pair.established.is_some());
}

#[test]
fn processes_nothing_before_binding() {
    for sent in [
        "<message/>",
        "<presence/>",
        "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<iq type='get' id='1'><query xmlns='jabber:iq:register'/></iq>",
        "<iq type='set' id='1'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>",
        "<iq type='set' id='1' to='romeo@example.com'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
        "<iq type='result' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    ] {
        let mut pair = Pair::authenticated();
        pair.client(sent);
        pair.ended_with("not-authorized");
    }
    let mut pair = Pair::authenticated();
    pair.client("<message xmlns='jabber:server'/>");
    pair.ended_with("invalid-namespace");
}

#[test]
fn answers_bad_requests_and_allows_five_retries() {
    let bad = [
        "<iq type='get' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>".to_owned(),
        "<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><a xmlns='b'/></iq>"
            .to_owned(),
        "<iq type='get' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>".to_owned(),
        "<iq type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>".to_owned(),
        "<iq id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>".to_owned(),
    ];
    let mut pair = Pair::authenticated();
    for request in &bad {
        let said = pair.dialogue(request);
        assert!(
            said.contains("type='error'") && said.contains("<bad-request "),
            "{said}"
        );
        assert!(!pair.closed);
    }
    pair.client(&bad[0]);
    assert!(pair.said.contains("<bad-request "));
    pair.ended_with("policy-violation");
}

/// §7.7.2.1. An emoji in a resource kept its user out.
#[test]
fn binds_a_resource_of_its_own_for_one_that_cannot_be() {
    let long = "x".repeat(1024);
    for resource in [
        "\u{1f40e}",
        "\u{20b9}",
        "\u{1e9e}",
        "\u{5d0}a",
        "a\u{7f}b",
        "\u{ad}",
        &long,
    ] {
        let mut pair = Pair::authenticated();
        let said = pair.dialogue(&bind(resource));
        assert!(said.contains("type='result'"), "{resource:?}: {said}");
        let bound = pair.established.unwrap().jid.resource().as_str().to_owned();
        assert!(
            bound.len() >= 22 && bound != resource,
            "{resource:?}: {bound}"
        );
    }
}

#[test]
fn passes_on_why_binding_is_refused() {
    let mut pair = Pair::authenticated();
    pair.bind_errors = [
        Condition::ResourceConstraint.into(),
        Condition::Conflict.into(),
    ]
    .into();
    assert!(pair.dialogue(&bind("a")).contains("<resource-constraint "));
    assert!(pair.dialogue(&bind("a")).contains("<conflict "));
    pair.broken = true;
    assert!(
        pair.dialogue(&bind("a"))
            .contains("<internal-server-error ")
    );
    pair.broken = false;
    pair.client(&bind("a"));
    assert!(pair.established.is_some());
}

#[test]
fn leaves_the_stream_to_the_session() {
    let mut pair = Pair::authenticated();
    pair.client(BIND);
    pair.server();
    for input in [
        Input::DeadlinePassed,
        Input::ShuttingDown,
        Input::Disconnected,
        Input::EffectFailed,
    ] {
        pair.input(input);
    }
    assert_eq!((pair.server(), pair.closed), (String::new(), false));
}

const RESUME: &str = "<resume xmlns='urn:xmpp:sm:3' previd='before' h='5'/>";
const UNEXPECTED: &str = "<failed xmlns='urn:xmpp:sm:3'><unexpected-request \
                          xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>";

#[test]
fn resumes_a_session_instead_of_binding() {
    let mut pair = Pair::authenticated();
    pair.resumptions.push_back(Ok("juliet@example.com/Balcony"));
    // The session itself answers.
    assert_eq!(pair.dialogue(RESUME), "");
    let established = pair.established.unwrap();
    assert_eq!(established.jid.as_str(), "juliet@example.com/Balcony");
}

#[test]
fn a_client_may_bind_where_it_cannot_resume() {
    let mut pair = Pair::authenticated();
    pair.resumptions.push_back(Err(crate::sm::NotResumed {
        condition: Condition::ItemNotFound,
        handled: Some(3),
    }));
    assert_eq!(
        pair.dialogue(RESUME),
        "<failed xmlns='urn:xmpp:sm:3' h='3'><item-not-found \
         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
    );
    let said = pair.dialogue(&bind("Balcony"));
    assert!(said.contains("juliet@example.com/Balcony"), "{said}");
}

#[test]
fn does_not_enable_stream_management_before_binding() {
    let mut pair = Pair::secured();
    for _ in 0..2 {
        let said = pair.dialogue("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
        assert_eq!(said, UNEXPECTED);
    }
    let mut pair = Pair::authenticated();
    assert_eq!(pair.dialogue("<enable xmlns='urn:xmpp:sm:3'/>"), UNEXPECTED);
    let malformed = pair.dialogue("<resume xmlns='urn:xmpp:sm:3' h='5'/>");
    assert!(malformed.contains("<bad-request"), "{malformed}");
}

#[test]
fn gives_a_client_so_many_attempts_to_resume() {
    let mut pair = Pair::authenticated();
    for _ in 0..6 {
        pair.client("<enable xmlns='urn:xmpp:sm:3'/>");
    }
    pair.ended_with("policy-violation");
}
