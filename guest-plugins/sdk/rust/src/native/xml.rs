//! XML into elements.

use rxml::error::EndOrError;
use rxml::{AttrMap, Event, Parse, Parser};

use crate::{Attribute, Element};

/// The namespace of stanzas between clients and servers.
pub(crate) const CLIENT: &str = "jabber:client";

/// The most that the host parses for a guest, in bytes.
const MAX_BYTES: usize = 262_144;

/// Parses one complete element; names without a prefix or `xmlns` are of the namespace `jabber:client`.
pub(crate) fn parse(xml: &str) -> Result<Element, String> {
    if xml.len() > MAX_BYTES {
        return Err(format!("the element has more than {MAX_BYTES} bytes"));
    }
    let wrapped = ["<around xmlns='", CLIENT, "'>", xml.trim(), "</around>"].concat();
    let mut around = read(&wrapped)?;
    let child = around.take_only_child();
    child.ok_or_else(|| "this is not exactly one element".to_owned())
}

fn read(xml: &str) -> Result<Element, String> {
    let mut input = xml.as_bytes();
    let mut parser = Parser::new();
    let mut open: Vec<Element> = Vec::new();
    loop {
        match parser.parse(&mut input, true) {
            Ok(Some(Event::StartElement(_, (namespace, local), attributes))) => {
                let mut element = Element::new(local.as_str(), namespace.as_str());
                element.set_attributes(attributes_of(attributes));
                open.push(element);
            }
            Ok(Some(Event::EndElement(_))) => {
                let Some(done) = open.pop() else {
                    return Err("an end tag too many".to_owned());
                };
                match open.last_mut() {
                    Some(parent) => parent.push(done),
                    None => return Ok(done),
                }
            }
            Ok(Some(Event::Text(_, text))) => {
                if let Some(parent) = open.last_mut() {
                    parent.push_text(&text);
                }
            }
            Ok(Some(Event::XmlDeclaration(..))) => {}
            Ok(None) | Err(EndOrError::NeedMoreData) => {
                return Err("the element is not complete".to_owned());
            }
            Err(EndOrError::Error(error)) => return Err(error.to_string()),
        }
    }
}

fn attributes_of(attributes: AttrMap) -> Vec<Attribute> {
    attributes
        .into_iter()
        .map(|((namespace, local), value)| Attribute {
            namespace: (!namespace.is_none()).then(|| namespace.to_string()),
            local: local.to_string(),
            value,
        })
        .collect()
}
