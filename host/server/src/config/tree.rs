//! Configuration as written, before it has types: values that know where they were written.

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc};

use serde::de::Unexpected;
use toml::de::{DeTable, DeValue};

use super::ConfigError;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// Nowhere: it is the default.
    Default,
    /// In a file.
    File { path: Arc<Path>, line: usize },
    /// On the command line, by that key.
    Set(Arc<str>),
    /// In that environment variable.
    Environment(Arc<str>),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the defaults"),
            Self::File { path, line } => write!(f, "{} line {line}", path.display()),
            Self::Set(key) => write!(f, "--set {key}"),
            Self::Environment(name) => f.write_str(name),
        }
    }
}

/// A value with its source.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) source: Source,
}

/// The kinds of values that TOML has. A date is kept as its text.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Table(BTreeMap<String, Node>),
    Array(Vec<Node>),
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
}

impl Node {
    /// An empty table.
    pub(super) fn empty() -> Self {
        Self {
            value: Value::Table(BTreeMap::new()),
            source: Source::Default,
        }
    }

    /// A table as TOML parsed it; `source` tells where each byte offset is.
    pub(super) fn from_table(
        table: &DeTable<'_>,
        source: &impl Fn(usize) -> Source,
        at: usize,
    ) -> Result<Self, ConfigError> {
        let mut entries = BTreeMap::new();
        for (key, value) in table {
            // A table is reported where its key is: TOML gives it the span of its header or of its first key.
            let at = match value.get_ref() {
                DeValue::Table(_) => key.span().start,
                _ => value.span().start,
            };
            entries.insert(
                key.get_ref().to_string(),
                Self::from_value(value.get_ref(), source, at)?,
            );
        }
        Ok(Self {
            value: Value::Table(entries),
            source: source(at),
        })
    }

    /// A value as TOML parsed it. Numbers that do not fit are the error.
    pub(super) fn from_value(
        value: &DeValue<'_>,
        source: &impl Fn(usize) -> Source,
        at: usize,
    ) -> Result<Self, ConfigError> {
        let value = match value {
            DeValue::Table(table) => return Self::from_table(table, source, at),
            DeValue::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| Self::from_value(item.get_ref(), source, item.span().start))
                    .collect::<Result<_, _>>()?,
            ),
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Integer(number) => Value::Integer(
                i64::from_str_radix(number.as_str(), number.radix())
                    .map_err(|_| not_a_number(number.as_str(), &source(at)))?,
            ),
            DeValue::Float(number) => Value::Float(
                number
                    .as_str()
                    .parse()
                    .map_err(|_| not_a_number(number.as_str(), &source(at)))?,
            ),
            DeValue::Boolean(value) => Value::Boolean(*value),
            DeValue::Datetime(date) => Value::String(date.to_string()),
        };
        Ok(Self {
            value,
            source: source(at),
        })
    }

    /// Lays `over` on this: tables are merged key by key, anything else is replaced.
    pub(super) fn overlay(&mut self, over: Self) {
        match (&mut self.value, over.value) {
            (Value::Table(base), Value::Table(over)) => {
                for (key, node) in over {
                    match base.get_mut(&key) {
                        Some(old) => old.overlay(node),
                        None => drop(base.insert(key, node)),
                    }
                }
            }
            (base, value) => {
                *base = value;
                self.source = over.source;
            }
        }
    }

    /// Lays `over` on what stands at `path`, making tables on the way. In a list, a number is the place of an item, and the
    /// number after the last makes a new one.
    pub(super) fn overlay_at(&mut self, path: &[String], over: Self) -> Result<(), String> {
        let Some((key, rest)) = path.split_first() else {
            self.overlay(over);
            return Ok(());
        };
        if matches!(&self.value, Value::Table(table) if table.is_empty()) && key == "0" {
            self.value = Value::Array(Vec::new());
        }
        let empty = || Self {
            source: over.source.clone(),
            ..Self::empty()
        };
        match &mut self.value {
            Value::Table(table) => table
                .entry(key.clone())
                .or_insert_with(empty)
                .overlay_at(rest, over),
            Value::Array(items) => {
                let index = key
                    .parse()
                    .ok()
                    .filter(|index: &usize| *index <= items.len());
                let Some(index) = index else {
                    return Err(format!("a list of {} has no place `{key}`", items.len()));
                };
                if index == items.len() {
                    items.push(empty());
                }
                let item: &mut Self = items.get_mut(index).ok_or("a list without its last item")?;
                item.overlay_at(rest, over)
            }
            _ => Err(format!("`{key}` is in a value that is no table")),
        }
    }

    /// What this is, in serde's words.
    pub(super) fn unexpected(&self) -> Unexpected<'_> {
        match &self.value {
            Value::Table(_) => Unexpected::Map,
            Value::Array(_) => Unexpected::Seq,
            Value::String(text) => Unexpected::Str(text),
            Value::Integer(number) => Unexpected::Signed(*number),
            Value::Float(number) => Unexpected::Float(*number),
            Value::Boolean(value) => Unexpected::Bool(*value),
        }
    }

    /// Where the value at a path of keys and dots was written, or else what is nearest around it.
    pub(super) fn source_of(&self, path: &str) -> &Source {
        let mut node = self;
        for key in path.split('.') {
            let next = match &node.value {
                Value::Table(table) => table.get(key),
                Value::Array(items) => key.parse().ok().and_then(|index: usize| items.get(index)),
                _ => None,
            };
            let Some(next) = next else { break };
            node = next;
        }
        &node.source
    }
}

fn not_a_number(text: &str, source: &Source) -> ConfigError {
    ConfigError::new(format!(
        "{source}: the number {text} does not fit into 64 bits"
    ))
}
