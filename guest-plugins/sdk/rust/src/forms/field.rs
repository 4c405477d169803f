//! Fields.

use super::{FieldKind, Validation};
use crate::{Element, Payload};

/// A field of a form. Which constructor says which type; the values that it has at first are those it is sent with.
#[derive(Clone, Debug, Default, PartialEq, Payload)]
#[payload(name = "field", ns = "jabber:x:data")]
pub struct Field {
    /// Its name; only a fixed field may have none.
    #[payload(attr)]
    pub var: Option<String>,
    /// Its type; a submission need not say it.
    #[payload(attr = "type")]
    pub kind: Option<FieldKind>,
    /// A name for people.
    #[payload(attr)]
    pub label: Option<String>,
    /// A description for people.
    #[payload(child = "desc")]
    pub description: Option<String>,
    /// Whether it must be filled in.
    #[payload(flag = "required")]
    pub is_required: bool,
    /// Its values.
    #[payload(children = "value")]
    pub values: Vec<String>,
    /// What it can be chosen from.
    #[payload(nested)]
    pub options: Vec<Choice>,
    /// What the values must be (XEP-0122).
    #[payload(nested)]
    pub validation: Option<Validation>,
    /// Elements of other protocols, such as media (XEP-0221).
    #[payload(other)]
    pub others: Vec<Element>,
}

/// An option of a list.
#[derive(Clone, Debug, PartialEq, Eq, Payload)]
#[payload(name = "option", ns = "jabber:x:data")]
pub struct Choice {
    /// A name for people.
    #[payload(attr)]
    pub label: Option<String>,
    /// The value.
    #[payload(child)]
    pub value: String,
}

impl Field {
    /// A field of any type.
    pub fn of(kind: FieldKind, var: &str, label: &str) -> Self {
        Self {
            var: Some(var.to_owned()),
            kind: Some(kind),
            label: (!label.is_empty()).then(|| label.to_owned()),
            ..Self::default()
        }
    }

    /// One line of text.
    pub fn text(var: &str, label: &str) -> Self {
        Self::of(FieldKind::TextSingle, var, label)
    }

    /// One line that is not shown, such as a password.
    pub fn private(var: &str, label: &str) -> Self {
        Self::of(FieldKind::TextPrivate, var, label)
    }

    /// Several lines of text.
    pub fn lines(var: &str, label: &str) -> Self {
        Self::of(FieldKind::TextMulti, var, label)
    }

    /// Yes or no.
    pub fn boolean(var: &str, label: &str, value: bool) -> Self {
        Self::of(FieldKind::Boolean, var, label).with_value(if value { "1" } else { "0" })
    }

    /// A JID.
    pub fn jid(var: &str, label: &str) -> Self {
        Self::of(FieldKind::JidSingle, var, label)
    }

    /// Several JIDs.
    pub fn jids(var: &str, label: &str) -> Self {
        Self::of(FieldKind::JidMulti, var, label)
    }

    /// One of the options to be given.
    pub fn list(var: &str, label: &str) -> Self {
        Self::of(FieldKind::ListSingle, var, label)
    }

    /// Some of the options to be given.
    pub fn lists(var: &str, label: &str) -> Self {
        Self::of(FieldKind::ListMulti, var, label)
    }

    /// A value that comes back as it is. Whoever fills the form in could change it all the same: it proves nothing.
    pub fn hidden(var: &str, value: &str) -> Self {
        Self::of(FieldKind::Hidden, var, "").with_value(value)
    }

    /// A text among the fields.
    pub fn fixed(text: &str) -> Self {
        Self {
            kind: Some(FieldKind::Fixed),
            values: vec![text.to_owned()],
            ..Self::default()
        }
    }

    /// A value of a submission or result.
    pub fn plain(var: &str, value: &str) -> Self {
        Self {
            var: Some(var.to_owned()),
            values: vec![value.to_owned()],
            ..Self::default()
        }
    }

    /// Must be filled in.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// With a description for people.
    #[must_use]
    pub fn description(mut self, text: &str) -> Self {
        self.description = Some(text.to_owned());
        self
    }

    /// With one more value.
    #[must_use]
    pub fn with_value(mut self, value: &str) -> Self {
        self.values.push(value.to_owned());
        self
    }

    /// With one more option; no label shows the value itself.
    #[must_use]
    pub fn option(mut self, value: &str, label: &str) -> Self {
        self.options.push(Choice {
            label: (!label.is_empty()).then(|| label.to_owned()),
            value: value.to_owned(),
        });
        self
    }

    /// Its type; `text-single` if it does not say.
    pub fn kind(&self) -> FieldKind {
        self.kind.unwrap_or_default()
    }

    /// Its first value.
    pub fn value(&self) -> Option<&str> {
        self.values.first().map(String::as_str)
    }
}
