//! What the plugin platform needs of the server: accounts and the domains served. The platform itself knows nothing of
//! sockets, sessions or SQL.

use async_trait::async_trait;
use waxwing_storage::{AccountId, PluginData};
use waxwing_xml::Element;
use waxwing_xmpp::jid::{BareJid, FullJid, Jid};
use waxwing_xmpp::roster::Item;
use waxwing_xmpp::stanza::Stanza;

use crate::model::follow_up::FollowUp;

use crate::model::http::{HttpError, HttpRequest, HttpResponse};

/// The server's side of the imports.
#[async_trait]
pub trait Services: Send + Sync + 'static {
    /// The domains served, prepared, the default one first.
    fn hosts(&self) -> Vec<String>;

    /// Whether the operator has named that account as an administrator of a prepared domain. Asked by plugins for each request: it
    /// must not wait.
    fn is_admin(&self, host: &str, account: &BareJid) -> bool;

    /// Whether there is such an account, disabled ones included.
    async fn account_exists(&self, account: &BareJid) -> Result<bool, ServiceError>;

    /// Makes the account, durably, with keys derived from the password. [`ServiceError::Taken`] if there is one.
    async fn create_account(&self, account: &BareJid, password: &str) -> Result<(), ServiceError>;

    /// Makes the server's record of an account that the provider of its host has made, durably; nothing where it has
    /// one.
    async fn adopt_account(&self, account: &BareJid) -> Result<(), ServiceError>;

    /// Gives an account a new password, durably. [`ServiceError::NoSuchAccount`] if there is none.
    async fn set_password(&self, account: &BareJid, password: &str) -> Result<(), ServiceError>;

    /// Removes an account with all its data, durably. [`ServiceError::NoSuchAccount`] if there is none.
    async fn remove_account(&self, account: &BareJid) -> Result<(), ServiceError>;

    /// The id of an account, disabled ones included.
    async fn account_id(&self, account: &BareJid) -> Result<Option<AccountId>, ServiceError>;

    /// Up to so many accounts of a domain after that one, in the order of their bare JIDs, and whether there are more.
    /// Those that are disabled are left out.
    async fn accounts(
        &self,
        host: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<BareJid>, bool), ServiceError>;

    /// The roster of an account, from the database or from the provider of its host.
    async fn roster(&self, account: &BareJid) -> Result<Vec<Item>, ServiceError>;

    /// Whether an account exists and shares its presence with an address.
    async fn shares_presence(
        &self,
        account: &BareJid,
        address: &BareJid,
    ) -> Result<bool, ServiceError>;

    /// The features of the server's own that service discovery announces (XEP-0030 §3.1).
    fn features(&self) -> &'static [&'static str];

    /// The rosters of these domains have another provider now, or the server keeps them again.
    fn rosters_moved(&self, hosts: Vec<String>);

    /// What plugins keep in the database.
    fn plugin_data(&self) -> Result<&dyn PluginData, ServiceError>;

    /// Sends a stanza of a plugin, whose `from` and `to` are checked. The reply to a request is handed to
    /// [`PluginEvents::reply`](crate::PluginEvents::reply).
    fn route(&self, sent: SentStanza);

    /// Sends an answer to the address that asked: a session if it is still there, or a plugin.
    fn answer(&self, asker: &Jid, reply: Element);

    /// The sessions of an account, each with the priority of its presence if it is an available resource.
    fn sessions(&self, account: &BareJid) -> Vec<(FullJid, Option<i8>)>;

    /// All bound sessions, each with its id.
    fn all_sessions(&self) -> Vec<(FullJid, u64)>;

    /// Does what a call asked the server to do after its answer was sent.
    fn apply_follow_ups(&self, follow_ups: Vec<FollowUp>);

    /// Sends an HTTP request and waits for the whole response, redirects not followed. An address that only this
    /// machine or its link reaches is refused, whatever the name that leads there, unless the request may be local. May
    /// be given up at any time by dropping the future.
    async fn http(&self, request: HttpRequest) -> Result<HttpResponse, HttpError>;

    /// Whether a password is one that SASLprep allows, of at most 1,023 bytes and not empty.
    fn is_valid_password(&self, password: &str) -> bool;
}

/// A stanza that a plugin sends.
#[derive(Debug, Clone)]
pub struct SentStanza {
    /// The stanza.
    pub stanza: Stanza,
    /// Whether the hooks `deliver` and `offline` pass it over: such a hook has sent it itself.
    pub bypasses_hooks: bool,
}

/// Why a service could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// The account exists already.
    #[error("the account exists already")]
    Taken,
    /// The account does not exist.
    #[error("there is no such account")]
    NoSuchAccount,
    /// Storage or hashing failed or is overloaded; the log says more.
    #[error("the storage or the hashing of passwords is not available")]
    Unavailable,
}
