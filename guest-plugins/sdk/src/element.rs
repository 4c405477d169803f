//! Building XML for payloads.

/// An element to send, built from the outside in. It can only become well-formed XML: text and values are escaped. The
/// host checks names and characters as strictly as a client's.
#[derive(Clone, Debug)]
pub struct Element {
    local: String,
    namespace: String,
    attributes: Vec<(String, String)>,
    nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
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
        }
    }

    /// Adds an attribute without a namespace.
    #[must_use]
    pub fn attr(mut self, local: &str, value: &str) -> Self {
        self.attributes.push((local.to_owned(), value.to_owned()));
        self
    }

    /// Appends text.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.nodes.push(Node::Text(text.to_owned()));
        self
    }

    /// Appends a child.
    #[must_use]
    pub fn child(mut self, child: Element) -> Self {
        self.nodes.push(Node::Element(child));
        self
    }

    /// Appends children.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = Element>) -> Self {
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

    /// The element as XML, with its namespace declared on it.
    pub fn to_xml(&self) -> String {
        let mut out = String::new();
        self.write(None, &mut out);
        out
    }

    fn write(&self, around: Option<&str>, out: &mut String) {
        out.push('<');
        out.push_str(&self.local);
        if around != Some(self.namespace.as_str()) {
            attribute("xmlns", &self.namespace, out);
        }
        for (name, value) in &self.attributes {
            attribute(name, value, out);
        }
        if self.nodes.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        for node in &self.nodes {
            match node {
                Node::Element(child) => child.write(Some(&self.namespace), out),
                Node::Text(text) => escape(text, out),
            }
        }
        out.push_str("</");
        out.push_str(&self.local);
        out.push('>');
    }
}

fn attribute(name: &str, value: &str, out: &mut String) {
    out.push(' ');
    out.push_str(name);
    out.push_str("='");
    escape(value, out);
    out.push('\'');
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\'' => out.push_str("&apos;"),
            '"' => out.push_str("&quot;"),
            // Literal ones would be normalised away by the reader (XML 1.0 §2.11, §3.3.3).
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            other => out.push(other),
        }
    }
}
