//! Building a tree by hand.

use std::borrow::Cow;

use crate::chars;
use crate::element::Element;
use crate::known;
use crate::name::is_ncname;
use crate::tree::{ElementData, NodeData, Tree};

/// Builds one element: attributes, texts and children in the order they are added.
///
/// Nothing that is built can be ill-formed when written: characters that XML does not have become U+FFFD, bytes of a name that
/// may not stand in one become `_`, and an attribute named `xmlns`, or in the namespace of namespace declarations, is
/// ignored, since writing declares what is needed.
#[derive(Clone, Debug)]
#[must_use]
pub struct ElementBuilder {
    tree: Tree,
    /// The last node is text.
    after_text: bool,
}

impl ElementBuilder {
    pub(crate) fn new(name: &str, ns: &str) -> Self {
        let mut tree = Tree::default();
        let ns = if ns == known::XMLNS { "" } else { ns };
        let name = tree.store(&clean_name(name));
        let ns = tree.store_ns(&clean(ns));
        tree.push_node(NodeData::Element(ElementData {
            name,
            ns,
            attrs: 0,
            attr_count: 0,
            end: 1,
        }));
        Self {
            tree,
            after_text: false,
        }
    }

    /// Sets an attribute without namespace.
    pub fn attr(self, name: &str, value: &str) -> Self {
        self.attr_ns("", name, value)
    }

    /// Sets an attribute in a namespace.
    pub fn attr_ns(mut self, ns: &str, name: &str, value: &str) -> Self {
        self.tree.set_attr(0, ns, name, Some(value));
        self
    }

    /// Adds text.
    pub fn text(mut self, text: &str) -> Self {
        if !text.is_empty() {
            self.tree.add_text(&clean(text), self.after_text);
            self.after_text = true;
        }
        self
    }

    /// Adds a child.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a child built in place is the usual argument"
    )]
    pub fn child(mut self, child: Element) -> Self {
        self.tree.append(child.tree(), 0);
        self.tree.close_root();
        self.after_text = false;
        self
    }

    /// Adds children.
    pub fn children(self, children: impl IntoIterator<Item = Element>) -> Self {
        children.into_iter().fold(self, Self::child)
    }

    /// The element.
    pub fn build(self) -> Element {
        Element::from_tree(self.tree)
    }
}

/// The text with U+FFFD for each character that XML does not have.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    // All of ASCII but its control characters, which is nearly always all that there is.
    let is_plain = |byte: u8| matches!(byte, b' '..=0x7f);
    if text
        .bytes()
        .fold(true, |plain, byte| plain & is_plain(byte))
    {
        return Cow::Borrowed(text);
    }
    if text.chars().all(chars::is_char) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        text.chars()
            .map(|c| {
                if chars::is_char(c) {
                    c
                } else {
                    char::REPLACEMENT_CHARACTER
                }
            })
            .collect(),
    )
}

/// The name with `_` for what may not stand in one.
pub(crate) fn clean_name(name: &str) -> Cow<'_, str> {
    if is_ncname(name) {
        return Cow::Borrowed(name);
    }
    let mut fixed: String = name
        .chars()
        .map(|c| if chars::is_name_char(c) { c } else { '_' })
        .collect();
    if !fixed.starts_with(chars::is_name_start) {
        fixed.insert(0, '_');
    }
    Cow::Owned(fixed)
}

/// Whether this would be a namespace declaration and no attribute.
pub(crate) fn is_reserved(ns: &str, name: &str) -> bool {
    ns == known::XMLNS || ns.is_empty() && name == "xmlns"
}
