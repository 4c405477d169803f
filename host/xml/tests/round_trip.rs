//! Trees built by chance, written and read again, by this parser and by two others.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by it")]
#![expect(clippy::format_push_string, reason = "inputs are short")]

#[expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "written for the fuzz targets, which use the rest"
)]
#[path = "../../../tests/fuzz/checks/mod.rs"]
mod checks;

use proptest::prelude::*;
use waxwing_xml::{Context, Edit, Element, Limits, Node, StreamEvent, StreamParser};

const WIDE: Limits = Limits {
    stanza_bytes: 1 << 24,
    elements: 1 << 20,
    depth: 1 << 10,
    attributes: 1 << 10,
    namespaces: 1 << 10,
    name_bytes: 1 << 10,
};
const HEADER: &[u8] =
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

fn namespace() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("jabber:client".to_owned()),
        Just("http://etherx.jabber.org/streams".to_owned()),
        Just("http://www.w3.org/XML/1998/namespace".to_owned()),
        Just("urn:xmpp:ping".to_owned()),
        "[ -~é]{1,12}",
    ]
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z_éß][a-zA-Z0-9._é-]{0,8}"
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~\t\r\n]{0,20}", "[\\]>&<'\"]{0,6}", any::<String>()]
}

/// An element with attributes and texts, whatever characters they have.
fn element() -> impl Strategy<Value = Element> {
    let leaf = (
        name(),
        namespace(),
        prop::collection::vec((namespace(), name(), text()), 0..5),
        text(),
    )
        .prop_map(|(name, ns, attrs, text)| {
            let builder = attrs.iter().fold(
                Element::builder(&name, &ns),
                |builder, (ns, name, value)| builder.attr_ns(ns, name, value),
            );
            builder.text(&text).build()
        });
    leaf.prop_recursive(5, 40, 5, |inner| {
        (inner.clone(), prop::collection::vec((inner, text()), 0..5)).prop_map(
            |(mut parent, children)| {
                for (child, text) in children {
                    parent.push_child(&child);
                    // A text after a child comes by way of a builder.
                    parent = Element::builder("w", "").child(parent).text(&text).build();
                }
                parent
            },
        )
    })
}

fn in_stream(pieces: impl Iterator<Item = Vec<u8>>) -> Vec<StreamEvent> {
    let mut parser = StreamParser::new(WIDE);
    let mut events = Vec::new();
    for piece in std::iter::once(HEADER.to_vec()).chain(pieces) {
        let mut rest = piece.as_slice();
        while let Some(event) = parser.next(&mut rest).unwrap() {
            events.push(event);
        }
    }
    events
}

/// What a lenient parser makes of it: names and resolved values, as one text.
fn by_quick_xml(xml: &str) -> String {
    use quick_xml::events::Event;
    use quick_xml::name::ResolveResult;
    let mut reader = quick_xml::NsReader::from_str(xml);
    reader.config_mut().expand_empty_elements = true;
    let mut out = String::new();
    loop {
        match reader.read_resolved_event().unwrap() {
            (_, Event::Eof) => return out,
            (ns, Event::Start(tag)) => {
                let ns = match ns {
                    ResolveResult::Bound(ns) => {
                        quick_xml::escape::unescape(ns.0).unwrap().into_owned()
                    }
                    _ => String::new(),
                };
                let count = tag
                    .attributes()
                    .filter(|a| !a.as_ref().unwrap().key.0.starts_with("xmlns"))
                    .count();
                out.push_str(&format!("<{ns}|{}|{count}>", tag.local_name().as_ref()));
                for attribute in tag
                    .attributes()
                    .map(Result::unwrap)
                    .filter(|a| !a.key.0.starts_with("xmlns"))
                {
                    out.push_str(&format!(
                        "[{}]",
                        attribute
                            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                            .unwrap()
                    ));
                }
            }
            (_, Event::End(_)) => out.push_str("</>"),
            (_, Event::Text(text)) => out.push_str(text.as_ref()),
            (_, Event::GeneralRef(reference)) => match reference.resolve_char_ref().unwrap() {
                Some(c) => out.push(c),
                None => out.push_str(
                    quick_xml::escape::resolve_predefined_entity(reference.as_ref()).unwrap(),
                ),
            },
            (_, event) => panic!("{event:?}"),
        }
    }
}

fn like_quick_xml(element: waxwing_xml::ElementRef<'_>) -> String {
    let mut out = format!(
        "<{}|{}|{}>",
        element.ns(),
        element.name(),
        element.attrs().len()
    );
    for attr in element.attrs() {
        out.push_str(&format!("[{}]", attr.value));
    }
    for node in element.nodes() {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Element(child) => out.push_str(&like_quick_xml(child)),
        }
    }
    out + "</>"
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reads_what_it_wrote(element in element(), default_ns in namespace()) {
        prop_assert_eq!(&Element::parse(element.to_xml().as_bytes(), "", &WIDE).unwrap(), &element);
        let default_ns = if default_ns.contains("w3.org") { String::new() } else { default_ns };
        let mut out = Vec::new();
        element.write(&Context { default_ns: &default_ns, stream_prefix: false }, &mut out);
        prop_assert_eq!(&Element::parse(&out, &default_ns, &WIDE).unwrap(), &element);
    }

    #[test]
    fn reads_the_same_however_it_is_split(element in element(), lengths in prop::collection::vec(1_usize..40, 1..30)) {
        let mut out = Vec::new();
        element.write(&Context::stream("jabber:client"), &mut out);
        let whole = in_stream(std::iter::once(out.clone()));
        prop_assert_eq!(whole.get(1), Some(&StreamEvent::Element(element)));
        let mut rest = out;
        let mut lengths = lengths.into_iter().cycle();
        let pieces = std::iter::from_fn(|| {
            let length = lengths.next()?.min(rest.len());
            (length > 0).then(|| rest.drain(..length).collect::<Vec<_>>())
        });
        prop_assert_eq!(in_stream(pieces), whole);
    }

    #[test]
    fn is_read_the_same_by_quick_xml(element in element()) {
        prop_assert_eq!(by_quick_xml(&element.to_xml()), like_quick_xml(element.root()));
    }

    #[test]
    fn is_read_the_same_by_rxml(element in element()) {
        checks::differential::written(&element);
    }

    #[test]
    fn copies_and_edits_are_equal_to_what_they_should_be(element in element(), value in text()) {
        prop_assert_eq!(&element.root().to_element(), &element);
        prop_assert_eq!(&element.edit_children(|_| Edit::Keep), &element);
        let replaced = element.edit_children(|child| Edit::Replace(child.to_element()));
        prop_assert_eq!(&replaced, &element);
        let mut changed = element.clone();
        changed.set_attr("new", Some(&value));
        changed.set_attr("new", None);
        prop_assert_eq!(&changed, &element);
        let without = element.edit_children(|_| Edit::Remove);
        prop_assert_eq!(without.children().count(), 0);
        prop_assert_eq!(without.text(), element.text());
    }
}
