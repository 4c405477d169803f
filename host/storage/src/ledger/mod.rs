//! Plugins' data apart from the SQL, the same for every engine.
//!
//! [`Ledger`] keeps what each namespace has used, and what the transaction under way changes: it is the writer's alone. For
//! the calls that stand together it has the engine gather [`Facts`], has [`admit`] decide on each, and leaves what they
//! write to the engine as [`Rows`]. Readers share a [`Cache`].

mod admit;
mod cache;
mod facts;
mod generations;
mod pages;
mod reading;
mod rows;
#[cfg(test)]
mod tests;
mod work;

use std::{collections::HashMap, future::Future, mem};

use sqlx::FromRow;

use crate::{CommitError, Namespace, Value};

use admit::Run;
pub(crate) use cache::{Address, Cache, Cleared};
pub(crate) use facts::{Facts, Trimmed, Wanted};
pub(crate) use pages::{Filling, end, first};
pub(crate) use rows::{Append, Row, Rows};
pub(crate) use work::{Done, Work};

/// The SQL about plugins' data, within the writer's transaction.
pub(crate) trait DataSql: Send {
    /// The counters of a namespace, which is made if it is not there.
    fn counters(
        &mut self,
        namespace: &Namespace,
    ) -> impl Future<Output = Result<Counters, sqlx::Error>> + Send;

    /// What there is of what is asked.
    fn facts(&mut self, wanted: Wanted) -> impl Future<Output = Result<Facts, sqlx::Error>> + Send;

    /// Writes rows: trims first, since they spare what is appended with them.
    fn write(&mut self, rows: Rows) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Writes counters down.
    fn set_counters(
        &mut self,
        counters: &[&Counters],
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

/// A row of `plugin_namespace`.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Counters {
    pub(crate) id: i64,
    pub(crate) last_sequence: i64,
    pub(crate) bytes: i64,
    pub(crate) keys: i64,
    pub(crate) entries: i64,
}

impl Counters {
    /// Counts a key with a value of that size in (1) or out (-1).
    pub(crate) fn count_key(&mut self, times: i64, row: &Row, size: i64) {
        let name = i64::try_from(row.name.as_str().len()).unwrap_or(i64::MAX);
        let bytes = size.saturating_add(name).saturating_mul(times);
        self.bytes = self.bytes.saturating_add(bytes);
        self.keys = self.keys.saturating_add(times);
    }

    /// Counts log entries in, or out where negative.
    pub(crate) fn count_entries(&mut self, entries: i64, bytes: i64) {
        self.entries = self.entries.saturating_add(entries);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// What the cache has to learn of a transaction: first what was cleared, then what was written.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) written: HashMap<Address, Option<Value>>,
    pub(crate) cleared: Vec<Cleared>,
}

#[derive(Default)]
pub(crate) struct Ledger {
    /// As committed, of the namespaces written to so far.
    committed: HashMap<Namespace, Counters>,
    /// As the transaction leaves them, of those that it opened.
    open: HashMap<Namespace, Counters>,
    effects: Effects,
}

impl Ledger {
    /// Decides on `works`, in their order, and writes those that are admitted.
    pub(crate) async fn run(
        &mut self,
        connection: &mut impl DataSql,
        works: &[&Work],
    ) -> Result<Vec<Result<Done, CommitError>>, sqlx::Error> {
        for work in works {
            self.open(connection, &work.batch.namespace).await?;
        }
        let facts = connection.facts(self.wanted(works)).await?;
        let mut run = Run::new(facts, &mut self.effects);
        let mut outcomes = Vec::with_capacity(works.len());
        for work in works {
            // Opened above.
            if let Some(counters) = self.open.get_mut(&work.batch.namespace) {
                outcomes.push(run.admit(work, counters));
            }
        }
        connection.write(run.into_rows()).await?;
        Ok(outcomes)
    }

    async fn open(
        &mut self,
        connection: &mut impl DataSql,
        namespace: &Namespace,
    ) -> Result<(), sqlx::Error> {
        if self.open.contains_key(namespace) {
            return Ok(());
        }
        let counters = match self.committed.get(namespace) {
            Some(counters) => counters.clone(),
            None => connection.counters(namespace).await?,
        };
        self.open.insert(namespace.clone(), counters);
        Ok(())
    }

    /// What has to be known to decide on `works`.
    fn wanted(&self, works: &[&Work]) -> Wanted {
        let mut wanted = Wanted::default();
        for work in works {
            if let Some(counters) = self.open.get(&work.batch.namespace) {
                wanted.add(work, counters.id);
            }
        }
        wanted
    }

    /// Writes the counters down, as has to be done before a commit and before a statement that changes them.
    pub(crate) async fn persist(
        &mut self,
        connection: &mut impl DataSql,
    ) -> Result<(), sqlx::Error> {
        let counters: Vec<_> = self.open.values().collect();
        if counters.is_empty() {
            return Ok(());
        }
        connection.set_counters(&counters).await
    }

    /// A statement has removed data, and changed the counters in the database.
    pub(crate) fn clear(&mut self, cleared: Cleared) {
        self.open.clear();
        self.committed.clear();
        let effects = &mut self.effects;
        effects
            .written
            .retain(|address, _| !cleared.covers(address));
        effects.cleared.push(cleared);
    }

    /// The database may have been changed by others, before the transaction that is now beginning.
    pub(crate) fn forget(&mut self) {
        self.committed.clear();
    }

    /// What the transaction has done so far.
    pub(crate) fn effects(&self) -> &Effects {
        &self.effects
    }

    /// The transaction has ended; all it did is kept or none. Returns what it did or would have done.
    pub(crate) fn finish(&mut self, committed: bool) -> Effects {
        if committed {
            self.committed.extend(self.open.drain());
        }
        self.open.clear();
        mem::take(&mut self.effects)
    }
}
