//! Making stanza errors.

use crate::{ErrorCondition, ErrorType, StanzaError};

impl StanzaError {
    /// An error of that condition, with the type that RFC 6120 §8.3.3 associates with it.
    pub fn new(condition: ErrorCondition) -> Self {
        Self {
            condition,
            kind: None,
            text: None,
        }
    }

    /// The same with another type.
    #[must_use]
    pub fn of_type(self, kind: ErrorType) -> Self {
        Self {
            kind: Some(kind),
            ..self
        }
    }

    /// The same with a text for people.
    #[must_use]
    pub fn with_text(self, text: &str) -> Self {
        Self {
            text: Some(text.to_owned()),
            ..self
        }
    }
}

impl From<ErrorCondition> for StanzaError {
    fn from(condition: ErrorCondition) -> Self {
        Self::new(condition)
    }
}
