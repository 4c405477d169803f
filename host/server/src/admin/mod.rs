//! Administration: commands on accounts and plugins, from the command line to a running server or a stopped one.
//!
//! A running server holds the lock of its data folder and listens on a socket in it. Whoever may write there may
//! administer: nothing else is asked. Without a server, a command takes the lock itself and opens the database.

mod client;
mod data_dir;
mod plugin;
mod protocol;
mod serve;
mod socket;
mod stopped;
#[cfg(test)]
mod tests;
pub(crate) mod user;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use serde_json::Value;

pub use client::{AdminClient, AdminError};
pub use data_dir::{Claim, ClaimError, claim};
pub use plugin::{PluginCommand, PluginDecision, Trace};
pub use protocol::{Failure, Reply, Request};
pub use serve::serve;
pub use socket::{AdminListener, bind};
pub use user::{AccountCommand, Lookup, NewUser, User};

/// What commands need of a running server.
#[async_trait]
pub trait AdminHandler: Send + Sync {
    /// Carries out a command on accounts. When it returns, no session of an account that it removed or disabled can send any more.
    async fn account(&self, command: AccountCommand) -> Result<Reply, Failure>;

    /// Asks the plugin that keeps the accounts of a host.
    async fn look_up(&self, lookup: Lookup) -> Result<Option<String>, Failure>;

    /// The plugins, loaded or not, an object each; shown as they are, in the order of their keys.
    fn plugins(&self) -> Vec<Value>;

    /// What the plugins that serve have done and cost, a list; or one of them.
    async fn plugin_stats(&self, name: Option<&str>) -> Result<Value, Failure>;

    /// The calls of a plugin from now on, for as long as the stream lives.
    fn trace_plugin(&self, trace: &Trace) -> Result<BoxStream<'static, Value>, Failure>;

    /// Loads a plugin anew from its file. After a failure the old version goes on.
    async fn reload_plugin(&self, name: &str) -> Result<(), Failure>;

    /// Lets a disabled plugin serve, with what it depends on; gives the names of those that came.
    async fn enable_plugin(&self, name: &str) -> Result<Vec<String>, Failure>;

    /// Ends a plugin, and those that depend on it; gives the names of the others.
    async fn disable_plugin(&self, name: &str) -> Result<Vec<String>, Failure>;

    /// Keeps what is granted to the component with that SHA-256.
    fn grant_plugin(&self, name: &str, sha256: &str, grants: Vec<String>) -> Result<(), Failure>;
}
