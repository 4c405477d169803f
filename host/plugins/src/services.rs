//! What the plugin platform needs of the server: accounts and the domains served. The platform itself knows nothing of
//! sockets, sessions or SQL.

use async_trait::async_trait;
use waxwing_xmpp::jid::BareJid;

/// The server's side of the imports.
#[async_trait]
pub trait Services: Send + Sync + 'static {
    /// The domains served, prepared, the default one first.
    fn hosts(&self) -> Vec<String>;

    /// Whether there is such an account, disabled ones included.
    async fn account_exists(&self, account: &BareJid) -> Result<bool, ServiceError>;

    /// Makes the account, durably, with keys derived from the password. [`ServiceError::Taken`] if there is one.
    async fn create_account(&self, account: &BareJid, password: &str) -> Result<(), ServiceError>;

    /// Gives an account a new password, durably. [`ServiceError::NoSuchAccount`] if there is none.
    async fn set_password(&self, account: &BareJid, password: &str) -> Result<(), ServiceError>;

    /// Removes an account with all its data, durably. [`ServiceError::NoSuchAccount`] if there is none.
    async fn remove_account(&self, account: &BareJid) -> Result<(), ServiceError>;

    /// Whether a password is one that SASLprep allows, of at most 1,023 bytes and not empty.
    fn is_valid_password(&self, password: &str) -> bool;
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
