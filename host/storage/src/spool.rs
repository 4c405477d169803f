//! Spools: stanzas that wait for an account to come back (XEP-0160), each account's in a durable queue of its own.

use std::fmt;

use async_trait::async_trait;

use crate::{AccountId, StorageError};

/// The most stanzas in a page. More are not an error: a page holds this many.
pub const MAX_SPOOL_PAGE: u32 = 1000;
/// The most octets in a page, unless its one stanza is larger.
pub const SPOOL_PAGE_BYTES: usize = 1 << 20;

/// A stanza that waits.
#[derive(Clone, PartialEq, Eq)]
pub struct Spooled {
    /// Greater than that of every stanza spooled before, for this account or another. It never recurs.
    pub id: u64,
    /// When it came, in milliseconds since 1970 UTC, as its caller said.
    pub at: i64,
    /// As given.
    pub stanza: Vec<u8>,
}

/// What users write does not belong in a log.
impl fmt::Debug for Spooled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spooled")
            .field("id", &self.id)
            .field("at", &self.at)
            .field("octets", &self.stanza.len())
            .finish()
    }
}

/// How much a spool may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolLimits {
    /// Stanzas.
    pub stanzas: u64,
    /// Octets of all stanzas together.
    pub bytes: u64,
}

/// How adding a stanza ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum SpoolOutcome {
    /// It waits, under this id.
    Kept(u64),
    /// A limit would be exceeded; nothing was changed.
    Full,
    /// There is no such account.
    NoAccount,
}

/// The spools of all accounts. Every change is durable when its call returns, and a read begun after that sees it. An
/// account's spool goes when the account is removed.
#[async_trait]
pub trait Spool: Send + Sync {
    /// Adds a stanza to the end. Stanzas are kept in the order in which their calls were first polled. Only while the
    /// database is behind by a thousand writes, calls of one task that are polled together may change places: whoever
    /// needs the order then too makes a call when the one before has returned.
    async fn add(
        &self,
        account: AccountId,
        at: i64,
        stanza: Vec<u8>,
        limits: SpoolLimits,
    ) -> Result<SpoolOutcome, StorageError>;

    /// Up to `limit` of the stanzas with ids greater than `after`, oldest first; fewer where a page would hold more than
    /// [`MAX_SPOOL_PAGE`] or [`SPOOL_PAGE_BYTES`], but at least one if there is any and `limit` is not 0. An empty page
    /// is the end.
    async fn read(
        &self,
        account: AccountId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Spooled>, StorageError>;

    /// Puts a stanza in the place of another of the account, also where a limit is exceeded by it. False: that one is gone, and
    /// nothing was changed.
    async fn replace(
        &self,
        account: AccountId,
        id: u64,
        stanza: Vec<u8>,
    ) -> Result<bool, StorageError>;

    /// Removes those of `ids` that are in the account's spool, all or none, and says how many that were.
    async fn remove(&self, account: AccountId, ids: &[u64]) -> Result<u64, StorageError>;

    /// How many stanzas wait, and how many octets these have together.
    async fn usage(&self, account: AccountId) -> Result<(u64, u64), StorageError>;

    /// Removes from all spools what came before `before`, in milliseconds since 1970 UTC, and says how much that was. Other
    /// writes get their turn meanwhile, so part of it is done if it fails.
    async fn expire(&self, before: i64) -> Result<u64, StorageError>;
}
