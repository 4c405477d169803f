//! SQLite: one writer on a held connection, readers in a small pool.

mod accounts;
mod data;
mod roster;
pub(crate) mod setup;
mod spool;
mod streams;
#[cfg(test)]
mod tests;

use std::{io, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use sqlx::{SqliteConnection, SqlitePool};

use crate::{
    Accounts, PluginData, Rosters, Spool, Storage, StorageError, Streams,
    commit::{Begun, Connection, Health, Worker, Writer},
    ledger::Cache,
};

pub(crate) use setup::path;

/// Octets of plugins' values that are kept in memory.
const CACHED: usize = 32 << 20;

/// An open SQLite database.
pub(crate) struct Sqlite {
    readers: SqlitePool,
    /// Apart, so that no plugin's reading keeps an account waiting.
    plugin_readers: SqlitePool,
    cache: Arc<Cache>,
    writer: Writer<SqliteConnection>,
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
        let health = Arc::new(Health::new(setup::name(&path)));
        let (writer, worker) = Writer::new(connection, Arc::clone(&cache), health);
        serve(worker).map_err(|source| setup::open_error(&path, source))?;
        Ok(Self {
            readers,
            plugin_readers,
            cache,
            writer,
        })
    }
}

/// Serves the writer on a thread and a runtime of its own: it outlives whichever runtime opened the database. Fails if the
/// system has no thread or file descriptor left.
fn serve(worker: Worker<SqliteConnection>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let thread = std::thread::Builder::new().name("storage-writer".to_owned());
    thread
        .spawn(move || runtime.block_on(worker.serve()))
        .map(drop)
}

/// Transactions are begun and ended by plain statements. sqlx counts the depth of those that it begins itself, and loses
/// count when SQLite has rolled one back of its own accord, as it may on a full disk: no other could be begun.
impl Connection for SqliteConnection {
    type Raw = Self;

    /// The disk answers in the end, and a commit that was given up might still come about.
    const SILENCE: Option<std::time::Duration> = None;

    async fn begin(&mut self) -> Result<Begun, sqlx::Error> {
        sqlx::query("BEGIN IMMEDIATE").execute(self).await?;
        Ok(Begun::Known)
    }

    fn raw(&mut self) -> Result<&mut Self, sqlx::Error> {
        Ok(self)
    }

    async fn commit(&mut self) -> Result<(), sqlx::Error> {
        sqlx::query("COMMIT").execute(self).await.map(drop)
    }

    async fn rollback(&mut self, _: &sqlx::Error) {
        // Fails if SQLite has done so already.
        let _ = sqlx::query("ROLLBACK").execute(self).await;
    }

    async fn close(self) -> Result<(), sqlx::Error> {
        sqlx::Connection::close(self).await
    }

    fn is_lost(_: &sqlx::Error) -> bool {
        false
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
