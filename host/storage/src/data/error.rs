//! How a plugin's data can be refused.

use std::fmt;

use super::{MAX_BATCH_BYTES, MAX_BATCH_CHANGES, MAX_KEY, MAX_NAMESPACE, MAX_VALUE};
use crate::{AccountId, StorageError};

/// A name, value or batch that no namespace takes. The plugin's mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// See [`Namespace::new`](crate::Namespace::new).
    #[error("a namespace has 1 to {MAX_NAMESPACE} octets and no NUL")]
    Namespace,
    /// See [`Key::new`](crate::Key::new).
    #[error("a key or log name has 1 to {MAX_KEY} octets and no NUL, but this has {length}")]
    Key {
        /// Its octets.
        length: usize,
    },
    /// See [`Value::new`](crate::Value::new).
    #[error("a value has at most {MAX_VALUE} octets, but this has {length}")]
    Value {
        /// Its octets.
        length: usize,
    },
    /// See [`Batch`](crate::Batch).
    #[error("one call writes at most {MAX_BATCH_CHANGES} changes and {MAX_BATCH_BYTES} octets")]
    BatchFull,
}

/// What a quota limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// [`Quota::bytes`](crate::Quota::bytes).
    Bytes,
    /// [`Quota::keys`](crate::Quota::keys).
    Keys,
    /// [`Quota::entries`](crate::Quota::entries).
    Entries,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Keys => "keys",
            Self::Entries => "log entries",
        })
    }
}

/// Why nothing of a batch was done.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The namespace would hold more than it may. What makes it smaller is always taken.
    #[error("the storage quota of {limit} {measure} would be exceeded")]
    Quota {
        /// Which of the limits; the first of the fields of [`Quota`](crate::Quota) if it is several.
        measure: Measure,
        /// The most it may hold.
        limit: u64,
    },
    /// The batch writes about an account that is not there, or no longer.
    #[error("there is no account with the id {}", .0.0)]
    NoSuchAccount(AccountId),
    /// The database failed. Neither the plugin's fault nor its matter.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
