//! `[storage]`: where everything is kept that lasts.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

/// The database.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// `sqlite:` and a file, relative to `data_dir`; or `postgres://USER:PASSWORD@HOST/DATABASE`. It is printed without the
    /// password.
    #[serde(serialize_with = "without_password")]
    pub url: String,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            url: "sqlite:waxwing.db".to_owned(),
        }
    }
}

fn without_password<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&waxwing_storage::shown(url))
}

/// Passwords do not belong in a log.
impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage")
            .field("url", &waxwing_storage::shown(&self.url))
            .finish()
    }
}
