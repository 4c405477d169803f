//! What is wrong with an element that was read.

use std::fmt;

use crate::{ErrorCondition, StanzaError};

/// An element was not what it should be. The texts name elements and attributes, never values: those may be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadError {
    /// The local name of the element.
    pub element: String,
    /// Where in it.
    pub place: Place,
    /// What is wrong there.
    pub fault: Fault,
}

/// A place in an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The element itself.
    Itself,
    /// Its own text.
    Text,
    /// An attribute.
    Attribute(String),
    /// A child, by its local name.
    Child(String),
}

/// What is wrong at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not there.
    Missing,
    /// It is there more than once.
    Repeated,
    /// Its value is not of the field's type.
    Invalid,
    /// It is another element.
    Unexpected,
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Itself => write!(f, "<{}/>", self.element)?,
            Place::Text => write!(f, "the text of <{}/>", self.element)?,
            Place::Attribute(name) => write!(f, "the attribute `{name}` of <{}/>", self.element)?,
            Place::Child(name) => write!(f, "the child <{name}/> of <{}/>", self.element)?,
        }
        f.write_str(match self.fault {
            Fault::Missing => " is missing",
            Fault::Repeated => " is there more than once",
            Fault::Invalid => " has a value that cannot be",
            Fault::Unexpected => " is not the element that should be here",
        })
    }
}

impl std::error::Error for PayloadError {}

/// `bad-request`, with the place named.
impl From<PayloadError> for StanzaError {
    fn from(error: PayloadError) -> Self {
        Self::new(ErrorCondition::BadRequest).with_text(&error.to_string())
    }
}
