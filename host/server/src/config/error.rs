//! What is wrong with a configuration, and where.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use super::tree::{Node, Source};

/// A mistake in the configuration. Its text is one line that names the key, where it is written, and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    pub(super) fn new(text: impl Into<String>) -> Self {
        // What comes from the TOML parser may have several lines.
        Self(text.into().replace('\n', ", "))
    }
}

/// A mistake, while it is on its way to where its place is known.
#[derive(Debug)]
pub(super) struct Fault {
    /// The key in question; empty at the top.
    path: Option<String>,
    source: Option<Source>,
    what: What,
}

#[derive(Debug)]
enum What {
    UnknownKey {
        key: String,
        known: &'static [&'static str],
    },
    Message(String),
}

impl Fault {
    /// A mistake in the value at `path`.
    pub(super) fn of(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: Some(path.into()),
            source: None,
            what: What::Message(message.into()),
        }
    }

    /// Adds the place, unless a nearer one is known.
    pub(super) fn at(mut self, path: &str, source: &Source) -> Self {
        self.path.get_or_insert_with(|| path.to_owned());
        self.source.get_or_insert_with(|| source.clone());
        self
    }

    /// The finished error; `tree` tells where its key was written.
    pub(super) fn into_error(self, tree: &Node) -> ConfigError {
        let path = self.path.unwrap_or_default();
        let source = self.source.unwrap_or_else(|| tree.source_of(&path).clone());
        ConfigError::new(match self.what {
            What::UnknownKey { key, known } => {
                let mend = suggestion(&key, known);
                format!("unknown key `{path}` in {source}; {mend}")
            }
            What::Message(message) => format!("`{path}` in {source}: {message}"),
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::UnknownKey { key, .. } => write!(f, "unknown key `{key}`"),
            What::Message(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            path: None,
            source: None,
            what: What::Message(message.to_string()),
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let (found, expected) = (plain_found(&found), plain(&expected));
        Self::custom(format!("expected {expected}, found {found}"))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self {
            path: None,
            source: None,
            what: What::UnknownKey {
                key: key.to_owned(),
                known,
            },
        }
    }

    fn unknown_variant(found: &str, known: &'static [&'static str]) -> Self {
        Self::custom(format!(
            "`{found}` is not known; {}",
            suggestion(found, known)
        ))
    }
}

/// Which of the known names was meant, or else all of them.
fn suggestion(found: &str, known: &[&str]) -> String {
    let near = |name: &&&str| {
        strsim::normalized_damerau_levenshtein(&found.to_lowercase(), &name.to_lowercase())
    };
    let nearest = known.iter().max_by(|a, b| near(a).total_cmp(&near(b)));
    match nearest {
        Some(name) if near(&name) >= 0.6 => format!("did you mean `{name}`?"),
        _ => format!("known are {}", list(known)),
    }
}

fn list(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// What serde expects, in an operator's words.
fn plain(expected: &str) -> &str {
    match expected {
        "a sequence" => "a list",
        "a map" => "a table",
        "path string" => "a string",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative",
        "i32" => "a whole number of 32 bits",
        "i64" => "a whole number",
        other if other.starts_with("struct ") => "a table",
        other if other.starts_with("enum ") => "a string",
        other => other,
    }
}

/// What was found, in an operator's words.
fn plain_found(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a table".to_owned(),
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Signed(value) => format!("the number {value}"),
        Unexpected::Float(value) => format!("the number {value}"),
        Unexpected::Str(value) => format!("the string \"{value}\""),
        other => other.to_string(),
    }
}
