//! Changes to a tree: attributes and children of its root.

use crate::build::{clean, clean_name, is_reserved};
use crate::element::Element;
use crate::read::{ElementRef, Node};
use crate::tree::{AttrData, NodeData, Ns, Tree, index};

/// What becomes of a child in [`Element::edit_children`].
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum Edit {
    /// It stays.
    Keep,
    /// It goes, with all that is in it.
    Remove,
    /// Another takes its place.
    Replace(Element),
}

impl Element {
    /// Sets an attribute without namespace of the root, or removes it. In place when no other clone shares the tree. Characters
    /// that XML does not have become U+FFFD; `xmlns` is no attribute and is ignored.
    pub fn set_attr(&mut self, name: &str, value: Option<&str>) {
        self.set_attr_ns("", name, value);
    }

    /// The same for an attribute in a namespace.
    pub fn set_attr_ns(&mut self, ns: &str, name: &str, value: Option<&str>) {
        if value.is_some() || self.attr_ns(ns, name).is_some() {
            self.tree_mut().set_attr(0, ns, name, value);
        }
    }

    /// Adds a child after all that is in the root.
    pub fn push_child(&mut self, child: &Element) {
        let tree = self.tree_mut();
        tree.append(child.tree(), 0);
        tree.close_root();
    }

    /// Asks `edit` about each child element of the root, in order, and returns the result; texts stay.
    #[must_use]
    pub fn edit_children(&self, mut edit: impl FnMut(ElementRef<'_>) -> Edit) -> Element {
        let mut tree = Tree::default();
        tree.append_start(self.tree(), 0);
        let (mut changed, mut after_text) = (false, false);
        for node in self.nodes() {
            let child = match node {
                Node::Text(text) => {
                    tree.add_text(text, after_text);
                    after_text = true;
                    continue;
                }
                Node::Element(child) => child,
            };
            let verdict = edit(child);
            changed |= verdict != Edit::Keep;
            match verdict {
                Edit::Remove => continue,
                Edit::Keep => tree.append(self.tree(), child.node()),
                Edit::Replace(other) => tree.append(other.tree(), 0),
            }
            after_text = false;
        }
        if !changed {
            return self.clone();
        }
        tree.close_root();
        Self::from_tree(tree)
    }
}

impl Tree {
    /// The root ends where the nodes end.
    pub(crate) fn close_root(&mut self) {
        let end = index(self.nodes.len());
        if let Some(root) = self.element_mut(0) {
            root.end = end;
        }
    }

    /// Adds text to the root; `joined` says that the last node is a text of the root, and that this text continues it.
    pub(crate) fn add_text(&mut self, text: &str, joined: bool) {
        let end = self.mark();
        match self.nodes.last_mut() {
            Some(NodeData::Text(span)) if joined && span.start.saturating_add(span.len) == end => {
                span.len = span.len.saturating_add(index(text.len()));
                self.write(text);
            }
            Some(NodeData::Text(span)) if joined => {
                let before = String::from(span.of(&self.text));
                self.nodes.pop();
                self.push_text(&(before + text));
            }
            _ => self.push_text(text),
        }
        self.close_root();
    }

    /// Adds a copy of one element, without what is in it, as a node.
    pub(crate) fn append_start(&mut self, from: &Tree, node: u32) -> u32 {
        let Some(element) = from.element(node) else {
            return index(self.nodes.len());
        };
        let mut copy = *element;
        copy.name = self.store(element.name.of(&from.text));
        copy.ns = self.copy_ns(from, element.ns);
        copy.attrs = index(self.attrs.len());
        for attr in from.attrs_of(element) {
            let copy = AttrData {
                ns: self.copy_ns(from, attr.ns),
                name: self.store(attr.name.of(&from.text)),
                value: self.store(attr.value.of(&from.text)),
            };
            self.push_attr(copy);
        }
        let at = self.push_node(NodeData::Element(copy));
        if let Some(copy) = self.element_mut(at) {
            copy.end = at.saturating_add(1);
        }
        at
    }

    fn copy_ns(&mut self, from: &Tree, ns: Ns) -> Ns {
        match ns {
            Ns::Known(_) => ns,
            Ns::Text(span) => Ns::Text(self.store(span.of(&from.text))),
        }
    }

    /// Adds a copy of an element with all that is in it.
    pub(crate) fn append(&mut self, from: &Tree, node: u32) {
        let Some(end) = from.element(node).map(|element| element.end) else {
            return;
        };
        let base = index(self.nodes.len());
        for at in node..end {
            match from.nodes.get(at as usize) {
                Some(NodeData::Element(element)) => {
                    let copy = self.append_start(from, at);
                    let end = element.end.saturating_sub(node).saturating_add(base);
                    if let Some(copy) = self.element_mut(copy) {
                        copy.end = end;
                    }
                }
                Some(NodeData::Text(span)) => self.push_text(span.of(&from.text)),
                None => {}
            }
        }
    }

    /// Sets or removes an attribute of an element.
    pub(crate) fn set_attr(&mut self, node: u32, ns: &str, name: &str, value: Option<&str>) {
        let (name, Some(&element)) = (clean_name(name), self.element(node)) else {
            return;
        };
        if is_reserved(ns, &name) {
            return;
        }
        let found = self
            .attrs_of(&element)
            .iter()
            .position(|attr| attr.ns.is(ns, &self.text) && attr.name.of(&self.text) == name);
        match (found, value) {
            (Some(at), Some(value)) => self.replace_value(element.attrs, at, &clean(value)),
            (None, Some(value)) => self.add_attr(node, ns, &name, value),
            (Some(at), None) => self.remove_attr(node, at),
            (None, None) => {}
        }
    }

    /// Puts a value where another was. What was written last is taken back first, so that an attribute that is set again and
    /// again does not make the text longer and longer.
    fn replace_value(&mut self, first: u32, at: usize, value: &str) {
        let place = (first as usize).saturating_add(at);
        let Some(old) = self.attrs.get(place).map(|attr| attr.value) else {
            return;
        };
        if old.start.saturating_add(old.len) == self.mark() {
            self.text.truncate(old.start as usize);
        }
        let value = self.store(value);
        if let Some(attr) = self.attrs.get_mut(place) {
            attr.value = value;
        }
    }

    fn add_attr(&mut self, node: u32, ns: &str, name: &str, value: &str) {
        let Some(&element) = self.element(node) else {
            return;
        };
        let ns = self.store_ns(&clean(ns));
        let name = self.store(name);
        let value = self.store(&clean(value));
        let start = element.attrs as usize;
        let end = start.saturating_add(element.attr_count as usize);
        if end != self.attrs.len() {
            // Another element's attributes follow: move these to the end of the list. The old places are forgotten.
            let start = index(self.attrs.len());
            self.attrs
                .reserve_exact((element.attr_count as usize).saturating_add(1));
            self.attrs.extend_from_within((element.attrs as usize)..end);
            if let Some(element) = self.element_mut(node) {
                element.attrs = start;
            }
        }
        self.push_attr(AttrData { ns, name, value });
        if let Some(element) = self.element_mut(node) {
            element.attr_count = element.attr_count.saturating_add(1);
        }
    }

    fn remove_attr(&mut self, node: u32, at: usize) {
        let Some(&element) = self.element(node) else {
            return;
        };
        let start = element.attrs as usize;
        let end = start.saturating_add(element.attr_count as usize);
        if let Some(tail) = self.attrs.get_mut(start.saturating_add(at)..end) {
            tail.rotate_left(1);
        }
        if let Some(element) = self.element_mut(node) {
            element.attr_count = element.attr_count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn parse(xml: &str) -> Element {
        Element::parse(xml.as_bytes(), "jabber:client", &Limits::stanza()).unwrap()
    }

    #[test]
    fn edits_a_tree_in_place_unless_it_is_shared() {
        let mut message = parse("<message to='a@b'><body c='d'>e</body></message>");
        let place = message.tree().nodes.as_ptr();
        message.set_attr("to", Some("f@g"));
        message.set_attr("from", Some("h<\u{1}>"));
        assert_eq!(message.tree().nodes.as_ptr(), place);
        assert_eq!(
            message,
            parse("<message to='f@g' from='h&lt;\u{FFFD}&gt;'><body c='d'>e</body></message>")
        );
        let shared = message.clone();
        message.set_attr("to", None);
        assert_eq!(shared.attr("to"), Some("f@g"));
        assert_eq!(message.attr("to"), None);
        assert_eq!(message.attr("from"), shared.attr("from"));
        assert_eq!(
            message.child("body", "jabber:client").unwrap().attr("c"),
            Some("d")
        );
    }

    #[test]
    fn does_not_grow_when_an_attribute_is_set_again_and_again() {
        let mut message = parse("<message/>");
        message.set_attr("from", Some("a@b/c"));
        let before = message.tree().text.len();
        for _ in 0..100 {
            message.set_attr("from", Some("a@b/c"));
        }
        assert_eq!(message.tree().text.len(), before);
    }

    #[test]
    fn sets_the_language_and_no_declaration() {
        let mut message = parse("<message/>");
        message.set_lang(Some("en"));
        message.set_attr("xmlns", Some("urn:x"));
        message.set_attr("xmlns:p", Some("urn:x"));
        assert_eq!(message.lang(), Some("en"));
        assert_eq!(
            message.to_xml(),
            "<message xmlns='jabber:client' xml:lang='en' xmlns_p='urn:x'/>"
        );
    }

    #[test]
    fn joins_the_texts_around_a_child_that_goes() {
        let edited = parse("<a>1<b/>2<c/>3</a>").edit_children(|child| match child.name() {
            "b" => Edit::Remove,
            _ => Edit::Replace(Element::builder("d", "").build()),
        });
        assert_eq!(edited, parse("<a>12<d xmlns=''/>3</a>"));
    }
}
