//! What the operator sees of plugins.

use std::time::Instant;

use serde::Serialize;

use crate::instance::plugin::{Plugin, Source};

/// A line of `waxwing plugin list`.
#[derive(Clone, Debug, Serialize)]
pub struct PluginStatus {
    /// The name.
    pub name: String,
    /// Whether a version of it serves.
    pub serving: bool,
    /// Whether it is to serve: false if the configuration or `waxwing plugin disable` says so.
    pub enabled: bool,
    /// The version that serves.
    pub version: Option<String>,
    /// Its own summary.
    pub summary: Option<String>,
    /// `bundled`, or the file.
    pub source: String,
    /// The SHA-256 of the component that serves.
    pub sha256: Option<String>,
    /// The extension protocols that it serves.
    pub implements: Vec<String>,
    /// What it was granted.
    pub grants: Vec<String>,
    /// What it asks for and was not granted.
    pub missing_grants: Vec<String>,
    /// The other plugins that must serve, with the versions that will do.
    pub depends_on: Vec<String>,
    /// Plugins that answer requests in its place.
    pub conflicts: Vec<String>,
    /// `serving`, `quarantined`, `probation`, or `absent`.
    pub state: &'static str,
    /// Calls made, to all versions since the server started.
    pub calls: u64,
    /// Calls of those that failed.
    pub faults: u64,
    /// Why the newest file of that name does not serve.
    pub error: Option<String>,
}

impl PluginStatus {
    pub(crate) fn of(plugin: &Plugin) -> Self {
        Self {
            name: plugin.manifest.name.clone(),
            serving: true,
            enabled: true,
            version: Some(plugin.manifest.version.clone()),
            summary: Some(plugin.manifest.summary.clone()),
            source: plugin.source.to_string(),
            sha256: Some(plugin.sha256.clone()),
            implements: plugin.manifest.implements.clone(),
            grants: plugin.grants.iter().cloned().collect(),
            missing_grants: plugin.missing_grants(),
            depends_on: plugin.manifest.needs(),
            conflicts: Vec::new(),
            state: plugin.quarantine.status(Instant::now()).name(),
            calls: plugin.counters.calls(),
            faults: plugin.counters.failed(),
            error: None,
        }
    }

    pub(crate) fn absent(name: &str, source: &Source) -> Self {
        Self {
            name: name.to_owned(),
            serving: false,
            enabled: true,
            version: None,
            summary: None,
            source: source.to_string(),
            sha256: None,
            implements: Vec::new(),
            grants: Vec::new(),
            missing_grants: Vec::new(),
            depends_on: Vec::new(),
            conflicts: Vec::new(),
            state: "absent",
            calls: 0,
            faults: 0,
            error: None,
        }
    }
}

/// Why a plugin could not be loaded on request.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PluginError {
    /// There is no such plugin, loaded, bundled or in the folder.
    #[error("there is no plugin `{0}`; `waxwing plugin list` names them all")]
    Unknown(String),
    /// No version of it serves.
    #[error("no plugin `{0}` serves; `waxwing plugin list` names those that do")]
    NotServing(String),
    /// It does not load; what served goes on.
    #[error("plugin `{name}` was not loaded: {why}")]
    Failed {
        /// The plugin.
        name: String,
        /// The reason.
        why: String,
    },
    /// The configuration says otherwise.
    #[error(
        "`enabled = false` stands in [plugin.{0}] of the configuration; remove it there and reload"
    )]
    Configured(String),
    /// What was decided could not be kept.
    #[error("what was decided about plugin `{name}` cannot be kept: {why}")]
    Unkept {
        /// The plugin.
        name: String,
        /// The reason.
        why: String,
    },
}
