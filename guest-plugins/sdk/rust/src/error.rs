//! Stanza errors.

use crate::bindings::lifecycle::waxwing::plugin::types as wit;
use crate::{Element, ErrorCondition, ErrorType};

/// A stanza error to answer with (RFC 6120 §8.3). The host adds the legacy code of XEP-0086.
///
/// ```
/// use waxwing_plugin::{ErrorCondition, ErrorType, StanzaError};
///
/// let error = StanzaError::new(ErrorCondition::ResourceConstraint)
///     .of_type(ErrorType::Wait)
///     .with_text("too many; try again later");
/// assert_eq!(error.kind, Some(ErrorType::Wait));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StanzaError {
    /// The defined condition.
    pub condition: ErrorCondition,
    /// The type; none takes the one that RFC 6120 §8.3.3 associates with the condition.
    pub kind: Option<ErrorType>,
    /// A text for people, at most 1,000 bytes; longer is cut.
    pub text: Option<String>,
    /// The application's own condition (RFC 6120 §8.3.4), in a namespace of its own.
    pub application: Option<Box<Element>>,
}

impl StanzaError {
    /// An error of that condition, with the type that RFC 6120 §8.3.3 associates with it.
    pub fn new(condition: ErrorCondition) -> Self {
        Self {
            condition,
            kind: None,
            text: None,
            application: None,
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

    /// The same with an application's own condition.
    #[must_use]
    pub fn with_application(self, condition: Element) -> Self {
        Self {
            application: Some(Box::new(condition)),
            ..self
        }
    }
}

impl From<ErrorCondition> for StanzaError {
    fn from(condition: ErrorCondition) -> Self {
        Self::new(condition)
    }
}

/// What the host is told.
impl From<StanzaError> for wit::StanzaError {
    fn from(error: StanzaError) -> Self {
        Self {
            condition: error.condition,
            kind: error.kind,
            text: error.text,
            application: error.application.map(|condition| condition.to_xml()),
        }
    }
}

/// What a native test hears of an answer that was put off.
#[cfg(not(target_family = "wasm"))]
impl From<wit::StanzaError> for StanzaError {
    fn from(error: wit::StanzaError) -> Self {
        let application = error.application.as_deref();
        let application = application.and_then(|xml| crate::native::xml::parse(xml).ok());
        Self {
            condition: error.condition,
            kind: error.kind,
            text: error.text,
            application: application.map(Box::new),
        }
    }
}
