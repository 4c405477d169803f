//! What is wrong with a submission.

use std::fmt;

use crate::{ErrorCondition, StanzaError};

/// What is wrong with a submission, naming the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormError {
    /// It is a form or a result, not a submission.
    NotSubmitted,
    /// It belongs to another `FORM_TYPE`.
    OtherForm,
    /// A required field is absent or empty.
    Missing(String),
    /// A field is there twice.
    Repeated(String),
    /// There is more than one value where one is meant.
    TooMany(String),
    /// The value is none of `0`, `1`, `false`, `true`.
    NotBoolean(String),
    /// The value is no JID.
    NotJid(String),
    /// The value is none of the options.
    NotAnOption(String),
    /// The value is no whole number, where XEP-0122 wants one.
    NotInteger(String),
    /// The number is too small or too great.
    OutOfRange(String),
}

impl FormError {
    /// The field that is wrong.
    pub fn var(&self) -> Option<&str> {
        match self {
            Self::NotSubmitted | Self::OtherForm => None,
            Self::Missing(var)
            | Self::Repeated(var)
            | Self::TooMany(var)
            | Self::NotBoolean(var)
            | Self::NotJid(var)
            | Self::NotAnOption(var)
            | Self::NotInteger(var)
            | Self::OutOfRange(var) => Some(var),
        }
    }
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSubmitted => f.write_str("the form is not of type `submit`"),
            Self::OtherForm => f.write_str("the form has another FORM_TYPE"),
            Self::Missing(var) => write!(f, "the field `{var}` must be filled in"),
            Self::Repeated(var) => write!(f, "the field `{var}` is there twice"),
            Self::TooMany(var) => write!(f, "the field `{var}` takes one value"),
            Self::NotBoolean(var) => write!(f, "the field `{var}` takes `true` or `false`"),
            Self::NotJid(var) => write!(f, "the field `{var}` takes a JID"),
            Self::NotAnOption(var) => write!(f, "the field `{var}` takes one of its options"),
            Self::NotInteger(var) => write!(f, "the field `{var}` takes a whole number"),
            Self::OutOfRange(var) => write!(f, "the number in the field `{var}` is out of range"),
        }
    }
}

impl std::error::Error for FormError {}

/// `not-acceptable` (XEP-0004 §4), or `bad-request` where the form is none that could be checked.
impl From<FormError> for StanzaError {
    fn from(error: FormError) -> Self {
        let condition = match error {
            FormError::NotSubmitted | FormError::Repeated(_) => ErrorCondition::BadRequest,
            _ => ErrorCondition::NotAcceptable,
        };
        Self::new(condition).with_text(&error.to_string())
    }
}
