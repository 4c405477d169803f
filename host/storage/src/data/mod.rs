//! What plugins keep: keys with values and ordered logs, each plugin in a namespace of its own.

mod batch;
mod error;
mod names;
mod read;

use async_trait::async_trait;

pub use batch::{Batch, MAX_BATCH_BYTES, MAX_BATCH_CHANGES, Swap};
pub(crate) use batch::{Change, Place};
pub use error::{CommitError, Invalid, Measure};
pub use names::{Key, MAX_KEY, MAX_NAMESPACE, MAX_VALUE, Namespace, Scope, Value};
pub use read::{List, Listed, LogEntry, LogRange, MAX_LIMIT, PAGE_BYTES, Page};

use crate::StorageError;

/// How much a namespace may hold, in all scopes together. The default is what a plugin gets unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Octets: of keys and their values, and of log entries each with its log's name.
    pub bytes: u64,
    /// Keys. Logs are none.
    pub keys: u64,
    /// Entries of logs.
    pub entries: u64,
}

impl Default for Quota {
    /// 64 MiB, 10,000 keys, 100,000 log entries.
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            keys: 10_000,
            entries: 100_000,
        }
    }
}

/// How much a namespace holds, counted as [`Quota`] does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Octets.
    pub bytes: u64,
    /// Keys.
    pub keys: u64,
    /// Entries of logs.
    pub entries: u64,
}

/// The data of all plugins. Every change is durable when its call returns, and a read begun after that sees it.
///
/// Nothing of one namespace or scope is reached by way of another: names are only compared, never taken apart.
#[async_trait]
pub trait PluginData: Send + Sync {
    /// The value of a key; `None` if there is none, or if the scope's account is gone.
    async fn get(
        &self,
        namespace: &Namespace,
        scope: Scope,
        key: &Key,
    ) -> Result<Option<Value>, StorageError>;

    /// The values of `keys`, in their order. Keys of one commit may be seen before and after it: read what must agree
    /// from one value. Holds all values at once: how many keys a plugin may ask for is the caller's to limit.
    async fn get_many(
        &self,
        namespace: &Namespace,
        scope: Scope,
        keys: &[Key],
    ) -> Result<Vec<Option<Value>>, StorageError>;

    /// Keys in the order of their octets.
    async fn list(
        &self,
        namespace: &Namespace,
        scope: Scope,
        list: &List,
    ) -> Result<Page<Listed>, StorageError>;

    /// Entries of a log by sequence number. A log that was never written is empty.
    async fn range(
        &self,
        namespace: &Namespace,
        scope: Scope,
        log: &Key,
        range: LogRange,
    ) -> Result<Page<LogEntry>, StorageError>;

    /// Does all that the batch holds, or nothing. Returns the sequence numbers of its appended entries, in their order.
    async fn commit(&self, batch: Batch) -> Result<Vec<u64>, CommitError>;

    /// Sets a key if its value is as expected. False: it is not, and nothing was changed. Of any number of calls that
    /// expect one value, at once or not, one is told true.
    async fn compare_and_set(&self, swap: Swap) -> Result<bool, CommitError>;

    /// How much the namespace holds, all scopes together.
    async fn usage(&self, namespace: &Namespace) -> Result<Usage, StorageError>;

    /// Forgets a namespace with all that is in it, as when its plugin is uninstalled. Other writes wait meanwhile.
    async fn purge(&self, namespace: &Namespace) -> Result<(), StorageError>;
}
