//! `[plugins]` and `[plugin.NAME]`: where plugins come from and what each may do.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where plugins come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Plugins {
    /// Folder of components, relative to `data_dir`: they are loaded, watched, and win over bundled ones of the same name.
    pub directory: PathBuf,
    /// CPU time that compiling one component may take, in seconds, all threads together; more ends it, and the component
    /// is refused.
    pub compile_cpu_seconds: u32,
    /// Time by the clock that compiling one component may take, in seconds.
    pub compile_wall_seconds: u32,
    /// Memory that compiling one component may take, in MiB of address space.
    pub compile_memory_mib: u32,
    /// Memory that all instances of one plugin may have together, in MiB, all their memories and tables. Beyond it growing
    /// fails, and so does a call that needs another instance.
    pub plugin_memory_mib: u32,
    /// Memory that the instances of all plugins may have together, in MiB.
    pub memory_mib: u32,
}

impl Default for Plugins {
    fn default() -> Self {
        Self {
            directory: PathBuf::from("plugins"),
            compile_cpu_seconds: 120,
            compile_wall_seconds: 300,
            compile_memory_mib: 2_048,
            plugin_memory_mib: 256,
            memory_mib: 1_024,
        }
    }
}

/// One plugin, named as its manifest says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Plugin {
    /// False: the plugin is not loaded.
    pub enabled: bool,
    /// Added to the priorities in the plugin's manifest.
    pub priority: i32,
    /// The imports and exports that the plugin may use. Absent: a bundled component has what its manifest asks, any
    /// other has nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grants: Option<Vec<String>>,
    /// SHA-256 of the component's file in 64 hexadecimal digits, lower case once loaded; any other file is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The HTTP servers that the plugin may send requests to, if it is granted `http-client`: `auth.example.org:443` for
    /// https, `http://auth.example.org:8080` for http too.
    pub http_hosts: Vec<String>,
    /// The plugin's own configuration, checked by the schema in its manifest.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub config: toml::Table,
}

impl Default for Plugin {
    fn default() -> Self {
        Self {
            enabled: true,
            priority: 0,
            grants: None,
            sha256: None,
            http_hosts: Vec::new(),
            config: toml::Table::new(),
        }
    }
}

/// Lays `over` on `base`: tables are merged key by key, anything else is replaced.
pub(super) fn overlay(base: &mut toml::Table, over: &toml::Table) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(toml::Value::Table(base)), toml::Value::Table(over)) => overlay(base, over),
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}
