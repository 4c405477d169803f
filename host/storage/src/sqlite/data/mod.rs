//! Plugins' data in SQLite: reading single keys, which goes through the cache, and [`pages`], which does not; writing, for
//! the [ledger](crate::ledger), by [`sql`].

mod lookups;
mod pages;
mod read;
mod sql;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::Sqlite;
use crate::{
    Batch, CommitError, Key, List, Listed, LogEntry, LogRange, Namespace, Page, PluginData, Scope,
    StorageError, Swap, Usage, Value,
    commit::Statement,
    ledger::{Address, Cleared, Work},
};

#[async_trait]
impl PluginData for Sqlite {
    async fn get(
        &self,
        namespace: &Namespace,
        scope: Scope,
        key: &Key,
    ) -> Result<Option<Value>, StorageError> {
        let read = read::value(&self.plugin_readers, namespace, scope, key);
        let address = Address::new(namespace, scope, key);
        self.cache.value(address, read).await
    }

    async fn get_many(
        &self,
        namespace: &Namespace,
        scope: Scope,
        keys: &[Key],
    ) -> Result<Vec<Option<Value>>, StorageError> {
        let readers = &self.plugin_readers;
        let read = async |keys: Vec<Key>| read::values(readers, namespace, scope, &keys).await;
        self.cache.values(namespace, scope, keys, read).await
    }

    async fn list(
        &self,
        namespace: &Namespace,
        scope: Scope,
        list: &List,
    ) -> Result<Page<Listed>, StorageError> {
        pages::list(&self.plugin_readers, namespace, scope, list).await
    }

    async fn range(
        &self,
        namespace: &Namespace,
        scope: Scope,
        log: &Key,
        range: LogRange,
    ) -> Result<Page<LogEntry>, StorageError> {
        pages::range(&self.plugin_readers, namespace, scope, log, range).await
    }

    async fn commit(&self, batch: Batch) -> Result<Vec<u64>, CommitError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let done = self.writer.call(Work::from(batch)).await?;
        Ok(done.appended)
    }

    async fn compare_and_set(&self, swap: Swap) -> Result<bool, CommitError> {
        let done = self.writer.call(Work::from(swap)).await?;
        Ok(done.applied)
    }

    async fn usage(&self, namespace: &Namespace) -> Result<Usage, StorageError> {
        read::usage(&self.plugin_readers, namespace).await
    }

    async fn purge(&self, namespace: &Namespace) -> Result<(), StorageError> {
        self.writer.write(Purge(namespace.clone())).await
    }
}

/// How long a caller waits for a namespace to be gone, which may be large.
const PURGING: Duration = Duration::from_mins(1);

struct Purge(Namespace);

/// By account, since that is how the data lie: to look for a namespace alone would read everything.
const PURGE: [&str; 3] = [
    "DELETE FROM plugin_value WHERE namespace = (SELECT id FROM plugin_namespace WHERE name = ?)
         AND account IN (SELECT 0 UNION ALL SELECT id FROM account)",
    "DELETE FROM plugin_log WHERE namespace = (SELECT id FROM plugin_namespace WHERE name = ?)
         AND account IN (SELECT 0 UNION ALL SELECT id FROM account)",
    "DELETE FROM plugin_namespace WHERE name = ?",
];

impl Statement<SqliteConnection> for Purge {
    type Output = ();

    async fn run(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        for statement in PURGE {
            let query = sqlx::query(statement).bind(self.0.shared());
            query.execute(&mut *connection).await?;
        }
        Ok(())
    }

    fn clears(&self) -> Option<Cleared> {
        Some(Cleared::Namespace(self.0.clone()))
    }

    fn patience(&self) -> Duration {
        PURGING
    }
}
