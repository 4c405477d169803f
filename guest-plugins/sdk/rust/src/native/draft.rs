//! Changed copies of stanzas.

use std::cell::RefCell;

use super::stanza::Stanza;
use super::xml;
use crate::{DraftError, Element, Name, StanzaKind};

/// A changed copy of a stanza, for the verdict `replace`. In a component this is the resource `draft` of the interface
/// `stanzas`.
#[derive(Debug)]
pub struct Draft {
    kind: StanzaKind,
    element: RefCell<Element>,
}

impl Draft {
    /// Starts from a stanza.
    pub fn new(original: &Stanza) -> Self {
        Self {
            kind: original.kind(),
            element: RefCell::new(original.element().clone()),
        }
    }

    /// Its attribute `type`, as it is written.
    pub(crate) fn written_type(&self) -> Option<String> {
        let element = self.element.borrow();
        element.attribute("type").map(str::to_owned)
    }

    pub(crate) fn into_element(self) -> Element {
        self.element.into_inner()
    }

    /// Sets or removes the attribute `id`, or `type` to one that the same kind of stanza may have (iq: never). Everything
    /// else is forbidden.
    pub fn set_attribute(&self, local: &str, value: Option<&str>) -> Result<(), DraftError> {
        let forbidden = match (local, self.kind) {
            ("from", _) => "a hook never changes `from`",
            ("id" | "type", StanzaKind::Iq) => "a hook never changes `id` or `type` of an iq",
            ("type", kind) if !is_type(kind, value) => "no such type",
            ("id" | "type", _) => {
                self.element.borrow_mut().set_attribute(local, value);
                return Ok(());
            }
            _ => "a hook changes only `id` and `type`",
        };
        Err(DraftError::Forbidden(forbidden.to_owned()))
    }

    /// Removes every child of that name, and says how many there were.
    pub fn remove(&self, name: &Name) -> u32 {
        let removed = self
            .element
            .borrow_mut()
            .remove(&name.local, &name.namespace);
        u32::try_from(removed).unwrap_or(u32::MAX)
    }

    /// Appends one element, given as XML.
    pub fn append(&self, xml: &str) -> Result<(), DraftError> {
        let child = xml::parse(xml).map_err(DraftError::Malformed)?;
        self.element.borrow_mut().push(child);
        Ok(())
    }

    /// Gives the n-th child of that name (counted from 0) this text instead of all its content, and says whether there
    /// was one.
    pub fn set_text(&self, name: &Name, index: u32, text: &str) -> bool {
        let mut element = self.element.borrow_mut();
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        match element.nth_mut(&name.local, &name.namespace, index) {
            Some(child) => {
                child.replace_content(text);
                true
            }
            None => false,
        }
    }
}

/// RFC 6121 §4.7.1 and §5.2.2. Removing the attribute is taking the default.
fn is_type(kind: StanzaKind, value: Option<&str>) -> bool {
    let Some(value) = value else { return true };
    let types: &[&str] = match kind {
        StanzaKind::Message => &["chat", "error", "groupchat", "headline", "normal"],
        StanzaKind::Presence => &[
            "error",
            "probe",
            "subscribe",
            "subscribed",
            "unavailable",
            "unsubscribe",
            "unsubscribed",
        ],
        StanzaKind::Iq => &[],
    };
    types.contains(&value)
}
