//! What arrives, read by a parser that shares nothing with the server's: rxml.

use std::fmt;

use anyhow::{Context, Result, bail};
use rxml::error::EndOrError;
use rxml::{Event as XmlEvent, Options, Parse, Parser, WithOptions};

/// An element with everything in it. Attributes without a namespace are kept by name, others as `{namespace}name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Local name.
    pub name: String,
    /// Namespace, empty for none.
    pub ns: String,
    /// Attributes in the parser's order.
    pub attributes: Vec<(String, String)>,
    /// Child elements in order.
    pub children: Vec<Element>,
    /// Text directly inside, joined.
    pub text: String,
}

impl Element {
    /// Parses one complete element.
    pub fn parse(xml: &str) -> Result<Self> {
        let mut incoming = Incoming::new();
        let wrapped = format!("<w>{xml}</w>");
        let mut bytes = wrapped.as_bytes();
        while let Some(item) = incoming.next(&mut bytes)? {
            if let Item::Element(element) = item {
                return Ok(element);
            }
        }
        bail!("no element in {xml:?}")
    }

    /// Whether the element has this name and namespace.
    #[must_use]
    pub fn is(&self, name: &str, ns: &str) -> bool {
        self.name == name && self.ns == ns
    }

    /// The value of an attribute.
    #[must_use]
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first child of this name and namespace.
    #[must_use]
    pub fn child(&self, name: &str, ns: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.is(name, ns))
    }

    /// The text of the first child of this name in the element's own namespace.
    #[must_use]
    pub fn child_text(&self, name: &str) -> Option<&str> {
        self.children
            .iter()
            .find(|child| child.name == name && child.ns == self.ns)
            .map(|child| child.text.as_str())
    }

    /// A stanza error's type and condition, `auth/forbidden` for one.
    #[must_use]
    pub fn stanza_error(&self) -> Option<String> {
        let error = self
            .children
            .iter()
            .find(|child| child.name == "error" && child.ns == self.ns)?;
        let condition = error
            .children
            .iter()
            .find(|child| child.ns == crate::client::ns::STANZA_ERRORS && child.name != "text")?;
        Some(format!(
            "{}/{}",
            error.attr("type").unwrap_or("?"),
            condition.name
        ))
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} xmlns='{}'", self.name, self.ns)?;
        for (name, value) in &self.attributes {
            write!(f, " {name}='{value}'")?;
        }
        write!(f, ">{}", self.text)?;
        for child in &self.children {
            write!(f, "{child}")?;
        }
        write!(f, "</{}>", self.name)
    }
}

/// One thing of a stream.
#[derive(Clone, Debug)]
pub enum Item {
    /// The stream header; no children.
    Open(Element),
    /// A complete element at the first level.
    Element(Element),
    /// The end of the stream element.
    Close,
}

/// An incremental reader of one stream.
pub struct Incoming {
    parser: Parser,
    open: Vec<Element>,
}

impl Default for Incoming {
    fn default() -> Self {
        Self::new()
    }
}

impl Incoming {
    /// A reader that expects a stream header.
    #[must_use]
    pub fn new() -> Self {
        let options = Options {
            max_token_length: 1 << 20,
            ..Options::default()
        };
        Self {
            parser: Parser::with_options(options),
            open: Vec::new(),
        }
    }

    /// The next item, with its bytes taken from `input`; `None` when `input` ends before one is complete.
    /// What is not well-formed is an error: no server may send it.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Item>> {
        loop {
            let event = match self.parser.parse(input, false) {
                Ok(Some(event)) => event,
                Ok(None) | Err(EndOrError::NeedMoreData) => return Ok(None),
                Err(EndOrError::Error(error)) => {
                    return Err(error).context("received XML that is not well-formed");
                }
            };
            if let Some(item) = self.take(event)? {
                return Ok(Some(item));
            }
        }
    }

    fn take(&mut self, event: XmlEvent) -> Result<Option<Item>> {
        match event {
            XmlEvent::XmlDeclaration(..) => {}
            XmlEvent::StartElement(_, (ns, name), attributes) => {
                let attributes = attributes.iter().map(|((ns, name), value)| {
                    (qualified(ns.as_str(), name.as_str()), value.clone())
                });
                let element = Element {
                    name: name.as_str().to_owned(),
                    ns: ns.as_str().to_owned(),
                    attributes: attributes.collect(),
                    children: Vec::new(),
                    text: String::new(),
                };
                self.open.push(element.clone());
                if self.open.len() == 1 {
                    return Ok(Some(Item::Open(element)));
                }
            }
            XmlEvent::EndElement(_) => return self.end(),
            XmlEvent::Text(_, text) => {
                if let Some(top) = self.open.last_mut() {
                    top.text.push_str(&text);
                }
            }
        }
        Ok(None)
    }

    fn end(&mut self) -> Result<Option<Item>> {
        let element = self
            .open
            .pop()
            .context("an element ended that was not open")?;
        match self.open.as_mut_slice() {
            [] => Ok(Some(Item::Close)),
            [_stream] => Ok(Some(Item::Element(element))),
            [.., parent] => {
                parent.children.push(element);
                Ok(None)
            }
        }
    }
}

fn qualified(ns: &str, name: &str) -> String {
    match ns {
        "" => name.to_owned(),
        "http://www.w3.org/XML/1998/namespace" => format!("xml:{name}"),
        other => format!("{{{other}}}{name}"),
    }
}

/// Text with what XML reserves replaced, for content and for attribute values.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', "&apos;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_stream_however_it_is_cut() {
        let stream = b"<?xml version='1.0'?><s:stream xmlns:s='streams' xmlns='c' id='1'><a x='1'>t<b/></a> <c/></s:stream>";
        for cut in 0..stream.len() {
            let mut incoming = Incoming::new();
            let mut items = Vec::new();
            for mut part in [&stream[..cut], &stream[cut..]] {
                while let Some(item) = incoming.next(&mut part).unwrap() {
                    items.push(item);
                }
            }
            assert_eq!(items.len(), 4);
            let Item::Element(a) = &items[1] else {
                panic!("{items:?}")
            };
            assert_eq!(
                (a.attr("x"), a.text.as_str(), a.children.len()),
                (Some("1"), "t", 1)
            );
        }
    }

    #[test]
    fn refuses_what_no_server_may_send() {
        assert!(Element::parse("<a x='1' x='2'/>").is_err());
        assert!(Element::parse("<p:a/>").is_err());
    }
}
