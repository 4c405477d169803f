//! Elements as XML.

use super::{Attribute, Element, Node, XML};

impl Element {
    /// The element as XML, with its namespace declared on it.
    pub fn to_xml(&self) -> String {
        let mut out = String::new();
        self.write(None, &mut out);
        out
    }

    fn write(&self, around: Option<&str>, out: &mut String) {
        if let Some(xml) = &self.verbatim {
            out.push_str(xml);
            return;
        }
        out.push('<');
        out.push_str(&self.local);
        if around != Some(self.namespace.as_str()) {
            write_attribute("xmlns", &self.namespace, out);
        }
        for attribute in &self.attributes {
            write_named(attribute, out);
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

fn write_named(attribute: &Attribute, out: &mut String) {
    let Attribute {
        namespace,
        local,
        value,
    } = attribute;
    match namespace.as_deref() {
        None => write_attribute(local, value, out),
        Some(XML) => write_attribute(&["xml:", local].concat(), value, out),
        Some(namespace) => {
            // The local name in the prefix keeps two such attributes of one element apart.
            write_attribute(&["xmlns:a-", local].concat(), namespace, out);
            write_attribute(&["a-", local, ":", local].concat(), value, out);
        }
    }
}

fn write_attribute(name: &str, value: &str, out: &mut String) {
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
