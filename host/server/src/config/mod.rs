//! The configuration: TOML, every key optional, one file of this folder a section.
//!
//! [`Config::default`] is what runs with no file at all. What is in a [`Config`] that came from [`load`]
//! has been checked: domains are prepared, listeners are of kinds that this version serves, and clear text is
//! offered on loopback only.

pub(crate) mod bounds;
mod check;
mod cluster;
mod decode;
mod error;
mod host;
mod layers;
mod limits;
mod listen;
mod network;
mod output;
mod plugin;
mod reload;
mod renamed;
mod sasl;
mod storage;
#[cfg(test)]
mod tests;

mod tls;
mod tree;

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use cluster::Cluster;
pub use error::ConfigError;
pub use host::{Host, HostPlugin, ResourceConflict};
pub use layers::{Sources, load};
pub use limits::Limits;
pub use listen::{Kind, Listener, TlsPolicy};
pub use network::Network;
pub use output::{schema, to_toml};
pub use plugin::{Plugin, Plugins};
pub use sasl::{Mechanism, Sasl};
pub use storage::Storage;
pub use tls::Tls;

/// Everything that an operator can set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder of everything the server keeps: database, self-signed certificate, administration socket, plugins. Relative
    /// to the working directory. Made at start if absent.
    pub data_dir: PathBuf,
    /// The domains served, at least one; the first is the default host.
    pub host: Vec<Host>,
    /// The sockets to listen on.
    #[schemars(with = "Vec<listen::ListenerTable>")]
    pub listen: Vec<Listener>,
    /// The certificate of domains that have none of their own.
    pub tls: Tls,
    /// How clients log in.
    pub sasl: Sasl,
    /// Where accounts are kept.
    pub storage: Storage,
    /// Several nodes as one server; absent: one node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Cluster>,
    /// Bounds on what one client may use.
    pub limits: Limits,
    /// Where plugins come from.
    pub plugins: Plugins,
    /// One table a plugin, named as its manifest says.
    pub plugin: BTreeMap<String, Plugin>,
    /// What the operator should change, a line each: keys under their old names.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data"),
            host: vec![Host::default()],
            listen: Listener::defaults(),
            tls: Tls::default(),
            sasl: Sasl::default(),
            storage: Storage::default(),
            cluster: None,
            limits: Limits::default(),
            plugins: Plugins::default(),
            plugin: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }
}

impl Config {
    /// The folder of plugin components: `plugins.directory` in `data_dir`.
    pub fn plugin_dir(&self) -> PathBuf {
        self.data_dir.join(&self.plugins.directory)
    }

    /// A plugin's configuration on one host: the plugin's own table, overridden key by key by
    /// `[host.plugin.NAME.config]` of `host`.
    pub fn plugin_config(&self, name: &str, host: &Host) -> toml::Table {
        let mut merged = self
            .plugin
            .get(name)
            .map(|plugin| plugin.config.clone())
            .unwrap_or_default();
        if let Some(own) = host.plugin.get(name) {
            plugin::overlay(&mut merged, &own.config);
        }
        merged
    }
}
