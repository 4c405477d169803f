//! `[[host]]`: the domains served.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Tls;

/// One domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Host {
    /// The domain, the part of an address after the `@`. Prepared (RFC 6122 §2.2) once loaded.
    pub domain: String,
    /// Bare JIDs of this host's administrators. Prepared once loaded.
    pub admins: Vec<String>,
    /// The certificate of this domain; absent: that of `[tls]`.
    #[serde(skip_serializing_if = "Tls::is_absent")]
    pub tls: Tls,
    /// What becomes of a client that asks for a resource that another session of its account has (RFC 6120 §7.7.2.2).
    pub resource_conflict: ResourceConflict,
    /// What is different for plugins on this host, by the plugin's name.
    pub plugin: BTreeMap<String, HostPlugin>,
}

/// Who has a resource that two sessions of one account want.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceConflict {
    /// The new session; the old one ends with the stream error `conflict`. A client that comes back after it lost its connection
    /// finds its place free.
    #[default]
    ReplaceOld,
    /// The old session; the new client gets the error `conflict` and may ask for another resource.
    Refuse,
    /// The old session; the new one is bound to the resource with something random behind it.
    Rename,
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
            tls: Tls::default(),
            resource_conflict: ResourceConflict::default(),
            plugin: BTreeMap::new(),
        }
    }
}
