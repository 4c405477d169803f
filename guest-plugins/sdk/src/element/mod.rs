//! Elements that the plugin builds, or keeps from what it read.

mod write;

use crate::{Attribute, Name, Parsed};

/// The namespace of `xml:lang` (XML Names §3).
pub(crate) const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// An element to send, built from the outside in. It can only become well-formed XML: text and values are escaped. The
/// host checks names and characters as strictly as a client's.
///
/// ```
/// use waxwing_plugin::Element;
///
/// let query = Element::new("query", "jabber:iq:version").field("name", "Waxwing & friends");
/// assert_eq!(
///     query.to_xml(),
///     "<query xmlns='jabber:iq:version'><name>Waxwing &amp; friends</name></query>"
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Element {
    local: String,
    namespace: String,
    attributes: Vec<Attribute>,
    nodes: Vec<Node>,
    /// What was read, word for word, where `nodes` cannot tell the order of texts and children.
    verbatim: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Element(Element),
    Text(String),
}

impl Element {
    /// An empty element of that local name and namespace.
    pub fn new(local: &str, namespace: &str) -> Self {
        Self {
            local: local.to_owned(),
            namespace: namespace.to_owned(),
            attributes: Vec::new(),
            nodes: Vec::new(),
            verbatim: None,
        }
    }

    /// Adds an attribute without a namespace.
    #[must_use]
    pub fn attr(self, local: &str, value: &str) -> Self {
        self.attr_of(None, local, value)
    }

    /// Adds an attribute without a namespace, if there is a value.
    #[must_use]
    pub fn attr_if(self, local: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.attr(local, value),
            None => self,
        }
    }

    /// Says in which language the texts inside are (`xml:lang`).
    #[must_use]
    pub fn in_lang(self, lang: &str) -> Self {
        self.attr_of(Some(XML), "lang", lang)
    }

    fn attr_of(mut self, namespace: Option<&str>, local: &str, value: &str) -> Self {
        self.verbatim = None;
        self.attributes.push(Attribute {
            namespace: namespace.map(str::to_owned),
            local: local.to_owned(),
            value: value.to_owned(),
        });
        self
    }

    /// Appends text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.node(Node::Text(text.to_owned()))
    }

    /// Appends a child.
    #[must_use]
    pub fn child(self, child: Element) -> Self {
        self.node(Node::Element(child))
    }

    fn node(mut self, node: Node) -> Self {
        self.verbatim = None;
        self.nodes.push(node);
        self
    }

    /// Appends children.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.verbatim = None;
        self.nodes.extend(children.into_iter().map(Node::Element));
        self
    }

    /// Appends a child of the same namespace with nothing but text, as in `<username>juliet</username>`.
    #[must_use]
    pub fn field(self, local: &str, text: &str) -> Self {
        let child = Element::new(local, &self.namespace);
        self.child(if text.is_empty() {
            child
        } else {
            child.text(text)
        })
    }
}

/// Reading.
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

    fn value_of(&self, namespace: Option<&str>, local: &str) -> Option<&str> {
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

/// Two elements are equal if their names, attributes in any order, and nodes are.
impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.local == other.local
            && self.namespace == other.namespace
            && self.attributes.len() == other.attributes.len()
            && self.attributes.iter().all(|attribute| {
                self.value_of(attribute.namespace.as_deref(), &attribute.local)
                    == other.value_of(attribute.namespace.as_deref(), &attribute.local)
            })
            && self.nodes == other.nodes
    }
}

impl Eq for Element {}

/// What only the tree of native tests does: the host has its own.
#[cfg(not(target_family = "wasm"))]
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
