//! A stream from header to end.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by it")]

use waxwing_xml::{Context, Element, Limits, StreamEvent, StreamHeader, StreamParser};

const STREAM: &[u8] = b"<?xml version='1.0'?>\n<stream:stream to='a.example' version='1.0' xml:lang='en' \
    xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:p'>\n \
    <message to='x@y' p:q='1&lt;&#65;'><body>Hi &amp; <![CDATA[<you>]]]]>\r\nthere\xc3\xa9</body>\
    <active xmlns='http://jabber.org/protocol/chatstates'/><p:z/></message><stream:features/></stream:stream>\n";

fn events(pieces: &[&[u8]]) -> Vec<StreamEvent> {
    let mut parser = StreamParser::new(Limits::stanza());
    let mut events = Vec::new();
    for piece in pieces {
        let mut rest = *piece;
        while let Some(event) = parser.next(&mut rest).unwrap() {
            events.push(event);
        }
        assert!(rest.is_empty());
    }
    parser.finish().unwrap();
    events
}

#[test]
fn reads_a_stream_however_it_is_split() {
    let whole = events(&[STREAM]);
    assert_eq!(whole.len(), 4);
    let StreamEvent::Element(message) = &whole[1] else {
        panic!("{whole:?}")
    };
    assert_eq!(message.attr_ns("urn:p", "q"), Some("1<A"));
    assert_eq!(
        message.child("body", "jabber:client").unwrap().text(),
        "Hi & <you>]]\nthereé"
    );
    let mut out = Vec::new();
    message.write(&Context::stream("jabber:client"), &mut out);
    let again = Element::parse(&out, "jabber:client", &Limits::stanza()).unwrap();
    assert_eq!(&again, message, "{}", String::from_utf8_lossy(&out));
    let bytes: Vec<&[u8]> = STREAM.chunks(1).collect();
    assert_eq!(events(&bytes), whole);
    for at in 0..STREAM.len() {
        assert_eq!(events(&[&STREAM[..at], &STREAM[at..]]), whole);
    }
}

fn open(header: &[u8]) -> (StreamParser, StreamHeader) {
    let mut parser = StreamParser::new(Limits::pre_auth());
    let mut rest = header;
    match parser.next(&mut rest) {
        Ok(Some(StreamEvent::Open(header))) => (parser, header),
        other => panic!("{other:?}"),
    }
}

fn element(parser: &mut StreamParser, mut bytes: &[u8]) -> Element {
    match parser.next(&mut bytes) {
        Ok(Some(StreamEvent::Element(element))) => element,
        other => panic!("{other:?}"),
    }
}

const HEADER: &[u8] = b"<stream:stream to='a.example' xml:lang='de' xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' xmlns:x='urn:x'>";

#[test]
fn tells_what_the_header_declares() {
    let (_, header) = open(HEADER);
    assert!(header.root.is("stream", "http://etherx.jabber.org/streams"));
    assert_eq!(
        (header.root.attr("to"), header.root.lang()),
        (Some("a.example"), Some("de"))
    );
    assert_eq!(header.default_ns.as_deref(), Some("jabber:client"));
    assert_eq!(header.prefix.as_deref(), Some("stream"));
    assert_eq!(header.root.attrs().len(), 2);
}

#[test]
fn reads_a_header_without_prefix() {
    let (mut parser, header) = open(b"<stream xmlns='http://etherx.jabber.org/streams'>");
    assert_eq!(
        (header.prefix, header.default_ns.as_deref()),
        (None, Some("http://etherx.jabber.org/streams"))
    );
    let message = element(
        &mut parser,
        b"<message xmlns='jabber:client'><body/></message>",
    );
    assert!(message.child("body", "jabber:client").is_some());
    let mut end = b"</stream>".as_slice();
    assert_eq!(parser.next(&mut end), Ok(Some(StreamEvent::Close)));
}

#[test]
fn declares_again_what_the_header_declared() {
    let (mut parser, _) = open(HEADER);
    for _ in 0..2 {
        let message = element(&mut parser, b"<message><x:a x:b='1'/><x:a/></message>");
        assert_eq!(
            message.to_xml(),
            "<message xmlns='jabber:client'><a xmlns='urn:x' xmlns:ns0='urn:x' ns0:b='1'/><a xmlns='urn:x'/></message>"
        );
    }
}

#[test]
fn leaves_what_follows_an_event() {
    let (mut parser, _) = open(HEADER);
    let mut rest = b" <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><iq/>".as_slice();
    assert!(matches!(
        parser.next(&mut rest),
        Ok(Some(StreamEvent::Element(_)))
    ));
    assert_eq!(rest, b"<iq/>");
    parser.restart();
    let mut header = HEADER;
    assert!(matches!(
        parser.next(&mut header),
        Ok(Some(StreamEvent::Open(_)))
    ));
}

#[test]
fn ends_only_after_the_end_tag() {
    let (mut parser, _) = open(HEADER);
    assert!(parser.finish().is_err());
    let mut rest = b"\n</stream:stream>\n".as_slice();
    assert_eq!(parser.next(&mut rest), Ok(Some(StreamEvent::Close)));
    assert_eq!(parser.next(&mut rest), Ok(None));
    assert_eq!(parser.finish(), Ok(()));
}

#[test]
fn ends_at_once_after_an_empty_header() {
    let (mut parser, _) = open(b"<stream xmlns='http://etherx.jabber.org/streams'/>");
    assert_eq!(
        parser.next(&mut b"".as_slice()),
        Ok(Some(StreamEvent::Close))
    );
    assert_eq!(parser.finish(), Ok(()));
}

#[test]
fn writes_references_for_what_a_reader_would_change() {
    let built = Element::builder("a", "")
        .attr("b", "<>&'\"\t\r\n")
        .attr_ns("urn:x", "c", "1")
        .attr_ns("urn:x", "d", "2")
        .text("<>&'\"\t\r\n\u{0}")
        .build();
    assert_eq!(
        built.to_xml(),
        "<a b='&lt;&gt;&amp;&apos;&quot;&#x9;&#xD;&#xA;' xmlns:ns1='urn:x' ns1:c='1' ns1:d='2'>\
            &lt;&gt;&amp;'\"\t&#xD;\n\u{FFFD}</a>"
    );
}

#[test]
fn writes_the_stream_prefix_where_it_is_bound() {
    let features = Element::builder("features", "http://etherx.jabber.org/streams")
        .child(Element::builder("bind", "urn:ietf:params:xml:ns:xmpp-bind").build())
        .child(Element::builder("x", "jabber:client").build())
        .build();
    let mut out = Vec::new();
    features.write(&Context::stream("jabber:client"), &mut out);
    assert_eq!(
        String::from_utf8_lossy(&out),
        "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><x/></stream:features>"
    );
}
