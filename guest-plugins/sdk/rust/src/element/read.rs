//! Reading elements that the plugin has, and copying those that the host lends.

use super::{Element, Node, XML};
use crate::{Attribute, Name, Parsed};

impl Element {
    /// The local name.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Whether it has that local name and namespace.
    pub fn is(&self, local: &str, namespace: &str) -> bool {
        self.local == local && self.namespace == namespace
    }

    /// The value of an attribute without a namespace.
    pub fn attribute(&self, local: &str) -> Option<&str> {
        self.value_of(None, local)
    }

    /// Its own `xml:lang`.
    pub fn lang(&self) -> Option<&str> {
        self.value_of(Some(XML), "lang")
    }

    pub(super) fn value_of(&self, namespace: Option<&str>, local: &str) -> Option<&str> {
        let named = |attribute: &&Attribute| {
            attribute.namespace.as_deref() == namespace && attribute.local == local
        };
        self.attributes
            .iter()
            .find(named)
            .map(|attribute| attribute.value.as_str())
    }

    /// The child elements, in order.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first child of that name.
    pub fn element(&self, local: &str, namespace: &str) -> Option<&Element> {
        self.elements().find(|child| child.is(local, namespace))
    }

    /// The direct text, pieces joined.
    pub fn content(&self) -> String {
        let texts = self.nodes.iter().filter_map(|node| match node {
            Node::Element(_) => None,
            Node::Text(text) => Some(text.as_str()),
        });
        texts.collect()
    }
}

/// A copy of what was read, to keep or to send on. The copy reads and writes like the original; where there is text
/// between children, adding to the copy moves the text before them.
impl From<&Parsed> for Element {
    fn from(parsed: &Parsed) -> Self {
        let Name { namespace, local } = parsed.name();
        let children = parsed.children();
        let text = parsed.text();
        let verbatim = (!children.is_empty() && !text.trim().is_empty()).then(|| parsed.to_xml());
        let text = (!text.is_empty()).then_some(Node::Text(text));
        let children = children
            .iter()
            .map(|child| Node::Element(Self::from(child)));
        Self {
            local,
            namespace,
            attributes: parsed.attributes(),
            nodes: text.into_iter().chain(children).collect(),
            verbatim,
        }
    }
}
