//! SQLite: one writer on a held connection, readers in a small pool.

mod accounts;
mod setup;
#[cfg(test)]
mod tests;
mod writer;

use std::path::PathBuf;

use async_trait::async_trait;
use sqlx::SqlitePool;

use crate::{Accounts, Storage, StorageError};

pub(crate) use setup::path;
use writer::Writer;

/// An open SQLite database.
pub(crate) struct Sqlite {
    readers: SqlitePool,
    writer: Writer,
}

impl Sqlite {
    /// Opens the database file `path`, its folder existing.
    pub(crate) async fn open(path: PathBuf) -> Result<Self, StorageError> {
        let connection = setup::writer_connection(&path).await?;
        let readers = setup::reader_pool(&path);
        let writer = Writer::start(connection).map_err(|source| StorageError::Open {
            path,
            source: source.into(),
        })?;
        Ok(Self { readers, writer })
    }
}

#[async_trait]
impl Storage for Sqlite {
    fn accounts(&self) -> &dyn Accounts {
        self
    }

    fn commits(&self) -> u64 {
        self.writer.commits()
    }

    async fn close(&self) {
        // Readers first: the last connection to go, the writer's, tidies up the write-ahead log.
        self.readers.close().await;
        self.writer.close().await;
    }
}
