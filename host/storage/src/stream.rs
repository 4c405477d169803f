//! How many stanzas of resumable streams were handled (XEP-0198), for clients that come back after the server was restarted.

use async_trait::async_trait;

use crate::{AccountId, StorageError};

/// How far a stream was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamNote {
    /// Whose it is.
    pub account: AccountId,
    /// Its id, unique among all streams.
    pub id: String,
    /// The count of stanzas handled.
    pub handled: u32,
    /// When that was, in milliseconds since 1970 UTC.
    pub at: i64,
}

/// The resumable streams of all accounts. Every change is durable when its call returns. An account's streams go when the account
/// is removed.
#[async_trait]
pub trait Streams: Send + Sync {
    /// Notes how far streams are, all or none, in the place of what was noted of them before. A stream of an account that is not
    /// there is left out.
    async fn note(&self, notes: Vec<StreamNote>) -> Result<(), StorageError>;

    /// How far an account's stream was; `None`: nothing is known of it.
    async fn handled(&self, account: AccountId, id: &str) -> Result<Option<u32>, StorageError>;

    /// Forgets streams; of those that are not known nothing happens.
    async fn forget(&self, ids: Vec<String>) -> Result<(), StorageError>;

    /// Forgets all streams of an account but the `most` that were noted last.
    async fn keep_latest(&self, account: AccountId, most: u32) -> Result<(), StorageError>;

    /// Forgets the streams last noted before `before`, in milliseconds since 1970 UTC, and says how many.
    async fn expire(&self, before: i64) -> Result<u64, StorageError>;
}
