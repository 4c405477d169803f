//! From tokens to one tree: the elements that are open, their text, and the limits on them.

use smallvec::SmallVec;

use crate::chardata::{CharData, Kind};
use crate::chars;
use crate::element::Element;
use crate::error::XmlError;
use crate::known;
use crate::limits::{Limit, Limits};
use crate::reference;
use crate::scope::{Mark, Prefix, Scope};
use crate::tag::{self, Started};
use crate::tree::{NodeData, Span, Tree, index};

/// Who may stand outside the element that is being built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outside {
    /// A document's: only white space.
    Document,
    /// A stream's: white space, and the stream's end tag.
    Stream,
}

/// What a token brought about.
#[derive(Debug)]
pub(crate) enum Built {
    /// Nothing that can be handed on yet.
    Nothing,
    /// An element is complete.
    Element(Element),
    /// An end tag of an element that began outside.
    OuterEnd,
}

/// The elements under construction.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    tree: Tree,
    /// Few are deeper than that, and take no memory of their own.
    open: SmallVec<[Open; 3]>,
    pub(crate) scope: Scope,
    chars: CharData,
    elements: usize,
    /// The last node is a text of the innermost open element.
    in_text: bool,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    node: u32,
    prefix: Prefix,
    mark: Mark,
}

impl Assembler {
    pub(crate) fn new(scope: Scope) -> Self {
        Self {
            scope,
            ..Self::default()
        }
    }

    /// Bytes of heap held for the tree and its scope.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.tree
            .heap_bytes()
            .saturating_add(self.open_bytes())
            .saturating_add(self.scope.heap_bytes())
    }

    fn open_bytes(&self) -> usize {
        if self.open.spilled() {
            self.open.capacity().saturating_mul(size_of::<Open>())
        } else {
            0
        }
    }

    /// Whether no element is open and no character cut in two.
    pub(crate) fn is_between(&self) -> bool {
        self.open.is_empty() && self.chars.is_complete()
    }

    /// Takes text.
    pub(crate) fn text(
        &mut self,
        bytes: &[u8],
        kind: Kind,
        outside: Outside,
    ) -> Result<(), XmlError> {
        let Self {
            tree,
            open,
            chars,
            in_text,
            ..
        } = self;
        let mut sink = |text: &str| {
            if open.is_empty() {
                return only_space(text, outside);
            }
            append(tree, text, in_text);
            Ok(())
        };
        chars.push(bytes, kind, &mut sink)
    }

    /// Takes a reference.
    pub(crate) fn reference(&mut self, name: &[u8], outside: Outside) -> Result<(), XmlError> {
        self.chars.end()?;
        let name =
            std::str::from_utf8(name).map_err(|_| XmlError::NotWellFormed("invalid utf-8"))?;
        let c = reference::resolve(name)?;
        let mut bytes = [0; 4];
        let text = c.encode_utf8(&mut bytes);
        if self.open.is_empty() {
            // White space by reference is no white space between elements (XML 1.0 §2.8, production 27).
            return Err(if outside == Outside::Document {
                TEXT_OUTSIDE
            } else {
                TEXT_IN_STREAM
            });
        }
        append(&mut self.tree, text, &mut self.in_text);
        Ok(())
    }

    /// Markup begins: the text before it must be complete.
    pub(crate) fn end_text(&mut self) -> Result<(), XmlError> {
        self.chars.end()
    }

    /// A CDATA section begins.
    pub(crate) fn cdata(&mut self, outside: Outside) -> Result<(), XmlError> {
        self.chars.end()?;
        match outside {
            Outside::Document if self.open.is_empty() => Err(TEXT_OUTSIDE),
            Outside::Document | Outside::Stream => Ok(()),
        }
    }

    /// Takes a start tag, an empty element's tag or an end tag. `charge` receives the bytes that were added to the tree and do
    /// not stand in the tag.
    pub(crate) fn tag(
        &mut self,
        tag: &[u8],
        outside: Outside,
        limits: &Limits,
        charge: &mut usize,
    ) -> Result<Built, XmlError> {
        self.chars.end()?;
        self.in_text = false;
        let tag = std::str::from_utf8(tag).map_err(|_| XmlError::NotWellFormed("invalid utf-8"))?;
        if tag.starts_with("</") {
            return self.end_tag(tag);
        }
        let started = self.start_tag(tag, limits)?;
        *charge = charge.saturating_add(started.charge);
        if outside == Outside::Stream
            && started.prefix != Prefix::None
            && self.in_content_ns(started.node)
        {
            return Err(XmlError::BadNamespacePrefix);
        }
        if !started.empty {
            self.open.push(Open {
                node: started.node,
                prefix: started.prefix,
                mark: started.mark,
            });
            return Ok(Built::Nothing);
        }
        self.scope.release(started.mark);
        Ok(if self.open.is_empty() {
            Built::Element(self.finish())
        } else {
            Built::Nothing
        })
    }

    /// Reads a start tag, within the limits.
    pub(crate) fn start_tag(&mut self, tag: &str, limits: &Limits) -> Result<Started, XmlError> {
        if self.open.len() >= limits.depth {
            return Err(XmlError::TooBig(Limit::Depth));
        }
        if self.elements >= limits.elements {
            return Err(XmlError::TooBig(Limit::Elements));
        }
        self.elements = self.elements.saturating_add(1);
        let started = tag::start(tag, &mut self.tree, &mut self.scope, limits)?;
        // Dense markup makes lists that are longer than the bytes they came from.
        if self.tree.heap_bytes() > limits.stanza_bytes.saturating_mul(TREE_FACTOR) {
            return Err(XmlError::TooBig(Limit::Elements));
        }
        Ok(started)
    }

    /// Whether an element is in a namespace whose elements may not have prefixes (RFC 6120 §4.8.5).
    fn in_content_ns(&self, node: u32) -> bool {
        let ns = self
            .tree
            .element(node)
            .map_or("", |element| element.ns.uri(&self.tree.text));
        ns == known::CLIENT || ns == known::SERVER
    }

    fn end_tag(&mut self, tag: &str) -> Result<Built, XmlError> {
        let name = tag::end_name(tag);
        let Some(open) = self.open.pop() else {
            return Ok(Built::OuterEnd);
        };
        let end = index(self.tree.nodes.len());
        let local = match self.tree.element_mut(open.node) {
            Some(element) => {
                element.end = end;
                element.name
            }
            None => Span::EMPTY,
        };
        if !tag::ends(name, local, self.scope.prefix(open.prefix), &self.tree) {
            return Err(XmlError::NotWellFormed("end tag of another element"));
        }
        self.scope.release(open.mark);
        Ok(if self.open.is_empty() {
            Built::Element(self.finish())
        } else {
            Built::Nothing
        })
    }

    /// Hands the tree on, and keeps nothing of it.
    pub(crate) fn finish(&mut self) -> Element {
        self.open = SmallVec::new();
        self.elements = 0;
        self.scope.next_tree();
        Element::from_tree(std::mem::take(&mut self.tree))
    }

    /// Takes a stream header: its start tag, whose declarations stay in scope.
    pub(crate) fn header(&mut self, tag: &[u8], limits: &Limits) -> Result<Header, XmlError> {
        self.chars.end()?;
        let tag = std::str::from_utf8(tag).map_err(|_| XmlError::NotWellFormed("invalid utf-8"))?;
        if tag.starts_with("</") {
            return Err(XmlError::NotWellFormed("end tag without start tag"));
        }
        let started = self.start_tag(tag, limits)?;
        let written = tag::written_name(tag).to_owned();
        let prefix = self.scope.prefix(started.prefix);
        let prefix = Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty());
        let default_ns = self.scope.declared_default(&self.tree);
        self.scope.keep_as_header(&self.tree);
        Ok(Header {
            root: self.finish(),
            default_ns,
            prefix,
            written,
            empty: started.empty,
        })
    }
}

/// A stream header that was read.
pub(crate) struct Header {
    pub(crate) root: Element,
    pub(crate) default_ns: Option<String>,
    pub(crate) prefix: Option<String>,
    /// Its name as written.
    pub(crate) written: String,
    pub(crate) empty: bool,
}

/// How many times the bytes of a stanza its tree may take. With the beginning of a token, which is within the bytes of the
/// stanza, that makes the four times that [`Limits`] tells.
const TREE_FACTOR: usize = 3;
const TEXT_OUTSIDE: XmlError = XmlError::NotWellFormed("text outside the root element");
const TEXT_IN_STREAM: XmlError = XmlError::BadFormat("text between stanzas");

fn only_space(text: &str, outside: Outside) -> Result<(), XmlError> {
    if text.bytes().all(chars::is_space) {
        return Ok(());
    }
    Err(if outside == Outside::Document {
        TEXT_OUTSIDE
    } else {
        TEXT_IN_STREAM
    })
}

/// Adds to the text that is the last node, or begins one.
fn append(tree: &mut Tree, text: &str, in_text: &mut bool) {
    if let Some(NodeData::Text(span)) = tree.nodes.last_mut().filter(|_| *in_text) {
        span.len = span.len.saturating_add(index(text.len()));
        tree.write(text);
    } else {
        tree.push_text(text);
        *in_text = true;
    }
}
