//! What was filled in.

use std::collections::BTreeMap;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// Valid values.
    Submitted(Values),
    /// The form will not be filled in.
    Cancelled,
}

/// Values that were checked against their form, by field. None means that the field was left out: it keeps the value that
/// it had (XEP-0004 §3.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values(BTreeMap<String, Vec<String>>);

impl Values {
    pub(super) fn insert(&mut self, var: &str, values: Vec<String>) {
        self.0.insert(var.to_owned(), values);
    }

    /// The text of a field with one value, also of a list or a JID; empty if it was emptied.
    pub fn text(&self, var: &str) -> Option<&str> {
        let values = self.0.get(var)?;
        Some(values.first().map(String::as_str).unwrap_or_default())
    }

    /// The values of a field that may have several.
    pub fn texts(&self, var: &str) -> Option<&[String]> {
        self.0.get(var).map(Vec::as_slice)
    }

    /// The lines of a field as one text.
    pub fn lines(&self, var: &str) -> Option<String> {
        self.0.get(var).map(|values| values.join("\n"))
    }

    /// The value of a field of type boolean.
    pub fn boolean(&self, var: &str) -> Option<bool> {
        match self.text(var)? {
            "1" | "true" => Some(true),
            "0" | "false" | "" => Some(false),
            _ => None,
        }
    }

    /// The text of a field, parsed; none also if it cannot be.
    pub fn parse<T: std::str::FromStr>(&self, var: &str) -> Option<T> {
        self.text(var)?.parse().ok()
    }
}
