//! The tree's storage: one text with every name, value and text in it, a list of nodes in document order, and a list of
//! attributes. Nothing in it points; everything is a place in a list, so a clone or a drop is three blocks of memory.

use crate::grow;
use crate::known::{self, Known};

/// A piece of the tree's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

impl Span {
    pub(crate) const EMPTY: Self = Self { start: 0, len: 0 };

    #[inline]
    pub(crate) fn of(self, text: &str) -> &str {
        let start = self.start as usize;
        text.get(start..start.saturating_add(self.len as usize))
            .unwrap_or("")
    }
}

/// A namespace: one that is well known, or its name in the tree's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ns {
    Known(Known),
    Text(Span),
}

impl Ns {
    pub(crate) const NONE: Self = Self::Known(Known::NONE);
    pub(crate) const XML: Self = Self::Known(Known::XML);

    /// Whether it is the one of that name. That most attributes have none, and few another than `xml`, is told without a look at it.
    #[inline]
    pub(crate) fn is(self, uri: &str, text: &str) -> bool {
        match self {
            Self::NONE => uri.is_empty(),
            Self::XML => uri == known::XML,
            other => other.uri(text) == uri,
        }
    }

    #[inline]
    pub(crate) fn uri(self, text: &str) -> &str {
        match self {
            Self::Known(known) => known.uri(),
            Self::Text(span) => span.of(text),
        }
    }
}

/// An element, or text between tags.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NodeData {
    Element(ElementData),
    Text(Span),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ElementData {
    pub(crate) name: Span,
    pub(crate) ns: Ns,
    /// First of its attributes, and how many they are.
    pub(crate) attrs: u32,
    pub(crate) attr_count: u32,
    /// The node after its last descendant.
    pub(crate) end: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct AttrData {
    pub(crate) ns: Ns,
    pub(crate) name: Span,
    pub(crate) value: Span,
}

/// One element with all that is in it; node 0 is that element. Pieces of `text` that no node names any more may stay in it
/// after an edit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    pub(crate) text: String,
    pub(crate) nodes: Vec<NodeData>,
    pub(crate) attrs: Vec<AttrData>,
}

/// A place in a list. Lists longer than 4 Gi would lose their end; limits and memory end them long before.
#[inline]
pub(crate) fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

impl Tree {
    /// Bytes of heap held.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.text
            .capacity()
            .saturating_add(self.nodes.capacity().saturating_mul(size_of::<NodeData>()))
            .saturating_add(self.attrs.capacity().saturating_mul(size_of::<AttrData>()))
    }

    #[inline]
    pub(crate) fn element(&self, node: u32) -> Option<&ElementData> {
        match self.nodes.get(node as usize) {
            Some(NodeData::Element(element)) => Some(element),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn element_mut(&mut self, node: u32) -> Option<&mut ElementData> {
        match self.nodes.get_mut(node as usize) {
            Some(NodeData::Element(element)) => Some(element),
            _ => None,
        }
    }

    /// The attributes of an element.
    #[inline]
    pub(crate) fn attrs_of(&self, element: &ElementData) -> &[AttrData] {
        let start = element.attrs as usize;
        self.attrs
            .get(start..start.saturating_add(element.attr_count as usize))
            .unwrap_or(&[])
    }

    /// Where the text written next will begin.
    #[inline]
    pub(crate) fn mark(&self) -> u32 {
        index(self.text.len())
    }

    /// The text written since `mark`.
    #[inline]
    pub(crate) fn since(&self, mark: u32) -> Span {
        Span {
            start: mark,
            len: self.mark().saturating_sub(mark),
        }
    }

    /// Adds to the text.
    #[inline]
    pub(crate) fn write(&mut self, text: &str) {
        grow::text(&mut self.text, text.len());
        self.text.push_str(text);
    }

    /// Adds to the text, as a piece of its own.
    #[inline]
    pub(crate) fn store(&mut self, text: &str) -> Span {
        let mark = self.mark();
        self.write(text);
        self.since(mark)
    }

    /// Adds a namespace's name, unless it is a well-known one.
    pub(crate) fn store_ns(&mut self, uri: &str) -> Ns {
        match Known::find(uri) {
            Some(known) => Ns::Known(known),
            None => Ns::Text(self.store(uri)),
        }
    }

    /// Adds a node after all others, and says which it is.
    #[inline]
    pub(crate) fn push_node(&mut self, node: NodeData) -> u32 {
        grow::list(&mut self.nodes);
        let at = index(self.nodes.len());
        self.nodes.push(node);
        at
    }

    /// Adds an attribute after all others.
    #[inline]
    pub(crate) fn push_attr(&mut self, attr: AttrData) {
        grow::list(&mut self.attrs);
        self.attrs.push(attr);
    }

    /// Adds text as a node.
    pub(crate) fn push_text(&mut self, text: &str) {
        if !text.is_empty() {
            let span = self.store(text);
            self.push_node(NodeData::Text(span));
        }
    }
}
