//! Stanzas on their way.

use super::parsed::Parsed;
use super::xml::CLIENT;
use crate::{Element, Head, Localised, Name, StanzaKind};

/// A stanza on its way, lent to the plugin for one call. In a component this is the resource `stanza` of the interface
/// `stanzas`; in native tests a [`Harness`](crate::harness::Harness) makes it.
#[derive(Clone, Debug)]
pub struct Stanza {
    kind: StanzaKind,
    host: String,
    element: Element,
}

impl Stanza {
    /// A stanza on behalf of a served domain. None if the element is no stanza.
    pub(crate) fn new(host: &str, element: Element) -> Option<Self> {
        if element.namespace() != CLIENT {
            return None;
        }
        let kind = match element.local() {
            "message" => StanzaKind::Message,
            "presence" => StanzaKind::Presence,
            "iq" => StanzaKind::Iq,
            _ => return None,
        };
        Some(Self {
            kind,
            host: host.to_owned(),
            element,
        })
    }

    pub(crate) fn element(&self) -> &Element {
        &self.element
    }

    pub(crate) fn kind(&self) -> StanzaKind {
        self.kind
    }

    /// Everything on the outside, in one call.
    pub fn head(&self) -> Head {
        Head {
            kind: self.kind,
            subtype: self.subtype(),
            id: self.element.attribute("id").map(str::to_owned),
            sender: self.sender(),
            recipient: self.recipient(),
            lang: self.element.lang().map(str::to_owned),
        }
    }

    /// The served domain on whose behalf the stanza is handled: that of the sender's account, or the stream's before
    /// authentication.
    pub fn host(&self) -> String {
        self.host.clone()
    }

    /// The sender's JID as the host stamped it; none before authentication.
    pub fn sender(&self) -> Option<String> {
        self.element.attribute("from").map(str::to_owned)
    }

    /// The addressee's JID; none means the sender's own account.
    pub fn recipient(&self) -> Option<String> {
        self.element.attribute("to").map(str::to_owned)
    }

    /// The attribute `type` with the standard's default filled in (`normal`, `available`).
    pub fn subtype(&self) -> String {
        let default = match self.kind {
            StanzaKind::Message => "normal",
            StanzaKind::Presence => "available",
            StanzaKind::Iq => "",
        };
        let subtype = self.element.attribute("type");
        subtype.unwrap_or(default).to_owned()
    }

    /// The text of a message's first `<body/>`.
    pub fn body(&self) -> Option<String> {
        self.element.element("body", CLIENT).map(Element::content)
    }

    /// The texts of all children of that name, in order: the several languages of a body or subject.
    pub fn texts(&self, name: &Name) -> Vec<Localised> {
        let named = self
            .element
            .elements()
            .filter(|child| child.is(&name.local, &name.namespace));
        named
            .map(|child| Localised {
                lang: child.lang().map(str::to_owned),
                value: child.content(),
            })
            .collect()
    }

    /// The first child of that name.
    pub fn payload(&self, name: &Name) -> Option<Parsed> {
        let child = self.element.element(&name.local, &name.namespace);
        child.cloned().map(Parsed::from)
    }

    /// The names of all children, in order.
    pub fn payloads(&self) -> Vec<Name> {
        self.element
            .elements()
            .map(|child| Name::new(child.namespace(), child.local()))
            .collect()
    }

    /// The stanza as XML.
    pub fn to_xml(&self) -> String {
        self.element.to_xml()
    }
}
