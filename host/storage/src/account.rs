//! Accounts: who may log in, and with which keys.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::StorageError;

/// Names an account for ever. Data is kept by it, never by the account's name: ids do not recur, names do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub i64);

/// What SCRAM keeps of a password (RFC 5802 §3). The password cannot be had back from it.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    /// Random, own to the account.
    pub salt: Vec<u8>,
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// Checks what a client proves.
    pub stored_key: Vec<u8>,
    /// Proves to the client that the server knows the account.
    pub server_key: Vec<u8>,
}

/// Keys do not belong in a log.
impl std::fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScramKeys")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

/// An account to make.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Prepared user name, the part of the address before the `@`.
    pub localpart: String,
    /// Prepared domain.
    pub domain: String,
    /// Its keys. Empty: an external account.
    pub keys: AccountKeys,
}

/// The keys of an account whose password the server keeps, by the name of their hash (`SHA-1`, `SHA-256`). The names are only
/// compared.
pub type AccountKeys = BTreeMap<String, ScramKeys>;

/// An account with its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Prepared user name.
    pub localpart: String,
    /// Prepared domain.
    pub domain: String,
    /// `None`: an external account, whose password somebody else keeps.
    pub keys: Option<AccountKeys>,
    /// True: may not log in.
    pub disabled: bool,
    /// When it was made, in seconds since 1970 UTC.
    pub created_at: i64,
}

/// An account in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSummary {
    /// Its id.
    pub id: AccountId,
    /// Prepared user name.
    pub localpart: String,
    /// Prepared domain.
    pub domain: String,
    /// True: may not log in.
    pub disabled: bool,
    /// When it was made, in seconds since 1970 UTC.
    pub created_at: i64,
}

/// How making an account ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Creation {
    /// It is there, under this id.
    Created(AccountId),
    /// There is an account of that name already; nothing was changed.
    Taken,
}

/// The accounts of all domains. Every change is durable when its call returns.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// The account of that prepared name, disabled or not; `None` if there is none.
    async fn find(&self, localpart: &str, domain: &str) -> Result<Option<Account>, StorageError>;

    /// Makes an account. Of any number of calls for one name, at once or not, exactly one is told [`Creation::Created`].
    async fn create(&self, account: NewAccount) -> Result<Creation, StorageError>;

    /// Makes an account without keys, whose password somebody else keeps, as [`Accounts::create`] makes others.
    async fn create_external(
        &self,
        localpart: &str,
        domain: &str,
    ) -> Result<Creation, StorageError> {
        let account = NewAccount {
            localpart: localpart.to_owned(),
            domain: domain.to_owned(),
            keys: AccountKeys::new(),
        };
        self.create(account).await
    }

    /// Replaces all keys of an account; an external account is the server's own from then on. False: there is no such account.
    async fn set_keys(&self, id: AccountId, keys: AccountKeys) -> Result<bool, StorageError>;

    /// Removes an account. False: there is no such account.
    async fn remove(&self, id: AccountId) -> Result<bool, StorageError>;

    /// Forbids or allows logging in. False: there is no such account.
    async fn set_disabled(&self, id: AccountId, disabled: bool) -> Result<bool, StorageError>;

    /// The accounts of one domain or of all, sorted by domain, then user name.
    async fn list(&self, domain: Option<&str>) -> Result<Vec<AccountSummary>, StorageError>;
}
