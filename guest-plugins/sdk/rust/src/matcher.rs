//! Predicates on stanzas, to be combined: for a plugin with several things to do in one hook or handler.
//!
//! The manifest's filters say what a plugin is called for at all; these tell apart what it was called for.
//!
//! ```
//! use waxwing_plugin::StanzaKind;
//! use waxwing_plugin::harness::stanza;
//! use waxwing_plugin::matcher::{Address, kind, payload, to, with_type};
//!
//! let marker = kind(StanzaKind::Message)
//!     .and(with_type("chat"))
//!     .and(payload("urn:xmpp:receipts", "request").or(payload("urn:xmpp:receipts", "received")))
//!     .and(to(Address::Server).not());
//!
//! let message = stanza(
//!     "<message from='juliet@localhost/x' to='romeo@localhost' type='chat'><request xmlns='urn:xmpp:receipts'/></message>",
//! )?;
//! assert!(marker.matches(&message));
//! # Ok::<(), String>(())
//! ```

use crate::{Name, Stanza, StanzaKind, jid};

/// A predicate on stanzas.
#[derive(Clone, Debug)]
pub struct Matcher(Test);

#[derive(Clone, Debug)]
enum Test {
    Kind(StanzaKind),
    Type(String),
    Id(String),
    Payload(Name),
    Attribute(Name, String, String),
    Sender(String),
    To(Address),
    From(Address),
    All(Vec<Matcher>),
    Any(Vec<Matcher>),
    Not(Box<Matcher>),
}

/// The class of an address, seen from the domain on whose behalf the stanza is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// There is none: for `to`, the sender's own account.
    Absent,
    /// That domain.
    Server,
    /// A bare JID at that domain.
    Bare,
    /// A full JID at that domain.
    Full,
    /// Anything at another domain.
    Remote,
}

/// Stanzas of that kind.
pub fn kind(kind: StanzaKind) -> Matcher {
    Matcher(Test::Kind(kind))
}

/// Stanzas of that type; `normal` and `available` stand for an absent attribute.
pub fn with_type(subtype: &str) -> Matcher {
    Matcher(Test::Type(subtype.to_owned()))
}

/// Stanzas with that id.
pub fn id(id: &str) -> Matcher {
    Matcher(Test::Id(id.to_owned()))
}

/// Stanzas with such a child.
pub fn payload(namespace: &str, local: &str) -> Matcher {
    Matcher(Test::Payload(Name::new(namespace, local)))
}

/// Stanzas whose first such child has an attribute of that value.
pub fn attribute(namespace: &str, local: &str, attribute: &str, value: &str) -> Matcher {
    let name = Name::new(namespace, local);
    Matcher(Test::Attribute(
        name,
        attribute.to_owned(),
        value.to_owned(),
    ))
}

/// Stanzas from that JID: a full one exactly, a bare one with any resource.
pub fn sent_by(jid: &str) -> Matcher {
    Matcher(Test::Sender(jid.to_owned()))
}

/// Stanzas to an address of that class.
pub fn to(class: Address) -> Matcher {
    Matcher(Test::To(class))
}

/// Stanzas from an address of that class.
pub fn from(class: Address) -> Matcher {
    Matcher(Test::From(class))
}

/// Stanzas that all match; of none, every stanza.
pub fn all_of(matchers: impl IntoIterator<Item = Matcher>) -> Matcher {
    Matcher(Test::All(matchers.into_iter().collect()))
}

/// Stanzas that any matches; of none, no stanza.
pub fn any_of(matchers: impl IntoIterator<Item = Matcher>) -> Matcher {
    Matcher(Test::Any(matchers.into_iter().collect()))
}

impl Matcher {
    /// Whether the stanza matches.
    pub fn matches(&self, stanza: &Stanza) -> bool {
        match &self.0 {
            Test::Kind(kind) => stanza.head().kind == *kind,
            Test::Type(subtype) => stanza.subtype() == *subtype,
            Test::Id(id) => stanza.head().id.as_ref() == Some(id),
            Test::Payload(name) => stanza.payload(name).is_some(),
            Test::Attribute(name, attribute, value) => {
                let value_there = stanza
                    .payload(name)
                    .and_then(|child| child.attribute(attribute));
                value_there.as_ref() == Some(value)
            }
            Test::Sender(wanted) => stanza
                .sender()
                .is_some_and(|sender| sender == *wanted || jid::bare(&sender) == wanted),
            Test::To(class) => Address::of(stanza.recipient().as_deref(), &stanza.host()) == *class,
            Test::From(class) => Address::of(stanza.sender().as_deref(), &stanza.host()) == *class,
            Test::All(matchers) => matchers.iter().all(|matcher| matcher.matches(stanza)),
            Test::Any(matchers) => matchers.iter().any(|matcher| matcher.matches(stanza)),
            Test::Not(matcher) => !matcher.matches(stanza),
        }
    }

    /// Stanzas that match both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        all_of([self, other])
    }

    /// Stanzas that match either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        any_of([self, other])
    }

    /// Stanzas that do not match.
    #[expect(
        clippy::should_implement_trait,
        reason = "it reads in order with `and` and `or`"
    )]
    #[must_use]
    pub fn not(self) -> Self {
        Self(Test::Not(Box::new(self)))
    }
}

impl Address {
    fn of(address: Option<&str>, host: &str) -> Self {
        match address {
            None => Self::Absent,
            Some(address) if jid::domain(address) != host => Self::Remote,
            Some(address) if jid::resource(address).is_some() => Self::Full,
            Some(address) if jid::local(address).is_some() => Self::Bare,
            Some(_) => Self::Server,
        }
    }
}
