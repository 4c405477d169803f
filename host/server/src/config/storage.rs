//! `[storage]`: where accounts are kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// `sqlite:` and a file, relative to `data_dir`.
    pub url: String,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            url: "sqlite:waxwing.db".to_owned(),
        }
    }
}
