//! Plugins' data in SQLite: what a cache, a kill and a full disk could spoil. The rest every engine promises.

mod coherence;
mod durability;

use std::{path::Path, sync::Arc};

use tempfile::TempDir;

use super::super::tests::{create, open};
use crate::{
    CommitError, LogRange, PluginData, Scope, Value,
    conformance::data::{OWN, batch, get, key, notes, put, read_log, swap, usage, value},
    sqlite::Sqlite,
};

/// Storage in a folder of its own.
async fn fresh() -> (TempDir, Arc<Sqlite>) {
    let folder = TempDir::new().unwrap();
    let storage = open(folder.path()).await;
    (folder, storage)
}

/// The same file with nothing in memory.
async fn reopen(storage: &Sqlite, folder: &Path) -> Arc<Sqlite> {
    use crate::Storage as _;
    storage.close().await;
    open(folder).await
}
