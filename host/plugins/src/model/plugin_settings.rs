//! What the operator says of a plugin.

use std::collections::BTreeMap;

use toml::Table;

/// What the operator says of a plugin: the table `[plugin.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginSettings {
    /// Whether the plugin is loaded.
    pub enabled: bool,
    /// Added to the priorities in its manifest.
    pub priority: i32,
    /// The imports and exports that it may use. Absent: a bundled component has what its manifest asks, any other
    /// nothing.
    pub grants: Option<Vec<String>>,
    /// The SHA-256 that the component must have, in hexadecimal.
    pub sha256: Option<String>,
    /// Its configuration.
    pub config: Table,
    /// What stands in `[host.plugin.NAME.config]`, by domain: laid over `config`, key by key.
    pub host_config: BTreeMap<String, Table>,
    /// What stands in `[host.plugin.NAME] provider`, by domain: whether it is the provider there, whatever the
    /// priorities.
    pub host_provider: BTreeMap<String, bool>,
    /// The HTTP servers that it may send requests to.
    pub http_hosts: Vec<String>,
}

impl Default for PluginSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            priority: 0,
            grants: None,
            sha256: None,
            config: Table::new(),
            host_config: BTreeMap::new(),
            host_provider: BTreeMap::new(),
            http_hosts: Vec::new(),
        }
    }
}

impl PluginSettings {
    /// Whether the operator says that it provides or does not provide at this host.
    pub(crate) fn provides_at(&self, host: &str) -> Option<bool> {
        self.host_provider.get(host).copied()
    }
}
