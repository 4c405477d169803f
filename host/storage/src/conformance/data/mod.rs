//! Plugins' data.

pub(crate) mod batches;
pub(crate) mod logs;
pub(crate) mod names;
pub(crate) mod quotas;
pub(crate) mod removal;

use std::sync::Arc;

use super::Database;
use crate::{
    AccountId, Batch, CommitError, Key, List, LogEntry, LogRange, Namespace, Page, Quota, Scope,
    Storage, Swap, Usage, Value,
};

pub(crate) const OWN: Scope = Scope::Plugin;

pub(crate) fn namespace(name: &str) -> Namespace {
    Namespace::new(name).unwrap()
}

/// The namespace that most tests use.
pub(crate) fn notes() -> Namespace {
    namespace("notes")
}

pub(crate) fn key(key: &str) -> Key {
    Key::new(key).unwrap()
}

pub(crate) fn value(value: &str) -> Value {
    Value::new(value.to_owned()).unwrap()
}

pub(crate) fn batch() -> Batch {
    Batch::new(notes(), Quota::default())
}

pub(crate) fn put(scope: Scope, name: &str, content: &str) -> Batch {
    let mut batch = batch();
    batch.put(scope, key(name), value(content)).unwrap();
    batch
}

/// As text.
pub(crate) async fn get(storage: &dyn Storage, scope: Scope, name: &str) -> Option<String> {
    let found = storage
        .plugin_data()
        .get(&notes(), scope, &key(name))
        .await
        .unwrap();
    found.map(|value| String::from_utf8(value.to_vec()).unwrap())
}

/// A page of the log named `log`.
pub(crate) async fn read_log(
    storage: &dyn Storage,
    namespace: &Namespace,
    scope: Scope,
    range: LogRange,
) -> Page<LogEntry> {
    let log = key("log");
    storage
        .plugin_data()
        .range(namespace, scope, &log, range)
        .await
        .unwrap()
}

pub(crate) async fn usage(storage: &dyn Storage) -> (u64, u64, u64) {
    let Usage {
        bytes,
        keys,
        entries,
    } = storage.plugin_data().usage(&notes()).await.unwrap();
    (bytes, keys, entries)
}

pub(crate) fn swap(expected: Option<&str>, new: Option<&str>) -> Swap {
    Swap {
        namespace: notes(),
        quota: Quota::default(),
        scope: OWN,
        key: key("a"),
        expected: expected.map(value),
        new: new.map(value),
    }
}

/// An account of that name.
async fn create(storage: &dyn Storage, localpart: &str) -> AccountId {
    super::account(storage, localpart).await
}
