//! Administration: commands on accounts and plugins, from the command line to a running server or a stopped one.
//!
//! A running server holds the lock of its data folder and listens on a socket in it. Whoever may write there may
//! administer: nothing else is asked. Without a server, a command takes the lock itself and opens the database.

mod client;
mod data_dir;
mod offline;
mod protocol;
mod serve;
#[cfg(test)]
mod tests;
mod users;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use waxwing_xmpp::jid::BareJid;

use crate::roster::RosterService;

pub use client::{AdminClient, AdminError};
pub use data_dir::{Claim, ClaimError, claim};
pub use protocol::{NewUser, Request, User};
pub use serve::{bind, serve};

/// What commands need of a running server.
#[async_trait]
pub trait AdminHandler: Send + Sync {
    /// The accounts of all domains, with their rosters.
    fn rosters(&self) -> &RosterService;

    /// The prepared domains that are served.
    fn domains(&self) -> &[String];

    /// Ends every session of an account that has just been removed or disabled, and returns when none can send any more.
    async fn end_sessions(&self, account: &BareJid);

    /// The site's user behind an account, by the plugin that provides its host's logins. The error is one line.
    async fn user_behind(&self, account: &BareJid) -> Result<Option<String>, String>;

    /// The account of a site's user at a domain, likewise.
    async fn user_of_site(&self, domain: &str, user: &str) -> Result<Option<String>, String>;

    /// The plugins, loaded or not, an object each; shown as they are, in the order of their keys.
    fn plugins(&self) -> Vec<serde_json::Value>;

    /// What the plugins that serve have done and cost, a list; or one of them. The error is one line for the operator.
    async fn plugin_stats(&self, name: Option<&str>) -> Result<serde_json::Value, String>;

    /// The calls of a plugin from now on, for as long as the stream lives. The error is one line for the operator.
    fn trace_plugin(
        &self,
        name: &str,
        full: bool,
    ) -> Result<BoxStream<'static, serde_json::Value>, String>;

    /// Loads a plugin anew from its file. The error is one line for the operator, and then the old version goes on.
    async fn reload_plugin(&self, name: &str) -> Result<(), String>;

    /// Lets a disabled plugin serve, with what it depends on; gives the names of those that came.
    async fn enable_plugin(&self, name: &str) -> Result<Vec<String>, String>;

    /// Ends a plugin, and those that depend on it; gives the names of the others.
    async fn disable_plugin(&self, name: &str) -> Result<Vec<String>, String>;

    /// Keeps what is granted to the component with that SHA-256.
    fn grant_plugin(&self, name: &str, sha256: &str, grants: Vec<String>) -> Result<(), String>;
}
