//! What can go wrong, and whose matter it is.

use std::{error::Error, path::PathBuf};

/// The reason from the database engine. For the log, not for peers.
pub(crate) type Cause = Box<dyn Error + Send + Sync>;

/// A failed call.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The operator asked for an engine that this version does not have.
    #[error("storage url `{url}` is not served by this version; use `sqlite:FILE`")]
    Unsupported {
        /// As configured, without what may be a password.
        url: String,
    },
    /// The database cannot be opened or made.
    #[error("cannot open the database {}: {source}; is the folder there, and writable?", path.display())]
    Open {
        /// The database file.
        path: PathBuf,
        /// What the engine or the system says.
        source: Cause,
    },
    /// The file is something else, or damaged.
    #[error("{} is damaged or not a database; restore it from a backup", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// A newer version has been here, and this one would not know what it does.
    #[error(
        "the database {} has schema {found}, but this version knows schemas up to {known}; run the newer version",
        path.display()
    )]
    NewerSchema {
        /// The database file.
        path: PathBuf,
        /// The newest schema in the database that this version does not know.
        found: i64,
        /// The newest schema that this version knows.
        known: i64,
    },
    /// Bringing the schema up to date failed; the database is as it was.
    #[error("cannot bring the database {} up to date: {source}", path.display())]
    Migration {
        /// The database file.
        path: PathBuf,
        /// What the engine says.
        source: Cause,
    },
    /// A statement failed: the disk is full or broken, or it is a mistake of ours. Nothing was changed.
    #[error("the database failed: {0}")]
    Failed(#[source] Cause),
    /// The database has more to write than it can; nothing was changed. Worth another try later.
    #[error("the database is overloaded")]
    Overloaded,
    /// The database has been closed, or its writer is gone.
    #[error("the database is closed")]
    Closed,
}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Self::Overloaded,
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Self::Closed,
            other => Self::Failed(Box::new(other)),
        }
    }
}
