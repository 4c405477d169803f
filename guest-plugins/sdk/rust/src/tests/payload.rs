//! Typed payloads: each kind of field, read and written.

use std::net::Ipv4Addr;

use waxwing_plugin::payload::{Fault, Place};
use waxwing_plugin::{
    Element, ErrorCondition, Localised, Parsed, Payload, PayloadError, StanzaError, harness,
};

const NS: &str = "urn:example:test";

fn parse(xml: &str) -> Parsed {
    Parsed::parse(xml).unwrap()
}

/// Reads, writes, and compares with what was read; gives the value.
fn round_trip<T: Payload>(xml: &str) -> T {
    let value = T::read(&parse(xml)).unwrap();
    let written = value.to_element().to_xml();
    assert_eq!(harness::Xml::from(written.as_str()), xml);
    value
}

fn fault<T: Payload>(xml: &str) -> (Place, Fault) {
    let PayloadError { place, fault, .. } = T::read(&parse(xml)).err().unwrap();
    (place, fault)
}

#[derive(Debug, PartialEq, Payload)]
#[payload(name = "attrs", ns = "urn:example:test")]
struct Attrs {
    #[payload(attr)]
    plain: String,
    #[payload(attr = "sub-id")]
    renamed: Option<String>,
    #[payload(attr)]
    address: Option<Ipv4Addr>,
    #[payload(attr, default)]
    on: bool,
    #[payload(attr, default = 7)]
    count: u32,
}

// seeds: P7
#[test]
fn attributes_are_texts_or_parsed_and_have_defaults() {
    let value: Attrs = round_trip(
        "<attrs xmlns='urn:example:test' plain='a &lt; b' sub-id='x' address='192.0.2.1' on='true' count='9'/>",
    );
    assert_eq!(value.plain, "a < b");
    assert_eq!(value.address, Some(Ipv4Addr::new(192, 0, 2, 1)));
    let least = Attrs::read(&parse("<attrs xmlns='urn:example:test' plain='' on='1'/>")).unwrap();
    let expected = Attrs {
        plain: String::new(),
        renamed: None,
        address: None,
        on: true,
        count: 7,
    };
    assert_eq!(least, expected);
}

#[test]
fn errors_name_the_element_and_the_field_but_no_value() {
    type Case = (&'static str, Place, Fault);
    let cases: [Case; 4] = [
        (
            "<attrs xmlns='urn:example:test'/>",
            Place::Attribute("plain".into()),
            Fault::Missing,
        ),
        (
            "<attrs xmlns='urn:example:test' plain='' count='secret'/>",
            Place::Attribute("count".into()),
            Fault::Invalid,
        ),
        (
            "<attrs xmlns='urn:example:test' plain='' on='yes'/>",
            Place::Attribute("on".into()),
            Fault::Invalid,
        ),
        (
            "<other xmlns='urn:example:test'/>",
            Place::Itself,
            Fault::Unexpected,
        ),
    ];
    for (xml, place, wrong) in cases {
        assert_eq!(fault::<Attrs>(xml), (place, wrong), "{xml}");
    }
    let error = Attrs::read(&parse(
        "<attrs xmlns='urn:example:test' plain='' count='secret'/>",
    ));
    let error = StanzaError::from(error.unwrap_err());
    assert_eq!(error.condition, ErrorCondition::BadRequest);
    assert_eq!(
        error.text.as_deref(),
        Some("the attribute `count` of <attrs/> has a value that cannot be")
    );
}

#[derive(Debug, PartialEq, Payload)]
#[payload(name = "texts", ns = "urn:example:test")]
struct Texts {
    #[payload(child)]
    username: String,
    #[payload(child)]
    age: Option<u8>,
    #[payload(child, ns = "urn:example:other", default)]
    elsewhere: String,
    #[payload(children = "group")]
    groups: Vec<String>,
    #[payload(flag)]
    remove: bool,
    #[payload(flag = "gone", ns = "urn:example:other")]
    is_gone: bool,
}

// seeds: P7
/// P7: with the tests around it, every kind of field of a payload, read and written.
#[test]
fn children_are_texts_lists_and_flags_in_any_namespace() {
    let value: Texts = round_trip(
        "<texts xmlns='urn:example:test'><username>juliet</username><age>13</age>\
         <elsewhere xmlns='urn:example:other'>e</elsewhere><group>a</group><group>b</group>\
         <remove/><o:gone xmlns:o='urn:example:other'/></texts>",
    );
    assert_eq!(value.groups, ["a", "b"]);
    assert!(value.remove && value.is_gone);
    assert_eq!(value.elsewhere, "e");

    let child = |name: &str| Place::Child(name.to_owned());
    assert_eq!(
        fault::<Texts>("<texts xmlns='urn:example:test'/>"),
        (child("username"), Fault::Missing)
    );
    let twice =
        "<texts xmlns='urn:example:test'><username>a</username><username>b</username></texts>";
    assert_eq!(fault::<Texts>(twice), (child("username"), Fault::Repeated));
    let age = "<texts xmlns='urn:example:test'><username/><age>old</age></texts>";
    assert_eq!(fault::<Texts>(age), (child("age"), Fault::Invalid));
}

#[test]
fn children_are_found_in_any_order_and_others_are_not_read() {
    let value = Texts::read(&parse(
        "<texts xmlns='urn:example:test'><x/><group>a</group><username xmlns='urn:example:wrong'>no</username>\
         <username>yes</username><group>b</group></texts>",
    ));
    let value = value.unwrap();
    assert_eq!(value.username, "yes");
    assert_eq!(value.groups, ["a", "b"]);
}

#[derive(Debug, PartialEq, Payload)]
#[payload(name = "said", ns = "urn:example:test")]
struct Said {
    #[payload(lang)]
    lang: Option<String>,
    #[payload(localised = "body")]
    bodies: Vec<Localised>,
}

// seeds: P7
#[test]
fn languages_are_inherited_and_the_default_one_is_not_written() {
    let said: Said = round_trip(
        "<said xmlns='urn:example:test' xml:lang='en'><body>hello</body><body xml:lang='fr'>salut</body></said>",
    );
    let expected = [
        Localised::new(Some("en"), "hello"),
        Localised::new(Some("fr"), "salut"),
    ];
    assert_eq!(said.bodies, expected);

    // From around: the stanza's.
    let xml =
        "<said xmlns='urn:example:test'><body>hallo</body><body xml:lang='fr'>salut</body></said>";
    let said = Said::read_in(&parse(xml), Some("de")).unwrap();
    assert_eq!(said.bodies[0].lang.as_deref(), Some("de"));
    assert_eq!(
        harness::Xml::from(said.write_in(Some("de")).to_xml().as_str()),
        xml
    );
    assert!(
        said.to_element()
            .to_xml()
            .contains("<body xml:lang='de'>hallo")
    );
    assert_eq!(Localised::choose(&said.bodies, "fr"), Some("salut"));
    assert_eq!(Localised::choose(&said.bodies, "nl"), Some("hallo"));
}

#[derive(Debug, PartialEq, Payload)]
#[payload(name = "outer", ns = "urn:example:test")]
struct Outer {
    #[payload(nested)]
    one: Option<Inner>,
    #[payload(nested)]
    many: Vec<Item>,
    #[payload(nested)]
    state: State,
}

#[derive(Debug, PartialEq, Payload)]
#[payload(name = "inner", ns = "urn:example:inner")]
struct Inner {
    #[payload(text)]
    text: String,
}

#[derive(Debug, PartialEq, Payload)]
#[payload(name = "item", ns = "urn:example:test")]
struct Item {
    #[payload(attr)]
    id: u8,
    #[payload(text)]
    note: Option<String>,
}

/// One of several elements, as chat states are.
#[derive(Debug, PartialEq, Payload)]
#[payload(ns = "http://jabber.org/protocol/chatstates")]
enum State {
    #[payload(name = "active")]
    Active,
    #[payload(name = "composing")]
    Composing,
    #[payload(name = "gone", ns = "urn:example:test")]
    Gone {
        #[payload(attr)]
        why: String,
    },
}

// seeds: P7
#[test]
fn payloads_hold_payloads_lists_of_them_and_one_of_several() {
    let value: Outer = round_trip(
        "<outer xmlns='urn:example:test'><inner xmlns='urn:example:inner'>deep</inner>\
         <item id='1'>a</item><item id='2'/><composing xmlns='http://jabber.org/protocol/chatstates'/></outer>",
    );
    assert_eq!(
        value.one,
        Some(Inner {
            text: "deep".to_owned()
        })
    );
    assert_eq!(value.many[1], Item { id: 2, note: None });
    assert_eq!(value.state, State::Composing);
    let gone: State = round_trip("<gone xmlns='urn:example:test' why='late'/>");
    assert_eq!(
        gone,
        State::Gone {
            why: "late".to_owned()
        }
    );

    let child = |name: &str| Place::Child(name.to_owned());
    let none = "<outer xmlns='urn:example:test'/>";
    assert_eq!(fault::<Outer>(none), (child("state"), Fault::Missing));
    let inside = "<outer xmlns='urn:example:test'><item id='x'/></outer>";
    assert_eq!(
        fault::<Outer>(inside),
        (Place::Attribute("id".into()), Fault::Invalid)
    );
    let two = "<outer xmlns='urn:example:test'><inner xmlns='urn:example:inner'>a</inner>\
               <inner xmlns='urn:example:inner'>b</inner></outer>";
    assert_eq!(fault::<Outer>(two), (child("inner"), Fault::Repeated));
}

#[derive(Debug, PartialEq, Payload)]
#[payload(name = "open", ns = "urn:example:test")]
struct Open {
    #[payload(other)]
    unknown: Vec<Element>,
    #[payload(child)]
    known: Option<String>,
}

// seeds: P7
#[test]
fn unknown_children_are_kept_with_their_languages_and_mixed_texts() {
    let open: Open = round_trip(
        "<open xmlns='urn:example:test'><a b='c' xml:lang='de'>x<deep/>y</a>\
         <p:q xmlns:p='urn:example:p' p:attr='v'><r/></p:q><known>k</known></open>",
    );
    assert_eq!(open.known.as_deref(), Some("k"));
    assert_eq!(open.unknown.len(), 2);
    assert_eq!(open.unknown[0].attribute("b"), Some("c"));
    assert_eq!(open.unknown[0].lang(), Some("de"));
    assert!(open.unknown[1].element("r", NS).is_some());
}

#[test]
fn a_payload_of_a_stanza_is_found_by_its_name_and_inherits_its_language() {
    let stanza = harness::stanza(
        "<message from='juliet@localhost/x' xml:lang='it'><other/>\
         <said xmlns='urn:example:test'><body>ciao</body></said></message>",
    );
    let stanza = stanza.unwrap();
    let said = Said::of(&stanza).unwrap().unwrap();
    assert_eq!(said.bodies, [Localised::new(Some("it"), "ciao")]);
    assert_eq!(Texts::of(&stanza).unwrap(), None);
}
