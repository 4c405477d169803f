//! STARTTLS and direct TLS (RFC 6120 §5, XEP-0368).

use super::*;

const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const FAILURE: &str = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>";

#[test]
fn offers_nothing_but_required_tls() {
    let mut pair = Pair::new(settings());
    pair.features =
        vec![Element::builder("register", "http://jabber.org/features/iq-register").build()];
    let said = pair.dialogue(OPEN);
    let features = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";
    assert!(said.ends_with(features), "{said}");
    assert_eq!(pair.dialogue(STARTTLS), PROCEED);
    let said = pair.dialogue(OPEN);
    assert!(!said.contains("starttls"), "{said}");
    let (register, sasl) = (
        said.find("<register ").unwrap(),
        said.find("<mechanisms ").unwrap(),
    );
    assert!(register < sasl, "{said}");
}

// seeds: N2
#[test]
fn refuses_everything_else_before_required_tls() {
    for (sent, condition) in [
        (BIND, "policy-violation"),
        (
            "<iq type='get' id='1'><query xmlns='jabber:iq:register'/></iq>",
            "policy-violation",
        ),
        ("<message/>", "not-authorized"),
        ("<presence/>", "not-authorized"),
        ("<telegram/>", "unsupported-stanza-type"),
    ] {
        let mut pair = Pair::new(settings());
        pair.client(OPEN);
        pair.client(sent);
        pair.ended_with(condition);
    }
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "EXTERNAL", ""] {
        let mut pair = Pair::new(settings());
        pair.client(OPEN);
        pair.server();
        assert_eq!(
            pair.dialogue(&auth(mechanism, "\0juliet\0r0m30")),
            failure("encryption-required"),
            "{mechanism}"
        );
        assert!(pair.looked_up.is_empty());
        assert!(
            pair.dialogue(STARTTLS).contains("proceed"),
            "the stream lives on"
        );
    }
}

#[test]
fn takes_nothing_said_in_clear_for_protected() {
    let injected = auth("PLAIN", "\0juliet\0r0m30");
    for injected in [injected.as_str(), BIND, OPEN, "<", "\n"] {
        let mut pair = Pair::new(settings());
        pair.client(OPEN);
        pair.server();
        let said = pair.dialogue(&format!("{STARTTLS}{injected}"));
        assert_eq!((said.as_str(), pair.closed), (PROCEED, true), "{injected}");
        assert!(pair.looked_up.is_empty());
    }
}

#[test]
fn takes_no_event_while_tls_begins() {
    let mut pair = Pair::new(settings());
    pair.client(OPEN);
    pair.negotiation
        .handle(Input::Event(waxwing_xml::StreamEvent::Element(
            Element::builder("starttls", crate::ns::TLS).build(),
        )));
    pair.negotiation
        .handle(Input::Event(waxwing_xml::StreamEvent::Element(
            Element::builder("message", crate::ns::CLIENT).build(),
        )));
    let outputs: Vec<_> = std::iter::from_fn(|| pair.negotiation.poll()).collect();
    assert!(
        matches!(
            outputs.as_slice(),
            [Output::Send(_), Output::StartTls { .. }, Output::Close]
        ),
        "{outputs:?}"
    );
}

/// The certificate to show depends on it, where the peer's ClientHello names no host.
#[test]
fn names_the_host_whose_tls_begins() {
    for host in ["example.com", "example.net"] {
        let mut pair = Pair::new(settings());
        pair.client(&OPEN.replace("example.com", host));
        pair.server();
        pair.negotiation
            .handle(Input::Event(waxwing_xml::StreamEvent::Element(
                Element::builder("starttls", crate::ns::TLS).build(),
            )));
        let mut outputs = std::iter::from_fn(|| pair.negotiation.poll());
        let named = outputs.find_map(|output| match output {
            Output::StartTls { host } => Some(host),
            _ => None,
        });
        assert_eq!(named.as_deref(), Some(host));
    }
}

#[test]
fn forgets_what_was_said_before_tls() {
    let mut pair = Pair::new(settings());
    pair.client(OPEN);
    pair.client(STARTTLS);
    let said = pair.dialogue(&OPEN.replace("example.com", "example.net"));
    assert!(said.contains(" from='example.net' "), "{said}");
}

#[test]
fn fails_starttls_where_it_is_not_offered() {
    let mut pair = Pair::secured();
    assert_eq!(pair.dialogue(STARTTLS), FAILURE);
    assert!(pair.closed);
    let mut pair = Pair::new(plain_settings());
    let said = pair.dialogue(OPEN);
    assert!(!said.contains("starttls"), "{said}");
    assert_eq!(pair.dialogue(STARTTLS), FAILURE);
    let mut pair = Pair::authenticated();
    assert_eq!(pair.dialogue(STARTTLS), FAILURE);
    assert!(pair.closed);
}

#[test]
fn just_closes_when_tls_fails() {
    let mut pair = Pair::new(settings());
    pair.client(OPEN);
    pair.server();
    pair.broken = true;
    assert_eq!(pair.dialogue(STARTTLS), PROCEED);
    assert!(pair.closed);
}

#[test]
fn begins_with_tls_on_a_direct_port() {
    let mut pair = Pair::new(Settings {
        direct_tls: true,
        ..settings()
    });
    let said = pair.dialogue(OPEN);
    assert!(
        !said.contains("starttls") && said.contains("<mechanism>PLAIN</mechanism>"),
        "{said}"
    );
}

#[test]
fn offers_tls_beside_authentication_where_it_is_optional() {
    let mut pair = Pair::with_peer(
        Settings {
            tls: TlsPolicy::Optional,
            ..settings()
        },
        Peer { loopback: false },
    );
    let said = pair.dialogue(OPEN);
    assert!(
        said.contains("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
        "{said}"
    );
    assert!(
        said.contains("<mechanism>SCRAM-SHA-256</mechanism>")
            && !said.contains("PLAIN")
            && !said.contains("PLUS")
    );
    assert_eq!(
        pair.dialogue(&auth("PLAIN", "\0juliet\0r0m30")),
        failure("encryption-required")
    );
    assert_eq!(pair.dialogue(STARTTLS), PROCEED);
}

#[test]
fn offers_plain_without_tls_on_loopback_only() {
    for (allow, loopback, offered) in [
        (true, true, true),
        (true, false, false),
        (false, true, false),
    ] {
        let settings = Settings {
            allow_plain_without_tls: allow,
            ..plain_settings()
        };
        let mut pair = Pair::with_peer(settings, Peer { loopback });
        assert_eq!(pair.dialogue(OPEN).contains("PLAIN"), offered);
        let said = pair.dialogue(&auth("PLAIN", "\0juliet\0r0m30"));
        assert_eq!(said.contains("<success"), offered, "{said}");
        assert_eq!(said.contains("invalid-mechanism"), !offered, "{said}");
    }
}
