//! Plugins' data in PostgreSQL: [`read`] asks for single keys, which goes through the cache, and for pages, which does not;
//! [`write`](mod@write) is for the [ledger](crate::ledger).

mod read;
mod write;

use std::time::Duration;

use async_trait::async_trait;
use sqlx::PgConnection;

use super::Postgres;
use crate::{
    Batch, CommitError, Key, List, Listed, LogEntry, LogRange, Namespace, Page, PluginData, Scope,
    StorageError, Swap, Usage, Value,
    commit::Statement,
    ledger::{Address, Cleared, Work},
};

use read::{ReadKeys, ReadLog, ReadUsage, ReadValues};

#[async_trait]
impl PluginData for Postgres {
    async fn get(
        &self,
        namespace: &Namespace,
        scope: Scope,
        key: &Key,
    ) -> Result<Option<Value>, StorageError> {
        let read = async {
            let keys = vec![key.clone()];
            let read = ReadValues::new(namespace, scope, keys);
            let values = self.plugin_readers.read(read).await?;
            Ok(values.into_iter().next().flatten())
        };
        let address = Address::new(namespace, scope, key);
        self.cache.value(address, read).await
    }

    async fn get_many(
        &self,
        namespace: &Namespace,
        scope: Scope,
        keys: &[Key],
    ) -> Result<Vec<Option<Value>>, StorageError> {
        let read = |keys| {
            self.plugin_readers
                .read(ReadValues::new(namespace, scope, keys))
        };
        self.cache.values(namespace, scope, keys, read).await
    }

    async fn list(
        &self,
        namespace: &Namespace,
        scope: Scope,
        list: &List,
    ) -> Result<Page<Listed>, StorageError> {
        let read = ReadKeys::new(namespace, scope, list);
        self.plugin_readers.read(read).await
    }

    async fn range(
        &self,
        namespace: &Namespace,
        scope: Scope,
        log: &Key,
        range: LogRange,
    ) -> Result<Page<LogEntry>, StorageError> {
        let read = ReadLog::new(namespace, scope, log, range);
        self.plugin_readers.read(read).await
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
        self.plugin_readers.read(ReadUsage(namespace.clone())).await
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
    "DELETE FROM plugin_value USING (SELECT id FROM account UNION ALL SELECT 0) holder (id)
     WHERE namespace = (SELECT id FROM plugin_namespace WHERE name = $1) AND account = holder.id",
    "DELETE FROM plugin_log USING (SELECT id FROM account UNION ALL SELECT 0) holder (id)
     WHERE namespace = (SELECT id FROM plugin_namespace WHERE name = $1) AND account = holder.id",
    "DELETE FROM plugin_namespace WHERE name = $1",
];

impl Statement<PgConnection> for Purge {
    type Output = ();

    async fn run(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        for statement in PURGE {
            let query = sqlx::query(statement).bind(self.0.as_str());
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
