//! Changing elements in place, for the tree of native tests: in a component the host has its own.

use super::{Element, Node};
use crate::Attribute;

impl Element {
    pub(crate) fn set_attributes(&mut self, attributes: Vec<Attribute>) {
        self.attributes = attributes;
    }

    pub(crate) fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    pub(crate) fn set_attribute(&mut self, local: &str, value: Option<&str>) {
        self.attributes
            .retain(|attribute| attribute.namespace.is_some() || attribute.local != local);
        if let Some(value) = value {
            self.attributes.push(Attribute {
                namespace: None,
                local: local.to_owned(),
                value: value.to_owned(),
            });
        }
    }

    pub(crate) fn push_text(&mut self, text: &str) {
        match self.nodes.last_mut() {
            Some(Node::Text(before)) => before.push_str(text),
            _ => self.nodes.push(Node::Text(text.to_owned())),
        }
    }

    pub(crate) fn push(&mut self, child: Element) {
        self.nodes.push(Node::Element(child));
    }

    /// The one child of an element with nothing else in it.
    pub(crate) fn take_only_child(&mut self) -> Option<Element> {
        match (self.nodes.pop(), self.nodes.is_empty()) {
            (Some(Node::Element(child)), true) => Some(child),
            _ => None,
        }
    }

    pub(crate) fn remove(&mut self, local: &str, namespace: &str) -> usize {
        let before = self.nodes.len();
        self.nodes
            .retain(|node| !matches!(node, Node::Element(child) if child.is(local, namespace)));
        before.saturating_sub(self.nodes.len())
    }

    pub(crate) fn nth_mut(
        &mut self,
        local: &str,
        namespace: &str,
        index: usize,
    ) -> Option<&mut Element> {
        let named = self.nodes.iter_mut().filter_map(|node| match node {
            Node::Element(child) if child.is(local, namespace) => Some(child),
            _ => None,
        });
        named.into_iter().nth(index)
    }

    pub(crate) fn replace_content(&mut self, text: &str) {
        self.nodes = vec![Node::Text(text.to_owned())];
    }
}
