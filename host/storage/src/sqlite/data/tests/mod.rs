//! Plugins' data through the public face.

mod batches;
mod coherence;
mod durability;
mod logs;
mod names;
mod quotas;
mod removal;

use std::{path::Path, sync::Arc};

use tempfile::TempDir;

use super::super::tests::{create, open};
use crate::{
    AccountId, Batch, CommitError, Key, List, LogEntry, LogRange, Namespace, Page, PluginData,
    Quota, Scope, Swap, Usage, Value, sqlite::Sqlite,
};

const OWN: Scope = Scope::Plugin;

fn namespace(name: &str) -> Namespace {
    Namespace::new(name).unwrap()
}

/// The namespace that most tests use.
fn notes() -> Namespace {
    namespace("notes")
}

fn key(key: &str) -> Key {
    Key::new(key).unwrap()
}

fn value(value: &str) -> Value {
    Value::new(value.to_owned()).unwrap()
}

fn batch() -> Batch {
    Batch::new(notes(), Quota::default())
}

fn put(scope: Scope, name: &str, content: &str) -> Batch {
    let mut batch = batch();
    batch.put(scope, key(name), value(content)).unwrap();
    batch
}

/// As text.
async fn get(storage: &Sqlite, scope: Scope, name: &str) -> Option<String> {
    let found = storage.get(&notes(), scope, &key(name)).await.unwrap();
    found.map(|value| String::from_utf8(value.to_vec()).unwrap())
}

/// A page of the log named `log`.
async fn read_log(
    storage: &Sqlite,
    namespace: &Namespace,
    scope: Scope,
    range: LogRange,
) -> Page<LogEntry> {
    let log = key("log");
    storage.range(namespace, scope, &log, range).await.unwrap()
}

async fn usage(storage: &Sqlite) -> (u64, u64, u64) {
    let Usage {
        bytes,
        keys,
        entries,
    } = storage.usage(&notes()).await.unwrap();
    (bytes, keys, entries)
}

fn swap(expected: Option<&str>, new: Option<&str>) -> Swap {
    Swap {
        namespace: notes(),
        quota: Quota::default(),
        scope: OWN,
        key: key("a"),
        expected: expected.map(value),
        new: new.map(value),
    }
}

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
