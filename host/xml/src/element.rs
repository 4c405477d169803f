//! `Element`: an immutable tree that is cheap to clone.

use std::borrow::Cow;
use std::sync::Arc;

use crate::build::ElementBuilder;
use crate::known;
use crate::read::{Attr, ElementRef, Nodes};
use crate::tree::Tree;

/// An element with all that is in it. A clone shares the tree; an edit of a shared tree copies it first.
///
/// Equality is structural: names, namespaces, attributes as a set, nodes in order. Prefixes are not kept.
#[derive(Clone)]
pub struct Element(Arc<Tree>);

impl Element {
    pub(crate) fn from_tree(tree: Tree) -> Self {
        Self(Arc::new(tree))
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.0
    }

    pub(crate) fn tree_mut(&mut self) -> &mut Tree {
        Arc::make_mut(&mut self.0)
    }

    /// Begins a new element. See [`ElementBuilder`] for what becomes of names and characters that XML does not have.
    pub fn builder(name: &str, ns: &str) -> ElementBuilder {
        ElementBuilder::new(name, ns)
    }

    /// The element, for reading.
    pub fn root(&self) -> ElementRef<'_> {
        ElementRef::new(&self.0, 0)
    }

    /// Bytes of heap that the tree holds, however many share it.
    pub fn heap_bytes(&self) -> usize {
        self.0.heap_bytes().saturating_add(size_of::<Tree>())
    }

    /// See [`ElementRef::name`].
    pub fn name(&self) -> &str {
        self.root().name()
    }

    /// See [`ElementRef::ns`].
    pub fn ns(&self) -> &str {
        self.root().ns()
    }

    /// See [`ElementRef::is`].
    #[inline]
    pub fn is(&self, name: &str, ns: &str) -> bool {
        self.root().is(name, ns)
    }

    /// See [`ElementRef::attr`].
    #[inline]
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.root().attr(name)
    }

    /// See [`ElementRef::attr_ns`].
    #[inline]
    pub fn attr_ns(&self, ns: &str, name: &str) -> Option<&str> {
        self.root().attr_ns(ns, name)
    }

    /// See [`ElementRef::lang`].
    #[inline]
    pub fn lang(&self) -> Option<&str> {
        self.root().lang()
    }

    /// See [`ElementRef::attrs`].
    pub fn attrs(&self) -> impl ExactSizeIterator<Item = Attr<'_>> + Clone {
        self.root().attrs()
    }

    /// See [`ElementRef::nodes`].
    pub fn nodes(&self) -> Nodes<'_> {
        self.root().nodes()
    }

    /// See [`ElementRef::children`].
    pub fn children(&self) -> impl Iterator<Item = ElementRef<'_>> + Clone {
        self.root().children()
    }

    /// See [`ElementRef::child`].
    #[inline]
    pub fn child(&self, name: &str, ns: &str) -> Option<ElementRef<'_>> {
        self.root().child(name, ns)
    }

    /// See [`ElementRef::text`].
    pub fn text(&self) -> Cow<'_, str> {
        self.root().text()
    }

    /// Sets the `xml:lang` of the root, or removes it.
    pub fn set_lang(&mut self, lang: Option<&str>) {
        self.set_attr_ns(known::XML, "lang", lang);
    }
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.root() == other.root()
    }
}

impl Eq for Element {}

/// As XML, for logs and failed assertions.
impl std::fmt::Debug for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.root().fmt(f)
    }
}
