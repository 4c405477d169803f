//! What placeholders stand for.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

/// Names and what they stand for.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(BTreeMap<String, String>);

impl Names {
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// The text with every `{name}` replaced.
    pub(super) fn expand(&self, text: &str) -> Result<String> {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').context("a `{` without a `}`")?;
            let value = self.0.get(name);
            expanded.push_str(before);
            expanded.push_str(value.with_context(|| format!("{{{name}}} stands for nothing"))?);
            rest = after;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }
}
