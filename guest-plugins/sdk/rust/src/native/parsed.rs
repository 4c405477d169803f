//! Elements that were read.

use std::rc::Rc;

use super::xml;
use crate::{Attribute, Element, Name};

/// An element of an immutable tree: what the host lends to a plugin, and what [`Parsed::parse`] makes. In a component this
/// is the resource `element` of the interface `stanzas`.
#[derive(Clone, Debug)]
pub struct Parsed(Rc<Element>);

impl Parsed {
    /// Parses one complete element as strictly as a client's input. The error says what is wrong. At most 262,144 bytes.
    ///
    /// ```
    /// use waxwing_plugin::{Name, Parsed};
    ///
    /// let query = Parsed::parse("<query xmlns='jabber:iq:register'><username>juliet</username></query>")?;
    /// let username = query.child(&Name::new("jabber:iq:register", "username"));
    /// assert_eq!(username.map(|username| username.text()), Some("juliet".to_owned()));
    /// assert!(Parsed::parse("<query>").is_err());
    /// # Ok::<(), String>(())
    /// ```
    pub fn parse(xml: &str) -> Result<Self, String> {
        xml::parse(xml).map(Self::from)
    }

    /// Its name.
    pub fn name(&self) -> Name {
        Name::new(self.0.namespace(), self.0.local())
    }

    /// The value of an attribute without a namespace.
    pub fn attribute(&self, local: &str) -> Option<String> {
        self.0.attribute(local).map(str::to_owned)
    }

    /// All attributes, namespace declarations excluded.
    pub fn attributes(&self) -> Vec<Attribute> {
        self.0.attributes().to_vec()
    }

    /// The direct text, pieces joined.
    pub fn text(&self) -> String {
        self.0.content()
    }

    /// The first child of that name.
    pub fn child(&self, name: &Name) -> Option<Self> {
        let child = self.0.element(&name.local, &name.namespace);
        child.cloned().map(Self::from)
    }

    /// All child elements, in order.
    pub fn children(&self) -> Vec<Self> {
        self.0.elements().cloned().map(Self::from).collect()
    }

    /// The element as XML, complete with its namespace declarations.
    pub fn to_xml(&self) -> String {
        self.0.to_xml()
    }
}

impl From<Element> for Parsed {
    fn from(element: Element) -> Self {
        Self(Rc::new(element))
    }
}
