//! Plugins' data in SQLite.
//!
//! Reading: [`read`] goes through [`cache`], [`pages`] does not. Writing, within the writer's transaction: [`ledger`] keeps
//! what each namespace has used; for the calls that stand together it gathers [`facts`], has [`admit`] decide on each, and
//! leaves what they write to [`rows`].

mod admit;
mod cache;
mod facts;
mod generations;
mod ledger;
mod lookups;
mod pages;
mod read;
mod rows;
#[cfg(test)]
mod tests;
mod work;

use async_trait::async_trait;
use sqlx::SqliteConnection;

pub(super) use cache::{Cache, Cleared};
pub(super) use ledger::Ledger;
pub(super) use work::{Done, Work};

use super::{Sqlite, writer::Statement};
use crate::{
    Batch, CommitError, Key, List, Listed, LogEntry, LogRange, Namespace, Page, PluginData, Scope,
    StorageError, Swap, Usage, Value,
};

#[async_trait]
impl PluginData for Sqlite {
    async fn get(
        &self,
        namespace: &Namespace,
        scope: Scope,
        key: &Key,
    ) -> Result<Option<Value>, StorageError> {
        self.read_value(namespace, scope, key).await
    }

    async fn get_many(
        &self,
        namespace: &Namespace,
        scope: Scope,
        keys: &[Key],
    ) -> Result<Vec<Option<Value>>, StorageError> {
        self.read_values(namespace, scope, keys).await
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

struct Purge(Namespace);

/// By account, since that is how the data lie: to look for a namespace alone would read everything.
const PURGE: [&str; 3] = [
    "DELETE FROM plugin_value WHERE namespace = (SELECT id FROM plugin_namespace WHERE name = ?)
         AND account IN (SELECT 0 UNION ALL SELECT id FROM account)",
    "DELETE FROM plugin_log WHERE namespace = (SELECT id FROM plugin_namespace WHERE name = ?)
         AND account IN (SELECT 0 UNION ALL SELECT id FROM account)",
    "DELETE FROM plugin_namespace WHERE name = ?",
];

impl Statement for Purge {
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
}
