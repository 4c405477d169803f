//! Start tags and end tags: from bytes to nodes and attributes of the tree.
//!
//! quick-xml's `Attributes` splits a tag; every rule of XML about it that quick-xml does not hold is held here.

use quick_xml::events::attributes::{Attribute, Attributes};

use crate::chars;
use crate::error::XmlError;
use crate::known;
use crate::limits::{Limit, Limits};
use crate::name::QName;
use crate::scope::{Mark, Prefix, Scope};
use crate::tree::{AttrData, ElementData, NodeData, Ns, Span, Tree, index};
use crate::value;

/// A start tag that was read.
pub(crate) struct Started {
    pub(crate) node: u32,
    pub(crate) prefix: Prefix,
    pub(crate) mark: Mark,
    /// Bytes that were copied into the tree although they do not stand in the tag.
    pub(crate) charge: usize,
    /// The tag is that of an empty element.
    pub(crate) empty: bool,
}

/// Reads a start tag (`tag` is from `<` to `>`) into the tree and the scope.
pub(crate) fn start(
    tag: &str,
    tree: &mut Tree,
    scope: &mut Scope,
    limits: &Limits,
) -> Result<Started, XmlError> {
    let inner = tag.get(1..tag.len().saturating_sub(1)).unwrap_or("");
    let (inner, empty) = match inner.strip_suffix('/') {
        Some(inner) => (inner, true),
        None => (inner, false),
    };
    let name_len = inner
        .bytes()
        .position(chars::is_space)
        .unwrap_or(inner.len());
    let name = QName::parse(inner.get(..name_len).unwrap_or(inner), limits)?;
    let mark = scope.mark();
    let mut charge = 0;
    let first = index(tree.attrs.len());
    let local = tree.store(name.local);
    let prefixed = if name_len < inner.len() {
        attributes(inner, name_len, tree, scope, mark, limits)?
    } else {
        false
    };
    let (prefix, ns) = scope.resolve(name.prefix, tree, &mut charge)?;
    if prefixed {
        resolve(first, tree, scope, &mut charge)?;
    }
    let attr_count = index(tree.attrs.len()).saturating_sub(first);
    unique(tree, first)?;
    let end = index(tree.nodes.len()).saturating_add(1);
    let node = tree.push_node(NodeData::Element(ElementData {
        name: local,
        ns,
        attrs: first,
        attr_count,
        end,
    }));
    Ok(Started {
        node,
        prefix,
        mark,
        charge,
        empty,
    })
}

/// What is between the quotes of an attribute, after a look at what stands before its name: quick-xml lets `a='1'b='2'` pass.
pub(crate) fn raw_value<'a>(attribute: &Attribute<'a>, tag: &'a str) -> Result<&'a str, XmlError> {
    let before = attribute
        .key
        .0
        .as_ptr()
        .addr()
        .wrapping_sub(tag.as_ptr().addr())
        .wrapping_sub(1);
    if !tag
        .as_bytes()
        .get(before)
        .is_some_and(|&byte| chars::is_space(byte))
    {
        return Err(XmlError::NotWellFormed(
            "no white space before an attribute",
        ));
    }
    match attribute.value {
        std::borrow::Cow::Borrowed(value) => Ok(value),
        std::borrow::Cow::Owned(_) => Err(XmlError::NotWellFormed("bad attribute")),
    }
}

/// Reads all attributes: declarations into the scope, others into the tree. A prefixed attribute has its prefix where its
/// namespace will be, until all declarations are known; says whether there are any.
fn attributes(
    inner: &str,
    name_len: usize,
    tree: &mut Tree,
    scope: &mut Scope,
    mark: Mark,
    limits: &Limits,
) -> Result<bool, XmlError> {
    let mut prefixed = false;
    let mut count: usize = 0;
    for attribute in Attributes::new(inner, name_len).with_checks(false) {
        let attribute = attribute.map_err(|_| XmlError::NotWellFormed("bad attribute"))?;
        let raw = raw_value(&attribute, inner)?;
        let name = QName::parse(attribute.key.0, limits)?;
        let declared = match (name.prefix, name.local) {
            ("", "xmlns") => "",
            ("xmlns", prefix) => prefix,
            (prefix, local) => {
                count = count.saturating_add(1);
                if count > limits.attributes {
                    return Err(XmlError::TooBig(Limit::Attributes));
                }
                let ns = match prefix {
                    "" => Ns::NONE,
                    "xml" => Ns::XML,
                    _ => {
                        prefixed = true;
                        Ns::Text(tree.store(prefix))
                    }
                };
                let name = tree.store(local);
                let value = value::store(raw, tree)?;
                tree.push_attr(AttrData { ns, name, value });
                continue;
            }
        };
        declare(declared, raw, tree, scope, mark, limits)?;
    }
    Ok(prefixed)
}

fn declare(
    prefix: &str,
    raw: &str,
    tree: &mut Tree,
    scope: &mut Scope,
    mark: Mark,
    limits: &Limits,
) -> Result<(), XmlError> {
    let span = value::store(raw, tree)?;
    let ns = match known::Known::find(span.of(&tree.text)) {
        Some(known) => {
            tree.text.truncate(span.start as usize);
            Ns::Known(known)
        }
        None => Ns::Text(span),
    };
    scope.declare(mark, prefix, ns, tree, limits)
}

/// Puts namespaces where the prefixes were.
fn resolve(
    first: u32,
    tree: &mut Tree,
    scope: &mut Scope,
    charge: &mut usize,
) -> Result<(), XmlError> {
    for at in (first as usize)..tree.attrs.len() {
        let Some(Ns::Text(prefix)) = tree.attrs.get(at).map(|attr| attr.ns) else {
            continue;
        };
        let binding = scope.find(prefix.of(&tree.text))?;
        let ns = scope.ns(binding, tree, charge);
        if let Some(attr) = tree.attrs.get_mut(at) {
            attr.ns = ns;
        }
    }
    Ok(())
}

/// Up to so many attributes are compared each with each, which is quicker than sorting.
const FEW: usize = 12;

/// No two attributes have the same name in the same namespace (Namespaces in XML 1.0 §6.3).
fn unique(tree: &Tree, first: u32) -> Result<(), XmlError> {
    let attrs = tree.attrs.get(first as usize..).unwrap_or(&[]);
    let key = |attr: &AttrData| (attr.name.of(&tree.text), attr.ns.uri(&tree.text));
    let twice = if attrs.len() <= FEW {
        attrs.iter().enumerate().any(|(at, attr)| {
            let length = attr.name.len;
            let mut before = attrs.iter().take(at);
            before.any(|other| other.name.len == length && key(other) == key(attr))
        })
    } else {
        let mut keys: Vec<_> = attrs.iter().map(key).collect();
        keys.sort_unstable();
        keys.windows(2).any(|pair| pair.first() == pair.last())
    };
    if twice {
        Err(XmlError::NotWellFormed("attribute written twice"))
    } else {
        Ok(())
    }
}

/// The name in a start tag, as written.
pub(crate) fn written_name(tag: &str) -> &str {
    let name = tag.get(1..).unwrap_or("");
    name.split(['/', '>', ' ', '\t', '\r', '\n'])
        .next()
        .unwrap_or("")
}

/// Whether this is the end tag of an element whose name was written so.
pub(crate) fn is_end_of(tag: &[u8], written: &str) -> bool {
    std::str::from_utf8(tag).is_ok_and(|tag| end_name(tag) == written)
}

/// The name in an end tag (`tag` is from `<` to `>`), which may have white space after it.
pub(crate) fn end_name(tag: &str) -> &str {
    let inner = tag.get(2..tag.len().saturating_sub(1)).unwrap_or("");
    inner.trim_end_matches([' ', '\t', '\r', '\n'])
}

/// Whether an end tag's name is that of the element: the same prefix, the same name.
pub(crate) fn ends(name: &str, local: Span, prefix: &str, tree: &Tree) -> bool {
    let written = if prefix.is_empty() {
        Some(name)
    } else {
        name.strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix(':'))
    };
    written == Some(local.of(&tree.text))
}
