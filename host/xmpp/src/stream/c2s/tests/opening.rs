//! The header and the stream's end (RFC 6120 §4).

use super::*;

fn open(attributes: &str) -> Pair {
    let mut pair = Pair::new(settings());
    pair.client(&format!(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams' {attributes}>"
    ));
    pair
}

fn attribute<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header
        .split_once(&format!(" {name}='"))?
        .1
        .split('\'')
        .next()
}

#[test]
fn answers_a_header_with_header_and_features() {
    let said = open("to='EXAMPLE.com.' version='1.0' xml:lang='de'").server();
    assert!(
        said.starts_with("<?xml version='1.0'?><stream:stream xmlns='jabber:client' "),
        "{said}"
    );
    let header = said
        .split_once("<stream:features>")
        .unwrap()
        .0
        .strip_prefix("<?xml version='1.0'?>")
        .unwrap();
    assert_eq!(attribute(header, "from"), Some("example.com"));
    assert_eq!(attribute(header, "to"), None);
    assert_eq!(attribute(header, "version"), Some("1.0"));
    assert_eq!(attribute(header, "xml:lang"), Some("en"));
    assert!(attribute(header, "id").unwrap().len() >= 22);
}

#[test]
fn names_the_client_only_if_it_named_itself() {
    let mut pair = open("to='example.net' from='J&amp;J@Example.net/x' version='1.0'");
    // An ampersand is forbidden in a localpart, so nobody was named.
    assert!(!pair.server().contains(" to="));
    let said = open("to='example.net' from='Juliet@Example.net/x' version='1.0'").server();
    assert!(
        said.contains(" from='example.net' to='juliet@example.net' "),
        "{said}"
    );
}

#[test]
fn takes_a_new_id_for_each_header() {
    let mut pair = Pair::new(settings());
    let first = pair.dialogue(OPEN);
    pair.client(STARTTLS);
    let second = pair.dialogue(OPEN);
    let second = second
        .split_once("<?xml version='1.0'?>")
        .unwrap()
        .1
        .to_owned();
    let first = first.strip_prefix("<?xml version='1.0'?>").unwrap();
    assert_ne!(attribute(first, "id"), attribute(&second, "id"));
}

#[test]
fn ends_a_stream_over_its_header_but_opens_its_own_first() {
    for (attributes, condition) in [
        ("version='1.0'", "improper-addressing"),
        ("to='' version='1.0'", "host-unknown"),
        ("to='example.org' version='1.0'", "host-unknown"),
        ("to='juliet@example.com' version='1.0'", "host-unknown"),
        ("to='example.com'", "unsupported-version"),
        ("to='example.com' version='0.9'", "unsupported-version"),
        ("to='example.com' version='one'", "unsupported-version"),
    ] {
        let mut pair = open(attributes);
        assert!(
            pair.said
                .starts_with("<?xml version='1.0'?><stream:stream "),
            "{attributes}"
        );
        assert!(pair.said.contains(" from='example.com' "), "{attributes}");
        assert!(!pair.said.contains("features"));
        pair.ended_with(condition);
    }
}

#[test]
fn answers_with_the_lower_version() {
    for (theirs, ours) in [
        ("2.13", "1.0"),
        ("1.7", "1.0"),
        ("01.0", "1.0"),
        ("0.9", "0.9"),
    ] {
        let said = open(&format!("to='example.com' version='{theirs}'")).server();
        let header = said.strip_prefix("<?xml version='1.0'?>").unwrap();
        assert_eq!(attribute(header, "version"), Some(ours), "{theirs}");
    }
    let said = open("to='example.com'").server();
    assert_eq!(
        attribute(
            said.strip_prefix("<?xml version='1.0'?>").unwrap(),
            "version"
        ),
        None
    );
}

#[test]
fn takes_only_the_namespaces_of_clients_streams() {
    for (header, condition) in [
        (
            "<stream:stream xmlns='jabber:client' xmlns:stream='urn:wrong' to='example.com' version='1.0'>",
            "invalid-namespace",
        ),
        (
            "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' to='example.com' version='1.0'>",
            "invalid-namespace",
        ),
        (
            "<stream:flow xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.com' version='1.0'>",
            "bad-format",
        ),
    ] {
        let mut pair = Pair::new(settings());
        pair.client(header);
        assert!(pair.said.starts_with("<?xml"), "{header}");
        pair.ended_with(condition);
    }
    let mut pair = Pair::new(settings());
    let said = pair.dialogue(
        "<stream xmlns='http://etherx.jabber.org/streams' to='example.com' version='1.0'>",
    );
    assert!(
        said.contains("<stream:features>"),
        "prefix-free streams are as good: {said}"
    );
}

#[test]
fn answers_what_is_no_xml_with_a_header_and_an_error() {
    for (sent, condition) in [
        ("GET / HTTP/1.1\r\n\r\n", "not-well-formed"),
        ("<!DOCTYPE x []><x>", "restricted-xml"),
        (
            "<?xml version='1.0' encoding='ISO-8859-1'?><x>",
            "unsupported-encoding",
        ),
    ] {
        let mut pair = Pair::new(settings());
        pair.client(sent);
        assert!(
            pair.said
                .starts_with("<?xml version='1.0'?><stream:stream "),
            "{sent}"
        );
        pair.ended_with(condition);
    }
}

#[test]
fn says_that_a_stanza_is_too_big() {
    let mut pair = Pair::new(settings());
    pair.client(OPEN);
    pair.client(&format!("<iq id='{}'/>", "x".repeat(20_000)));
    assert!(
        pair.said
            .contains("<stanza-too-big xmlns='urn:xmpp:errors'/>"),
        "{}",
        pair.said
    );
    pair.ended_with("policy-violation");
}

#[test]
fn closes_when_the_client_does() {
    let mut pair = Pair::new(settings());
    pair.client(OPEN);
    pair.server();
    assert_eq!(pair.dialogue("</stream:stream>"), "</stream:stream>");
    assert!(pair.closed);

    let mut pair = Pair::secured();
    let error = "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    assert_eq!(pair.dialogue(error), "</stream:stream>");
    assert!(pair.closed);
}

#[test]
fn ends_every_step_at_its_deadline_and_at_shutdown() {
    let pairs: [fn() -> Pair; 4] = [
        || Pair::new(settings()),
        || open("to='example.com' version='1.0'"),
        Pair::secured,
        Pair::authenticated,
    ];
    for pair in pairs {
        let mut late = pair();
        late.input(Input::DeadlinePassed);
        late.ended_with("connection-timeout");
        let mut stopped = pair();
        stopped.input(Input::ShuttingDown);
        stopped.ended_with("system-shutdown");
    }
    let now = Instant::now();
    let negotiation = Negotiation::new(Arc::new(settings()), Peer { loopback: false }, now);
    assert_eq!(negotiation.deadline(), now + Duration::from_secs(30));
}

#[test]
fn says_nothing_to_a_socket_that_is_gone() {
    let mut pair = Pair::secured();
    pair.input(Input::Disconnected);
    pair.input(Input::ShuttingDown);
    assert_eq!((pair.server(), pair.closed), (String::new(), false));
}

#[test]
fn refuses_stanzas_before_authentication() {
    for (sent, condition) in [
        (
            "<message to='romeo@example.net'><body>hi</body></message>",
            "not-authorized",
        ),
        ("<presence/>", "not-authorized"),
        (BIND, "not-authorized"),
        (
            "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
            "not-authorized",
        ),
        (
            "<iq type='get' id='1' to='romeo@example.net'><query xmlns='jabber:iq:register'/></iq>",
            "not-authorized",
        ),
        (
            "<iq type='get' id='1' to='example.net'><query xmlns='jabber:iq:register'/></iq>",
            "not-authorized",
        ),
        (
            "<iq type='result' id='1'><query xmlns='jabber:iq:register'/></iq>",
            "not-authorized",
        ),
        ("<iq type='get' id='1'/>", "not-authorized"),
        (
            "<iq type='set' id='1'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>",
            "not-authorized",
        ),
        ("<message xmlns='jabber:server'/>", "invalid-namespace"),
        ("<telegram/>", "unsupported-stanza-type"),
        ("<r xmlns='urn:xmpp:sm:3'/>", "unsupported-stanza-type"),
    ] {
        let mut pair = Pair::secured();
        pair.client(sent);
        pair.ended_with(condition);
    }
}

#[test]
fn refuses_a_prefixed_stanza() {
    let mut pair = Pair::secured();
    pair.client("<c:message xmlns:c='jabber:client'/>");
    pair.ended_with("bad-namespace-prefix");
}

// seeds: P14
#[test]
fn lets_an_extension_answer_before_authentication() {
    let mut pair = Pair::secured();
    for id in ["1", "2"] {
        let request = format!(
            "<iq type='get' id='{id}' to='example.com'><query xmlns='jabber:iq:register'/></iq>"
        );
        let said = pair.dialogue(&request);
        assert!(
            said.contains("type='result'") && said.contains(&format!("id='{id}'")),
            "{said}"
        );
    }
    pair.broken = true;
    let said = pair.dialogue("<iq type='get' id='3'><query xmlns='jabber:iq:register'/></iq>");
    assert!(said.contains("internal-server-error"), "{said}");
    assert!(!pair.closed);
    pair.broken = false;
    for _ in 0..17 {
        pair.client("<iq type='get' id='4'><query xmlns='jabber:iq:register'/></iq>");
    }
    assert!(!pair.closed);
    pair.client("<iq type='get' id='5'><query xmlns='jabber:iq:register'/></iq>");
    pair.ended_with("policy-violation");
}

#[test]
fn refuses_compression_without_another_effect() {
    let compress =
        "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>";
    let refusal =
        "<failure xmlns='http://jabber.org/protocol/compress'><unsupported-method/></failure>";
    let mut pair = Pair::new(settings());
    pair.client(OPEN);
    pair.server();
    assert_eq!(pair.dialogue(compress), refusal);
    assert!(
        pair.dialogue(&auth("PLAIN", "\0juliet\0r0m30"))
            .contains("encryption-required")
    );
    let mut pair = Pair::authenticated();
    assert_eq!(pair.dialogue(compress), refusal);
    pair.client(BIND);
    assert!(pair.established.is_some());
}

/// sendxmpp puts its machine's name there, others leave it out or send what is no address: it decides nothing (§4.7.1).
#[test]
fn ignores_a_wrong_from_in_a_header() {
    for from in [
        "",
        "@",
        "a b@example.com",
        "mallory@example.net",
        "laptop.local",
        "example.com",
    ] {
        let open = OPEN.replace(" version", &format!(" from='{from}' version"));
        let mut pair = Pair::new(settings());
        let said = pair.dialogue(&open);
        assert!(said.contains("<starttls"), "{from:?}: {said}");
        pair.client(STARTTLS);
        pair.dialogue(&open);
        pair.client(&auth("PLAIN", "\0juliet\0r0m30"));
        pair.client(&open);
        pair.client(BIND);
        let established = pair.established.unwrap();
        assert_eq!(
            established.jid.to_bare().as_str(),
            "juliet@example.com",
            "{from:?}"
        );
    }
}
