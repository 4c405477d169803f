//! Reading a tree: `ElementRef` and what it hands out.

use std::borrow::Cow;

use crate::element::Element;
use crate::known;
use crate::tree::{AttrData, ElementData, NodeData, Tree};

/// An element inside a tree.
#[derive(Clone, Copy)]
pub struct ElementRef<'a> {
    tree: &'a Tree,
    node: u32,
}

/// An attribute, its namespace `None` where it has no prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attr<'a> {
    /// Its namespace, if it has one.
    pub ns: Option<&'a str>,
    /// Its name without prefix.
    pub name: &'a str,
    /// Its value, with references resolved and white space normalised (XML 1.0 §3.3.3).
    pub value: &'a str,
}

/// What stands between two tags of an element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Node<'a> {
    /// A child element.
    Element(ElementRef<'a>),
    /// Text, never empty, never followed by another text.
    Text(&'a str),
}

impl<'a> ElementRef<'a> {
    pub(crate) fn new(tree: &'a Tree, node: u32) -> Self {
        Self { tree, node }
    }

    pub(crate) fn tree(self) -> &'a Tree {
        self.tree
    }

    pub(crate) fn node(self) -> u32 {
        self.node
    }

    fn data(self) -> Option<&'a ElementData> {
        self.tree.element(self.node)
    }

    /// Its name without prefix.
    pub fn name(self) -> &'a str {
        self.data().map_or("", |data| data.name.of(&self.tree.text))
    }

    /// Its namespace; empty for none.
    pub fn ns(self) -> &'a str {
        self.data().map_or("", |data| data.ns.uri(&self.tree.text))
    }

    /// Whether it has this name in this namespace.
    #[inline]
    pub fn is(self, name: &str, ns: &str) -> bool {
        self.name() == name && self.ns() == ns
    }

    /// The value of an attribute without namespace.
    #[inline]
    pub fn attr(self, name: &str) -> Option<&'a str> {
        self.attr_ns("", name)
    }

    /// The value of an attribute in a namespace; empty for none.
    #[inline]
    pub fn attr_ns(self, ns: &str, name: &str) -> Option<&'a str> {
        let text = &self.tree.text;
        self.attr_list()
            .iter()
            .find(|attr| attr.ns.is(ns, text) && attr.name.of(text) == name)
            .map(|attr| attr.value.of(text))
    }

    /// Its own `xml:lang`, not one that it inherits.
    #[inline]
    pub fn lang(self) -> Option<&'a str> {
        self.attr_ns(known::XML, "lang")
    }

    fn attr_list(self) -> &'a [AttrData] {
        self.data().map_or(&[], |data| self.tree.attrs_of(data))
    }

    /// Its attributes in the order they were written, namespace declarations not among them.
    pub fn attrs(self) -> impl ExactSizeIterator<Item = Attr<'a>> + Clone {
        let text = &self.tree.text;
        self.attr_list().iter().map(move |attr| Attr {
            ns: Some(attr.ns.uri(text)).filter(|ns| !ns.is_empty()),
            name: attr.name.of(text),
            value: attr.value.of(text),
        })
    }

    /// Child elements and texts in document order.
    pub fn nodes(self) -> Nodes<'a> {
        let end = self.data().map_or(0, |data| data.end);
        Nodes {
            tree: self.tree,
            next: self.node.saturating_add(1),
            end,
        }
    }

    /// Child elements in document order.
    pub fn children(self) -> impl Iterator<Item = ElementRef<'a>> + Clone {
        self.nodes().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first child element of this name in this namespace.
    pub fn child(self, name: &str, ns: &str) -> Option<ElementRef<'a>> {
        self.children().find(|child| child.is(name, ns))
    }

    /// Its own text, without that of its children; borrowed unless children interrupt it.
    pub fn text(self) -> Cow<'a, str> {
        let mut texts = self.nodes().filter_map(|node| match node {
            Node::Text(text) => Some(text),
            Node::Element(_) => None,
        });
        let Some(first) = texts.next() else {
            return Cow::Borrowed("");
        };
        let Some(second) = texts.next() else {
            return Cow::Borrowed(first);
        };
        let mut all = String::from(first);
        all.push_str(second);
        all.extend(texts);
        Cow::Owned(all)
    }

    /// A copy of this element and all that is in it, as a tree of its own.
    pub fn to_element(self) -> Element {
        if self.node == 0 {
            return Element::from_tree(self.tree.clone());
        }
        let mut tree = Tree::default();
        tree.append(self.tree, self.node);
        Element::from_tree(tree)
    }
}

/// The nodes of an element: see [`ElementRef::nodes`].
#[derive(Clone)]
pub struct Nodes<'a> {
    tree: &'a Tree,
    next: u32,
    end: u32,
}

impl<'a> Iterator for Nodes<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        if self.next >= self.end {
            return None;
        }
        let node = self.next;
        match self.tree.nodes.get(node as usize)? {
            NodeData::Text(span) => {
                self.next = node.saturating_add(1);
                Some(Node::Text(span.of(&self.tree.text)))
            }
            NodeData::Element(element) => {
                self.next = element.end.max(node.saturating_add(1));
                Some(Node::Element(ElementRef::new(self.tree, node)))
            }
        }
    }
}

/// Structural: names, namespaces, attributes as a set, nodes in order. Prefixes do not matter.
impl PartialEq for ElementRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        let (Some(mine), Some(theirs)) = (self.data(), other.data()) else {
            return false;
        };
        let length = |data: &ElementData, node: u32| data.end.saturating_sub(node);
        if length(mine, self.node) != length(theirs, other.node) {
            return false;
        }
        // In document order, so equal lists of nodes with equal lengths of subtrees are equal trees: no recursion.
        let (left, right) = (self.subtree(), other.subtree());
        left.clone().count() == right.clone().count()
            && left.zip(right).all(|(left, right)| left.same(&right))
    }
}

impl Eq for ElementRef<'_> {}

/// One node by itself, for comparison.
#[derive(Clone, Copy)]
struct Flat<'a> {
    tree: &'a Tree,
    node: u32,
    data: &'a NodeData,
}

impl<'a> ElementRef<'a> {
    fn subtree(self) -> impl Iterator<Item = Flat<'a>> + Clone {
        let tree = self.tree;
        let end = self.data().map_or(0, |data| data.end);
        (self.node..end).filter_map(move |node| {
            let data = tree.nodes.get(node as usize)?;
            Some(Flat { tree, node, data })
        })
    }
}

impl Flat<'_> {
    fn same(&self, other: &Flat<'_>) -> bool {
        match (self.data, other.data) {
            (NodeData::Text(left), NodeData::Text(right)) => {
                left.of(&self.tree.text) == right.of(&other.tree.text)
            }
            (NodeData::Element(left), NodeData::Element(right)) => {
                let (one, two) = (
                    ElementRef::new(self.tree, self.node),
                    ElementRef::new(other.tree, other.node),
                );
                left.end.saturating_sub(self.node) == right.end.saturating_sub(other.node)
                    && left.attr_count == right.attr_count
                    && one.name() == two.name()
                    && one.ns() == two.ns()
                    && one.attrs().all(|attr| {
                        two.attr_ns(attr.ns.unwrap_or(""), attr.name) == Some(attr.value)
                    })
            }
            _ => false,
        }
    }
}

/// As XML, for logs and failed assertions.
impl std::fmt::Debug for ElementRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_xml())
    }
}
