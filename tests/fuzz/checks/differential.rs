//! Our parser against rxml, another strict parser made for XMPP: what one accepts the other accepts, as the same tree.
//!
//! Known differences, all of them deliberate:
//! - rxml ends a reference after 8 bytes; XML 1.0 §4.1 sets no end to leading zeros, and neither do we.
//! - White space before the root element is allowed by XML 1.0 §2.8 (production 27) and by us, where rxml wants the element
//!   at once unless there was an XML declaration. It is taken away before rxml sees it.
//! - rxml rejects a lone CR in an attribute value before most characters, and drops it before a quote. XML 1.0 §2.11 makes it
//!   a line end wherever it stands, before anything else is looked at; so rxml is given the bytes with line ends so made.
//! - rxml takes white space outside the root element that is written as a reference or in a CDATA section. XML 1.0 §2.8 has
//!   neither there, so for us it is not well-formed.
//! - rxml lets the namespaces of `xml` and `xmlns` be declared as the default namespace, which Namespaces in XML 1.0 §3
//!   forbids.
//! - rxml takes a second declaration of the same prefix, or of the default namespace, on one element; XML 1.0 §3.1 has no
//!   attribute twice.
//! - rxml wants an encoding before `standalone`; XML 1.0 §2.8 (production 23) has either without the other, and so have we.
//! - A prefix on an element of a content namespace, and text between stanzas, are not XMPP: ours are errors of their own
//!   (`bad-namespace-prefix`, `bad-format`). `Element::parse`, which knows of no stream, accepts both.

use rxml::error::EndOrError;
use rxml::{Event, Parse, Parser};
use waxwing_xml::{Element, ElementRef, Limits, Node, StreamEvent, StreamParser, XmlError};

use super::grammar;

const WIDE: Limits = Limits {
    stanza_bytes: 1 << 24,
    elements: 1 << 20,
    depth: 1 << 20,
    attributes: 1 << 20,
    namespaces: 1 << 20,
    name_bytes: 1 << 20,
};

/// Compares both readings of one input, as a document and as a stream.
pub(crate) fn check(data: &[u8]) {
    let bytes = grammar::document(data);
    let lines = line_ends(&bytes);
    let from_root = trim_start(&lines);
    let spaced = from_root.len() < lines.len();
    if spaced && from_root.starts_with(b"<?xml") {
        // Without the white space it would be a declaration.
        assert!(
            ours(&bytes).is_err(),
            "a declaration is the very first thing"
        );
        return;
    }
    let Some(theirs) = theirs(from_root) else {
        return;
    };
    let (document, stream) = match theirs {
        Ok((document, stream)) => (Ok(document), Ok(stream)),
        Err(error) => (Err(error), Err(error)),
    };
    match ours(&bytes) {
        Err(XmlError::BadFormat(_) | XmlError::BadNamespacePrefix) => {}
        ours => compare(&bytes, &stream, &ours),
    }
    if bytes.starts_with(b"<?xml") {
        return;
    }
    let element = Element::parse(&bytes, "", &WIDE);
    compare(
        &bytes,
        &document,
        &element
            .as_ref()
            .map(|element| tree(element.root()))
            .map_err(|error| *error),
    );
    if let Ok(element) = element {
        written(&element);
    }
}

/// rxml reads from what we write the tree that we wrote.
pub(crate) fn written(element: &Element) {
    let xml = element.to_xml();
    let read = theirs(xml.as_bytes()).expect("what we write has short references");
    assert_eq!(
        read.map(|(document, _)| document),
        Ok(tree(element.root())),
        "of {xml}"
    );
}

/// Line ends as XML 1.0 §2.11 has them.
fn line_ends(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'\r' => out.push(b'\n'),
            b'\n' if at > 0 && bytes[at - 1] == b'\r' => {}
            _ => out.push(byte),
        }
    }
    out
}

fn trim_start(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !b" \t\r\n".contains(byte));
    &bytes[start.unwrap_or(bytes.len())..]
}

/// What only we reject, for the reasons above.
const STRICTER: [XmlError; 3] = [
    XmlError::NotWellFormed("text outside the root element"),
    XmlError::NotWellFormed("reserved prefix or namespace"),
    XmlError::NotWellFormed("namespace declared twice"),
];

/// What only rxml rejects.
const NO_ENCODING: &str = "'version' attribute must be followed by '?>' or 'encoding' attribute";

fn compare(bytes: &[u8], theirs: &Result<String, rxml::Error>, ours: &Result<String, XmlError>) {
    let input = || String::from_utf8_lossy(bytes);
    match (theirs, ours) {
        (Ok(theirs), Ok(ours)) => assert_eq!(ours, theirs, "different trees of {:?}", input()),
        (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) if STRICTER.contains(error) => {}
        (Err(rxml::Error::InvalidSyntax(NO_ENCODING)), Ok(_)) => {}
        _ => panic!("rxml says {theirs:?}, we say {ours:?} of {:?}", input()),
    }
}

/// What we read, as one text; the header of a stream is its root.
fn ours(bytes: &[u8]) -> Result<String, XmlError> {
    let mut parser = StreamParser::new(WIDE);
    let (mut rest, mut out) = (bytes, String::new());
    while let Some(event) = parser.next(&mut rest)? {
        match event {
            StreamEvent::Open(header) => start(&mut out, header.root.root()),
            StreamEvent::Element(element) => out.push_str(&tree(element.root())),
            StreamEvent::Close => out.push('}'),
        }
    }
    parser.finish()?;
    Ok(out)
}

fn start(out: &mut String, element: ElementRef<'_>) {
    let attrs = element
        .attrs()
        .map(|attr| (attr.ns.unwrap_or(""), attr.name, attr.value));
    start_of(out, element.ns(), element.name(), attrs.collect());
}

fn start_of(out: &mut String, ns: &str, name: &str, mut attrs: Vec<(&str, &str, &str)>) {
    attrs.sort_unstable();
    out.push('{');
    put(out, ns);
    put(out, name);
    for (ns, name, value) in attrs {
        out.push('@');
        put(out, ns);
        put(out, name);
        put(out, value);
    }
}

/// A string with its length, so that no two trees look the same.
fn put(out: &mut String, text: &str) {
    out.push_str(&text.len().to_string());
    out.push(':');
    out.push_str(text);
}

fn tree(element: ElementRef<'_>) -> String {
    let mut out = String::new();
    // Where an element's nodes go on after its child.
    let mut open = vec![element.nodes()];
    start(&mut out, element);
    while let Some(nodes) = open.last_mut() {
        match nodes.next() {
            Some(Node::Text(text)) => put(&mut out, text),
            Some(Node::Element(child)) => {
                start(&mut out, child);
                open.push(child.nodes());
            }
            None => {
                out.push('}');
                open.pop();
            }
        }
    }
    out
}

/// What rxml reads, or `None` where it stops at a reference for its length only: as a document, and as a stream, whose text
/// between stanzas we do not hand on.
fn theirs(bytes: &[u8]) -> Option<Result<(String, String), rxml::Error>> {
    let mut parser = Parser::new();
    let (mut rest, mut text) = (bytes, String::new());
    let (mut document, mut stream) = (String::new(), String::new());
    let mut depth = 0_usize;
    loop {
        let mut out = String::new();
        let event = match parser.parse(&mut rest, true) {
            Ok(Some(event)) => event,
            Ok(None) => return Some(Ok((document, stream))),
            Err(EndOrError::Error(rxml::Error::RestrictedXml("long name or reference"))) => {
                return None;
            }
            Err(EndOrError::Error(error)) => return Some(Err(error)),
            Err(EndOrError::NeedMoreData) => return Some(Err(rxml::Error::InvalidEof(None))),
        };
        if !matches!(event, Event::Text(..)) && !text.is_empty() {
            put(&mut document, &text);
            if depth > 1 {
                put(&mut stream, &text);
            }
            text.clear();
        }
        match event {
            Event::XmlDeclaration(..) => {}
            Event::Text(_, piece) => text.push_str(&piece),
            Event::StartElement(_, (ns, name), attrs) => {
                depth += 1;
                let attrs = attrs
                    .iter()
                    .map(|((ns, name), value)| (ns.as_str(), name.as_str(), value.as_str()));
                start_of(&mut out, &ns, &name, attrs.collect());
            }
            Event::EndElement(_) => {
                depth -= 1;
                out.push('}');
            }
        }
        document.push_str(&out);
        stream.push_str(&out);
    }
}
