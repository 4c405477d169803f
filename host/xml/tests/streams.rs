//! A stream from header to end.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use waxwing_xml::{Context, Element, Limits, StreamEvent, StreamParser};

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
