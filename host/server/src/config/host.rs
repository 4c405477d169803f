//! `[[host]]`: the domains served.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Host {
    /// The domain, the part of an address after the `@`. Prepared (RFC 6122 §2.2) once loaded.
    pub domain: String,
    /// Bare JIDs of this host's administrators. Prepared once loaded.
    pub admins: Vec<String>,
    /// What is different for plugins on this host, by the plugin's name.
    pub plugin: BTreeMap<String, HostPlugin>,
}

/// A plugin on one host.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HostPlugin {
    /// Overrides the plugin's configuration key by key.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub config: toml::Table,
    /// True: the plugin provides this host's logins, whatever the priorities. False: it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<bool>,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            domain: "localhost".to_owned(),
            admins: Vec::new(),
            plugin: BTreeMap::new(),
        }
    }
}
