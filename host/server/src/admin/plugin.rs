//! The commands on plugins.

use serde::{Deserialize, Serialize};

use super::{
    AdminHandler,
    protocol::{Failure, Reply},
};

/// A command on the plugins of a running server.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum PluginCommand {
    /// All plugins; the reply is [`Reply::Plugins`].
    List,
    /// What the plugins that serve have done and cost, or one of them; the reply is [`Reply::Stats`].
    Stats {
        /// Its name.
        name: Option<String>,
    },
    /// Loads a plugin anew.
    Reload {
        /// Its name.
        name: String,
    },
}

/// A decision about a plugin, which outlives the server.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum PluginDecision {
    /// Lets a disabled plugin serve; the reply is the [`Reply::Names`] of the plugins that came.
    Enable {
        /// Its name.
        name: String,
    },
    /// Ends a plugin until it is enabled; the reply is the [`Reply::Names`] of the others that went too.
    Disable {
        /// Its name.
        name: String,
    },
    /// Keeps what is granted to a component that is about to be installed.
    Grant {
        /// The plugin's name.
        name: String,
        /// The component's SHA-256, in hexadecimal.
        sha256: String,
        /// The grants.
        grants: Vec<String>,
    },
}

/// The calls of a plugin as they happen.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// Its name.
    pub name: String,
    /// Shows stanzas whole.
    pub full: bool,
}

/// Carries out a command on a running server.
pub(super) async fn execute(
    handler: &dyn AdminHandler,
    command: PluginCommand,
) -> Result<Reply, Failure> {
    Ok(match command {
        PluginCommand::List => Reply::Plugins(handler.plugins()),
        PluginCommand::Stats { name } => Reply::Stats(handler.plugin_stats(name.as_deref()).await?),
        PluginCommand::Reload { name } => {
            handler.reload_plugin(&name).await?;
            Reply::Done
        }
    })
}

/// Carries out a decision on a running server.
pub(super) async fn decide(
    handler: &dyn AdminHandler,
    decision: PluginDecision,
) -> Result<Reply, Failure> {
    Ok(match decision {
        PluginDecision::Enable { name } => Reply::Names(handler.enable_plugin(&name).await?),
        PluginDecision::Disable { name } => Reply::Names(handler.disable_plugin(&name).await?),
        PluginDecision::Grant {
            name,
            sha256,
            grants,
        } => {
            handler.grant_plugin(&name, &sha256, grants)?;
            Reply::Done
        }
    })
}
