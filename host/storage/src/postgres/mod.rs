//! PostgreSQL: one writer on a held connection, and readers on theirs, all on a thread of their own.
//!
//! The writer holds a lock of the database for as long as its connection lives ([`link`]). So nobody else changes what this
//! process remembers of it: what namespaces have used, and plugins' values.

mod accounts;
mod data;
mod link;
mod readers;
mod roster;
mod setup;
mod spool;
mod streams;
#[cfg(test)]
mod tests;

use std::{sync::Arc, thread};

use async_trait::async_trait;
use sqlx::PgConnection;
use tokio::sync::oneshot;

use crate::{
    Accounts, PluginData, Rosters, Spool, Storage, StorageError, Streams,
    commit::{Health, Writer},
    ledger::Cache,
};

use link::Link;
pub(crate) use link::claim;
use readers::Readers;
pub(crate) use setup::{Address, is_ours};

/// Octets of plugins' values that are kept in memory.
const CACHED: usize = 32 << 20;

/// An open PostgreSQL database.
pub(crate) struct Postgres {
    readers: Readers,
    /// Apart, so that no plugin's reading keeps an account waiting.
    plugin_readers: Readers,
    cache: Arc<Cache>,
    writer: Writer<PgConnection>,
}

impl Postgres {
    /// Opens the database at `address`, and brings its schema up to date.
    pub(crate) async fn open(address: Address) -> Result<Self, StorageError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let database = address.name().to_owned();
        let failed = |source: std::io::Error| StorageError::Open {
            database: database.clone(),
            reason: source.into(),
        };
        let runtime = runtime.map_err(failed)?;
        let (opened, opening) = oneshot::channel();
        let thread = thread::Builder::new().name("storage".to_owned());
        thread
            .spawn(move || runtime.block_on(serve(address, opened)))
            .map_err(failed)?;
        opening.await.map_err(|_| StorageError::Closed)?
    }
}

/// Opens the database, says so, and serves it until it is closed.
async fn serve(address: Address, opened: oneshot::Sender<Result<Postgres, StorageError>>) {
    let health = Arc::new(Health::new(address.name().to_owned()));
    let link = match Link::open(address.clone(), Arc::clone(&health)).await {
        Ok(link) => link,
        Err(error) => return drop(opened.send(Err(error))),
    };
    let cache = Arc::new(Cache::new(CACHED));
    let (writer, worker) = Writer::new(link, Arc::clone(&cache), Arc::clone(&health));
    // Dropped when the writer has ended, and with it what readers are about.
    let mut reading = tokio::task::JoinSet::new();
    let postgres = Postgres {
        readers: Readers::start(&address, &health, &mut reading),
        plugin_readers: Readers::start(&address, &health, &mut reading),
        cache,
        writer,
    };
    if opened.send(Ok(postgres)).is_ok() {
        worker.serve().await;
    }
}

#[async_trait]
impl Storage for Postgres {
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
        self.readers.close();
        self.plugin_readers.close();
        self.writer.close().await;
    }
}
