//! RFC 6120 §8.2.3, §8.3.1 and the types of RFC 6121.

use super::*;
use waxwing_xml::Limits;

fn element(xml: &str) -> Element {
    Element::parse(xml.as_bytes(), ns::CLIENT, &Limits::stanza()).unwrap()
}

fn parse(xml: &str) -> Result<Stanza, StanzaFault> {
    Stanza::parse(element(xml), ContentNamespace::Client)
}

fn stanza(xml: &str) -> Stanza {
    parse(xml).unwrap()
}

fn answer(xml: &str) -> Element {
    match parse(xml) {
        Err(StanzaFault::Answer { reply, .. }) => reply,
        other => panic!("{xml}: {other:?}"),
    }
}

fn condition(reply: &Element) -> Condition {
    let error = reply.child("error", ns::CLIENT).unwrap();
    let condition = error.children().next().unwrap();
    assert_eq!(condition.ns(), ns::STANZA_ERRORS);
    Condition::from_name(condition.name()).unwrap()
}

#[test]
fn knows_the_types() {
    for (xml, wanted) in [
        ("<message/>", Type::Message(MessageType::Normal)),
        ("<message type='chat'/>", Type::Message(MessageType::Chat)),
        (
            "<message type='strange'/>",
            Type::Message(MessageType::Normal),
        ),
        ("<message type='CHAT'/>", Type::Message(MessageType::Normal)),
        ("<presence/>", Type::Presence(PresenceType::Available)),
        (
            "<presence type='probe'/>",
            Type::Presence(PresenceType::Probe),
        ),
        (
            "<iq type='get' id=''><a xmlns='b'/></iq>",
            Type::Iq(IqType::Get),
        ),
        ("<iq type='result' id='1'/>", Type::Iq(IqType::Result)),
        ("<iq type='error' id='1'/>", Type::Iq(IqType::Error)),
    ] {
        assert_eq!(stanza(xml).typed(), wanted, "{xml}");
    }
}

#[test]
fn answers_what_breaks_the_rules_with_bad_request() {
    for xml in [
        "<iq id='1'><a xmlns='b'/></iq>",
        "<iq id='1' type='fetch'><a xmlns='b'/></iq>",
        "<iq id='1' type=''><a xmlns='b'/></iq>",
        "<iq id='1' type='get'/>",
        "<iq id='1' type='set'>text</iq>",
        "<iq id='1' type='set'><a xmlns='b'/><c xmlns='d'/></iq>",
        "<presence id='1' type='available'/>",
    ] {
        let reply = answer(xml);
        assert_eq!(condition(&reply), Condition::BadRequest, "{xml}");
        assert_eq!(
            (reply.attr("id"), reply.attr("type")),
            (Some("1"), Some("error"))
        );
        assert_eq!(
            reply.children().count(),
            1,
            "nothing of the stanza is repeated"
        );
    }
    assert_eq!(
        answer("<iq type='get'><a xmlns='b'/></iq>").attr("id"),
        Some("")
    );
}

#[test]
fn answers_a_malformed_address_without_repeating_it() {
    let reply = answer(
        "<message to='a b@example.com' id='7' from='juliet@example.com'><body>hi</body></message>",
    );
    assert_eq!(condition(&reply), Condition::JidMalformed);
    assert_eq!(
        (reply.attr("from"), reply.attr("to")),
        (None, Some("juliet@example.com"))
    );
}

#[test]
fn never_answers_an_answer() {
    for xml in [
        "<message type='error' to='@'/>",
        "<presence type='error' to='@'/>",
        "<iq type='error' id='1' to='@'/>",
        "<iq type='result' id='1' to='@'/>",
        "<iq type='result'/>",
        "<iq type='error'/>",
    ] {
        assert!(matches!(parse(xml), Err(StanzaFault::Drop)), "{xml}");
    }
    let error = StanzaError::new(Condition::ServiceUnavailable);
    for xml in [
        "<message type='error'/>",
        "<presence type='error'/>",
        "<iq type='error' id='1'/>",
        "<iq type='result' id='1'/>",
    ] {
        assert_eq!(stanza(xml).error_reply(&error), None, "{xml}");
    }
}

#[test]
fn ends_the_stream_over_what_is_no_stanza() {
    for (xml, wanted) in [
        (
            "<message xmlns='jabber:server'/>",
            StreamCondition::InvalidNamespace,
        ),
        (
            "<message xmlns='urn:example'/>",
            StreamCondition::UnsupportedStanzaType,
        ),
        ("<telegram/>", StreamCondition::UnsupportedStanzaType),
        ("<message from='@'/>", StreamCondition::InvalidFrom),
    ] {
        let fault = parse(xml).unwrap_err();
        assert_eq!(fault, StanzaFault::Stream(wanted.into()), "{xml}");
    }
}

#[test]
fn swaps_the_addresses_and_keeps_the_id() {
    let request = stanza(
        "<iq type='set' id='r1' to='example.com' from='juliet@example.com/balcony'>\
         <query xmlns='jabber:iq:register'><password>secret</password></query></iq>",
    );
    let reply = request.error_reply(&Condition::NotAllowed.into()).unwrap();
    assert_eq!(reply.attr("from"), Some("example.com"));
    assert_eq!(reply.attr("to"), Some("juliet@example.com/balcony"));
    assert_eq!(reply.attr("id"), Some("r1"));
    assert!(!reply.to_xml().contains("secret"));
    let payload = element("<query xmlns='jabber:iq:register'/>");
    let reply = request.result_reply(Some(payload.clone()));
    assert_eq!(
        (reply.attr("type"), reply.attr("id")),
        (Some("result"), Some("r1"))
    );
    assert_eq!(reply.children().next().unwrap().to_element(), payload);
    assert_eq!(request.result_reply(None).children().count(), 0);
}

#[test]
fn is_stamped_with_the_senders_address_and_language() {
    let mut sent =
        stanza("<message from='mallory@example.net' to='R@Example.com/x' xml:lang='de'/>");
    sent.stamp_from(jid::parse("juliet@example.com/balcony").unwrap());
    assert_eq!(
        sent.element().attr("from"),
        Some("juliet@example.com/balcony")
    );
    assert_eq!(sent.from().unwrap().as_str(), "juliet@example.com/balcony");
    assert_eq!(sent.to().unwrap().as_str(), "r@example.com/x");
    sent.inherit_lang(Some("en"));
    assert_eq!(sent.lang(), Some("de"));
    let mut sent = stanza("<message/>");
    sent.inherit_lang(None);
    assert_eq!(sent.lang(), None);
    sent.inherit_lang(Some("en"));
    assert_eq!(sent.lang(), Some("en"));
}

/// A stream between servers: its own stanzas are taken, a client's are not, and answers are written in its namespace.
#[test]
fn knows_the_content_namespace_of_its_stream() {
    let parse = |xml: &str| {
        let element = Element::parse(xml.as_bytes(), ns::SERVER, &Limits::stanza()).unwrap();
        Stanza::parse(element, ContentNamespace::Server)
    };
    let message =
        parse("<message id='1' to='juliet@example.com' from='romeo@example.net'/>").unwrap();
    let reply = message
        .error_reply(&Condition::ServiceUnavailable.into())
        .unwrap();
    assert!(reply.is("message", ns::SERVER), "{reply:?}");
    let Err(StanzaFault::Answer { reply, .. }) = parse("<iq id='1' type='get'/>") else {
        panic!("an iq without a child is answered");
    };
    assert!(reply.is("iq", ns::SERVER), "{reply:?}");
    assert_eq!(
        parse("<message xmlns='jabber:client'/>").unwrap_err(),
        StanzaFault::Stream(StreamCondition::InvalidNamespace.into())
    );
}
