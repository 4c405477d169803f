//! XML from guests: parsed as strictly as that of clients, and held to what a payload may be.

use waxwing_xml::{Element, ElementRef, Limits};
use waxwing_xmpp::ns;

use crate::fault::Fault;

/// Namespaces of the stream itself, which no payload has.
const STREAM_LEVEL: [&str; 4] = [ns::STREAMS, ns::STREAM_ERRORS, ns::TLS, ns::SASL];

/// Elements by which the server itself speaks to clients.
const RESERVED: [(&str, &str); 5] = [
    ("stanza-id", "urn:xmpp:sid:0"),
    ("delay", "urn:xmpp:delay"),
    ("sent", "urn:xmpp:carbons:2"),
    ("received", "urn:xmpp:carbons:2"),
    ("query", "jabber:iq:roster"),
];

/// Parses one element that a guest made, as strictly as a client's, and refuses what no stanza may hold: namespaces
/// that belong to the stream itself.
pub(crate) fn parse(xml: &str) -> Result<Element, String> {
    let element = Element::parse(xml.as_bytes(), ns::CLIENT, &Limits::stanza())
        .map_err(|error| error.to_string())?;
    match STREAM_LEVEL
        .iter()
        .find(|&&reserved| mentions(element.root(), reserved))
    {
        Some(reserved) => Err(format!(
            "the namespace `{reserved}` belongs to the stream, not to a payload"
        )),
        None => Ok(element),
    }
}

/// What a guest answered with, as a payload for the host to send.
pub(crate) fn payload(xml: Option<&str>) -> Result<Option<Element>, Fault> {
    xml.map(|xml| parse(xml).map_err(Fault::Answer)).transpose()
}

fn mentions(element: ElementRef<'_>, namespace: &str) -> bool {
    element.ns() == namespace || element.children().any(|child| mentions(child, namespace))
}

/// The name of the element if it is one by which the server itself speaks.
pub(crate) fn reserved(element: ElementRef<'_>) -> Option<&'static str> {
    let known = |(name, namespace): &&(&str, &str)| element.is(name, namespace);
    RESERVED.iter().find(known).map(|(name, _)| *name)
}
