//! Elements that the plugin builds, or keeps from what it read.

#[cfg(not(target_family = "wasm"))]
mod change;
mod read;
mod write;

use crate::Attribute;

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
