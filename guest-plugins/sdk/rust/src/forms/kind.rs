//! Types of forms and fields.

use std::fmt;
use std::str::FromStr;

/// What a form is for (XEP-0004 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormKind {
    /// To be filled in.
    Form,
    /// Filled in.
    Submit,
    /// Will not be filled in.
    Cancel,
    /// A result.
    Result,
}

impl FormKind {
    const ALL: [Self; 4] = [Self::Form, Self::Submit, Self::Cancel, Self::Result];

    const fn name(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Submit => "submit",
            Self::Cancel => "cancel",
            Self::Result => "result",
        }
    }
}

impl fmt::Display for FormKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FormKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.name() == text).ok_or(())
    }
}

/// The type of a field (XEP-0004 §3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldKind {
    /// Yes or no.
    Boolean,
    /// A text to show among the fields.
    Fixed,
    /// Not shown, and given back.
    Hidden,
    /// Several JIDs.
    JidMulti,
    /// One JID.
    JidSingle,
    /// Some of the options.
    ListMulti,
    /// One of the options.
    ListSingle,
    /// Several lines.
    TextMulti,
    /// One line that is not shown.
    TextPrivate,
    /// One line; also what any unknown type is.
    #[default]
    TextSingle,
}

impl FieldKind {
    /// Every type.
    pub const ALL: [Self; 10] = [
        Self::Boolean,
        Self::Fixed,
        Self::Hidden,
        Self::JidMulti,
        Self::JidSingle,
        Self::ListMulti,
        Self::ListSingle,
        Self::TextMulti,
        Self::TextPrivate,
        Self::TextSingle,
    ];

    /// The value of the attribute `type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Fixed => "fixed",
            Self::Hidden => "hidden",
            Self::JidMulti => "jid-multi",
            Self::JidSingle => "jid-single",
            Self::ListMulti => "list-multi",
            Self::ListSingle => "list-single",
            Self::TextMulti => "text-multi",
            Self::TextPrivate => "text-private",
            Self::TextSingle => "text-single",
        }
    }

    /// Whether a field of this type may have more than one value (XEP-0004 §3.2).
    pub const fn is_multi(self) -> bool {
        matches!(
            self,
            Self::Hidden | Self::JidMulti | Self::ListMulti | Self::TextMulti
        )
    }
}

impl fmt::Display for FieldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FieldKind {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == text);
        Ok(known.unwrap_or_default())
    }
}
