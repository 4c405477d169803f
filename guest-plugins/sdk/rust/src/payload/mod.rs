//! Typed payloads: structs that are read from an element and written as one.
//!
//! ```
//! use waxwing_plugin::{Element, Localised, Parsed, Payload};
//!
//! /// A bookmark (XEP-0402 has such a one).
//! #[derive(Debug, PartialEq, Payload)]
//! #[payload(name = "conference", ns = "urn:example:bookmarks")]
//! struct Conference {
//!     /// `name='…'`
//!     #[payload(attr)]
//!     name: Option<String>,
//!     /// `autojoin='…'`, false if it is not there
//!     #[payload(attr, default)]
//!     autojoin: bool,
//!     /// `<nick>…</nick>`
//!     #[payload(child)]
//!     nick: Option<String>,
//!     /// whether there is a `<pinned/>`
//!     #[payload(flag)]
//!     pinned: bool,
//!     /// a `<description/>` for each language
//!     #[payload(localised = "description")]
//!     descriptions: Vec<Localised>,
//!     /// all else, kept as it is
//!     #[payload(other)]
//!     unknown: Vec<Element>,
//! }
//!
//! let xml = "<conference xmlns='urn:example:bookmarks' autojoin='1'><nick>J</nick><pinned/></conference>";
//! let conference = Conference::read(&Parsed::parse(xml)?)?;
//! assert!(conference.autojoin && conference.pinned);
//! assert_eq!(conference.nick.as_deref(), Some("J"));
//! let written = Parsed::parse(&conference.to_element().to_xml())?;
//! assert_eq!(Conference::read(&written)?, conference);
//!
//! let error = Conference::read(&Parsed::parse("<conference xmlns='urn:example:bookmarks' autojoin='maybe'/>")?);
//! assert_eq!(
//!     error.unwrap_err().to_string(),
//!     "the attribute `autojoin` of <conference/> has a value that cannot be"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # On the struct, or each variant of an enum
//!
//! `#[payload(name = "…", ns = "…")]`. An enum says `ns` once and `name` for each variant (or lets the variant say its own
//! `ns`): it is read from whichever of the elements is there. Variants have no fields, or named ones.
//!
//! # On fields
//!
//! | | type | what it is |
//! |---|---|---|
//! | `attr` | `T`, `Option<T>` | an attribute |
//! | `lang` | `Option<String>` | the element's own `xml:lang` |
//! | `text` | `T`, `Option<T>` | the element's own text; none if it is empty |
//! | `flag` | `bool` | whether a child is there |
//! | `child` | `T`, `Option<T>` | the text of a child |
//! | `children` | `Vec<T>` | the texts of all children of one name |
//! | `localised` | `Vec<Localised>` | the same with the language of each, inherited where a child does not say |
//! | `nested` | `T`, `Option<T>`, `Vec<T>` | children that are payloads themselves |
//! | `other` | `Vec<Element>` | children that no other field took; without such a field they are not read |
//!
//! `T` is anything that [`FromStr`](std::str::FromStr) reads and [`Display`](std::fmt::Display) writes; `bool` takes `1` and `0` too. The name in the XML
//! is the field's unless given (`attr = "sub-id"`), and children are in the element's namespace unless `ns = "…"` says
//! another. What is not there is an error, except for an `Option`, or with `default` or `default = expression`. A child
//! that is there twice where one is meant is an error.

mod error;
mod read;

pub use error::{Fault, PayloadError, Place};
#[doc(hidden)]
pub use read::Boolean;
pub use read::Reader;
/// Derives [`Payload`](trait@Payload); the module's documentation says how.
pub use waxwing_plugin_derive::Payload;

use crate::{Element, Parsed, Stanza};

/// What can be read from an element and written as one. Usually derived.
pub trait Payload: Sized {
    /// Whether an element of that name is one.
    fn is_named(local: &str, namespace: &str) -> bool;

    /// Reads an element inside of something in that language.
    fn read_in(element: &Parsed, lang: Option<&str>) -> Result<Self, PayloadError>;

    /// Writes it for a place inside of something in that language: texts in it need not name it.
    fn write_in(&self, lang: Option<&str>) -> Element;

    /// Reads an element.
    fn read(element: &Parsed) -> Result<Self, PayloadError> {
        Self::read_in(element, None)
    }

    /// Writes it.
    fn to_element(&self) -> Element {
        self.write_in(None)
    }

    /// Reads the first such child of a stanza, in the stanza's language. None if there is no such child.
    ///
    /// ```
    /// use waxwing_plugin::{Payload, harness};
    ///
    /// #[derive(Payload)]
    /// #[payload(name = "query", ns = "jabber:iq:register")]
    /// struct Query {
    ///     #[payload(child)]
    ///     username: String,
    /// }
    ///
    /// let stanza = harness::stanza(
    ///     "<iq type='set' id='1'><query xmlns='jabber:iq:register'><username>juliet</username></query></iq>",
    /// )?;
    /// let query = Query::of(&stanza)?;
    /// assert_eq!(query.map(|query| query.username).as_deref(), Some("juliet"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn of(stanza: &Stanza) -> Result<Option<Self>, PayloadError> {
        let mut names = stanza.payloads().into_iter();
        let name = names.find(|name| Self::is_named(&name.local, &name.namespace));
        let Some(payload) = name.and_then(|name| stanza.payload(&name)) else {
            return Ok(None);
        };
        Self::read_in(&payload, stanza.head().lang.as_deref()).map(Some)
    }
}

/// Keeps an element as it is.
impl Payload for Element {
    fn is_named(_: &str, _: &str) -> bool {
        true
    }

    fn read_in(element: &Parsed, _: Option<&str>) -> Result<Self, PayloadError> {
        Ok(Self::from(element))
    }

    fn write_in(&self, _: Option<&str>) -> Element {
        self.clone()
    }
}

/// Nothing to say: an element without content.
impl Payload for () {
    fn is_named(local: &str, namespace: &str) -> bool {
        local == "nothing" && namespace == "urn:waxwing:payload"
    }

    fn read_in(_: &Parsed, _: Option<&str>) -> Result<Self, PayloadError> {
        Ok(())
    }

    fn write_in(&self, _: Option<&str>) -> Element {
        Element::new("nothing", "urn:waxwing:payload")
    }
}
