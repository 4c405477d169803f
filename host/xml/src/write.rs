//! From a tree to bytes. Namespaces are declared as the default where they change; prefixes are ours alone.

use smallvec::SmallVec;

use crate::element::Element;
use crate::escape;
use crate::known;
use crate::read::ElementRef;
use crate::tree::{AttrData, ElementData, NodeData, Ns, Tree};

/// What is in scope where an element is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context<'a> {
    /// The default namespace; empty for none.
    pub default_ns: &'a str,
    /// Whether the prefix `stream` is bound to the streams namespace, as it is inside a stream that we opened.
    pub stream_prefix: bool,
}

impl<'a> Context<'a> {
    /// Nothing is in scope.
    pub const STANDALONE: Context<'static> = Context {
        default_ns: "",
        stream_prefix: false,
    };

    /// Inside a stream whose header declared this content namespace, and the prefix `stream`.
    pub const fn stream(default_ns: &'a str) -> Self {
        Self {
            default_ns,
            stream_prefix: true,
        }
    }
}

impl Element {
    /// Writes the element at the end of `out`.
    pub fn write(&self, context: &Context<'_>, out: &mut Vec<u8>) {
        self.root().write(context, out);
    }

    /// The element as a document of its own, with its namespace declared on it.
    pub fn to_xml(&self) -> String {
        self.root().to_xml()
    }
}

impl ElementRef<'_> {
    /// Writes the element at the end of `out`.
    pub fn write(self, context: &Context<'_>, out: &mut Vec<u8>) {
        Writer {
            tree: self.tree(),
            stream_prefix: context.stream_prefix,
            out,
        }
        .element(self.node(), context.default_ns);
    }

    /// The element as a document of its own, with its namespace declared on it.
    pub fn to_xml(self) -> String {
        let mut out = Vec::new();
        self.write(&Context::STANDALONE, &mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

struct Writer<'a, 'o> {
    tree: &'a Tree,
    stream_prefix: bool,
    out: &'o mut Vec<u8>,
}

/// An element that was opened: itself, and the default namespace outside it.
struct Frame<'a> {
    element: &'a ElementData,
    outside: &'a str,
}

/// The innermost open element, if it ended before that node.
fn ended<'a>(open: &mut SmallVec<[Frame<'a>; 8]>, node: u32) -> Option<Frame<'a>> {
    let has_ended = open.last().is_some_and(|frame| frame.element.end <= node);
    has_ended.then(|| open.pop()).flatten()
}

impl<'a> Writer<'a, '_> {
    /// Writes one element with all that is in it. Trees built by hand may be deep: no recursion.
    fn element(&mut self, root: u32, default_ns: &'a str) {
        let Some(end) = self.tree.element(root).map(|element| element.end) else {
            return;
        };
        let mut default = default_ns;
        let mut open: SmallVec<[Frame<'a>; 8]> = SmallVec::new();
        for node in root..end {
            while let Some(frame) = ended(&mut open, node) {
                self.end_tag(frame.element);
                default = frame.outside;
            }
            match self.tree.nodes.get(node as usize) {
                Some(NodeData::Text(span)) => escape::text(span.of(&self.tree.text), self.out),
                Some(NodeData::Element(element)) => {
                    let outside = default;
                    self.start_tag(element, &mut default);
                    if element.end > node.saturating_add(1) {
                        self.out.push(b'>');
                        open.push(Frame { element, outside });
                    } else {
                        self.out.extend_from_slice(b"/>");
                        default = outside;
                    }
                }
                None => {}
            }
        }
        while let Some(frame) = open.pop() {
            self.end_tag(frame.element);
        }
    }

    /// The prefix that an element's name is written with, the colon included.
    fn prefix(&self, ns: Ns) -> &'static str {
        let Ns::Known(known) = ns else { return "" };
        match known.uri() {
            known::STREAMS if self.stream_prefix => "stream:",
            known::XML => "xml:",
            _ => "",
        }
    }

    /// All of a start tag but its end.
    fn start_tag(&mut self, element: &ElementData, default: &mut &'a str) {
        let prefix = self.prefix(element.ns);
        let tree = self.tree;
        self.out.push(b'<');
        self.put(prefix);
        self.put(element.name.of(&tree.text));
        let ns = element.ns.uri(&tree.text);
        if prefix.is_empty() && ns != *default {
            self.attr("xmlns", ns);
            *default = ns;
        }
        let attrs = tree.attrs_of(element);
        for (at, attr) in attrs.iter().enumerate() {
            if attr.ns == Ns::NONE {
                self.attr(attr.name.of(&tree.text), attr.value.of(&tree.text));
            } else {
                self.prefixed_attr(attrs, at, attr);
            }
        }
    }

    /// An attribute in a namespace: its prefix is numbered by the first attribute of this element in that namespace, which
    /// declares it.
    fn prefixed_attr(&mut self, attrs: &[AttrData], at: usize, attr: &AttrData) {
        let text = &self.tree.text;
        let prefix = self.prefix(attr.ns);
        if prefix.is_empty() {
            let ns = attr.ns.uri(text);
            let first = attrs
                .iter()
                .position(|other| other.ns.uri(text) == ns)
                .unwrap_or(at);
            let prefix = format!("ns{first}");
            if first == at {
                self.attr(&format!("xmlns:{prefix}"), ns);
            }
            self.attr(
                &format!("{prefix}:{}", attr.name.of(text)),
                attr.value.of(text),
            );
        } else {
            self.attr(
                &format!("{prefix}{}", attr.name.of(text)),
                attr.value.of(text),
            );
        }
    }

    fn attr(&mut self, name: &str, value: &str) {
        self.out.push(b' ');
        self.put(name);
        self.out.extend_from_slice(b"='");
        escape::value(value, self.out);
        self.out.push(b'\'');
    }

    fn end_tag(&mut self, element: &ElementData) {
        self.out.extend_from_slice(b"</");
        self.put(self.prefix(element.ns));
        self.put(element.name.of(&self.tree.text));
        self.out.push(b'>');
    }

    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }
}
