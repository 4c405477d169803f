//! Repositories of Waxwing's data, one trait for each kind of data, and their SQL implementations. Nothing outside this
//! crate writes SQL, and nothing in it knows XMPP: names arrive prepared, keys arrive derived.
//!
//! What a call has returned for is committed: it survives a kill of the process and a power cut.
//! A [`Storage`] is used from any number of runtimes and threads at once.

mod account;
mod commit;
#[cfg(test)]
mod conformance;
mod copy;
mod data;
mod error;
mod ledger;
mod postgres;
mod roster;
mod spool;
mod sqlite;
mod stream;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;

pub use account::{
    Account, AccountId, AccountKeys, AccountSummary, Accounts, Creation, NewAccount, ScramKeys,
};
pub use copy::{CopyError, Progress, copy};
pub use data::{
    Batch, CommitError, Invalid, Key, List, Listed, LogEntry, LogRange, MAX_BATCH_BYTES,
    MAX_BATCH_CHANGES, MAX_KEY, MAX_LIMIT, MAX_NAMESPACE, MAX_VALUE, Measure, Namespace,
    PAGE_BYTES, Page, PluginData, Quota, Scope, Swap, Usage, Value,
};
pub use error::StorageError;
pub use roster::{
    Edit, Edited, Holder, Roster, RosterChange, RosterEntry, RosterItem, RosterLimits, Rosters,
    Subscription,
};
pub use spool::{MAX_SPOOL_PAGE, SPOOL_PAGE_BYTES, Spool, SpoolLimits, SpoolOutcome, Spooled};
pub use stream::{StreamNote, Streams};

/// The repositories of one database.
#[async_trait]
pub trait Storage: Send + Sync {
    /// Accounts and their keys.
    fn accounts(&self) -> &dyn Accounts;

    /// What plugins keep.
    fn plugin_data(&self) -> &dyn PluginData;

    /// Accounts' contacts.
    fn rosters(&self) -> &dyn Rosters;

    /// Stanzas that wait for accounts to come back.
    fn spool(&self) -> &dyn Spool;

    /// What was handled of resumable streams.
    fn streams(&self) -> &dyn Streams;

    /// Transactions committed since the database was opened. Writes that wait together share one.
    fn commits(&self) -> u64;

    /// Commits what is queued and closes the database. Calls made afterwards fail with [`StorageError::Closed`].
    /// Closing twice does nothing.
    async fn close(&self);
}

/// Whether `url` names a database of an engine that there is.
pub fn is_served(url: &str) -> bool {
    if postgres::is_ours(url) {
        postgres::Address::parse(url).is_ok()
    } else {
        sqlite::path(url, Path::new("")).is_ok()
    }
}

/// A database's url to be shown: without what may be a password.
pub fn shown(url: &str) -> String {
    error::without_password(url)
}

/// Opens the database at `url`, makes it if absent, and brings its schema up to date in transactions.
///
/// `url` is `sqlite:` and a file, relative to `data_dir`, which must exist; or `postgres://` and what libpq makes of it. Call
/// it within a tokio runtime with time; what it returns does not depend on that runtime's life.
///
/// # Errors
/// [`StorageError::Unsupported`] for any other `url`; otherwise what opening can meet: [`StorageError::Open`],
/// [`StorageError::Unreachable`], [`StorageError::InUse`], [`StorageError::NotADatabase`], [`StorageError::Encoding`],
/// [`StorageError::Incomplete`], [`StorageError::NewerSchema`], [`StorageError::Migration`].
pub async fn open(url: &str, data_dir: &Path) -> Result<Arc<dyn Storage>, StorageError> {
    if postgres::is_ours(url) {
        let address = postgres::Address::parse(url)?;
        return Ok(Arc::new(postgres::Postgres::open(address).await?));
    }
    let path = sqlite::path(url, data_dir)?;
    Ok(Arc::new(sqlite::Sqlite::open(path).await?))
}
