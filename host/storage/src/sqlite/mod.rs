//! SQLite: one writer on a held connection, readers in a small pool.

mod accounts;
mod data;
mod gates;
mod roster;
mod setup;
mod spool;
mod streams;
#[cfg(test)]
mod tests;
mod worker;
mod writer;

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use sqlx::SqlitePool;

use crate::{Accounts, PluginData, Rosters, Spool, Storage, StorageError, Streams};

use data::Cache;
pub(crate) use setup::path;
use writer::Writer;

/// Octets of plugins' values that are kept in memory.
const CACHED: usize = 32 << 20;

/// An open SQLite database.
pub(crate) struct Sqlite {
    readers: SqlitePool,
    /// Apart, so that no plugin's reading keeps an account waiting.
    plugin_readers: SqlitePool,
    cache: Arc<Cache>,
    writer: Writer,
}

impl Sqlite {
    /// Opens the database file `path`, its folder existing.
    pub(crate) async fn open(path: PathBuf) -> Result<Self, StorageError> {
        Self::open_with(path, Cache::new(CACHED)).await
    }

    async fn open_with(path: PathBuf, cache: Cache) -> Result<Self, StorageError> {
        let connection = setup::writer_connection(&path).await?;
        let readers = setup::reader_pool(&path);
        let plugin_readers = setup::reader_pool(&path);
        let cache = Arc::new(cache);
        let writer =
            Writer::start(connection, Arc::clone(&cache)).map_err(|source| StorageError::Open {
                path,
                source: source.into(),
            })?;
        Ok(Self {
            readers,
            plugin_readers,
            cache,
            writer,
        })
    }
}

#[async_trait]
impl Storage for Sqlite {
    fn accounts(&self) -> &dyn Accounts {
        self
    }

    fn plugin_data(&self) -> &dyn PluginData {
        self
    }

    fn rosters(&self) -> &dyn Rosters {
        self
    }

    fn spool(&self) -> &dyn Spool {
        self
    }

    fn streams(&self) -> &dyn Streams {
        self
    }

    fn commits(&self) -> u64 {
        self.writer.commits()
    }

    async fn close(&self) {
        // Readers first: the last connection to go, the writer's, tidies up the write-ahead log.
        self.readers.close().await;
        self.plugin_readers.close().await;
        self.writer.close().await;
    }
}
