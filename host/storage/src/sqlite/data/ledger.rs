//! What each namespace has used, and what the transaction under way changes. All of it is the writer's alone.

use std::{collections::HashMap, mem};

use sqlx::{FromRow, SqliteConnection};

use super::{
    admit::Run,
    cache::{Address, Cleared},
    facts::Facts,
    rows::{self, Row},
    work::{Done, Work},
};
use crate::{CommitError, Namespace, Value};

/// A row of `plugin_namespace`.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Counters {
    pub(super) id: i64,
    pub(super) last_sequence: i64,
    pub(super) bytes: i64,
    pub(super) keys: i64,
    pub(super) entries: i64,
}

impl Counters {
    /// Counts a key with a value of that size in (1) or out (-1).
    pub(super) fn count_key(&mut self, times: i64, row: &Row, size: i64) {
        let name = i64::try_from(row.name.as_str().len()).unwrap_or(i64::MAX);
        let bytes = size.saturating_add(name).saturating_mul(times);
        self.bytes = self.bytes.saturating_add(bytes);
        self.keys = self.keys.saturating_add(times);
    }

    /// Counts log entries in, or out where negative.
    pub(super) fn count_entries(&mut self, entries: i64, bytes: i64) {
        self.entries = self.entries.saturating_add(entries);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// What the cache has to learn of a transaction: first what was cleared, then what was written.
#[derive(Default)]
pub(in crate::sqlite) struct Effects {
    pub(super) written: HashMap<Address, Option<Value>>,
    pub(super) cleared: Vec<Cleared>,
}

#[derive(Default)]
pub(in crate::sqlite) struct Ledger {
    /// As committed, of the namespaces written to so far.
    committed: HashMap<Namespace, Counters>,
    /// As the transaction leaves them, of those that it opened.
    open: HashMap<Namespace, Counters>,
    effects: Effects,
}

impl Ledger {
    /// Decides on `works`, in their order, and writes those that are admitted.
    pub(in crate::sqlite) async fn run(
        &mut self,
        connection: &mut SqliteConnection,
        works: &[&Work],
    ) -> Result<Vec<Result<Done, CommitError>>, sqlx::Error> {
        for work in works {
            self.open(connection, &work.batch.namespace).await?;
        }
        let facts = Facts::gather(connection, works, &self.open).await?;
        let mut run = Run::new(facts, &mut self.effects);
        let mut outcomes = Vec::with_capacity(works.len());
        for work in works {
            // Opened above.
            if let Some(counters) = self.open.get_mut(&work.batch.namespace) {
                outcomes.push(run.admit(work, counters));
            }
        }
        run.into_rows().write(connection).await?;
        Ok(outcomes)
    }

    async fn open(
        &mut self,
        connection: &mut SqliteConnection,
        namespace: &Namespace,
    ) -> Result<(), sqlx::Error> {
        if self.open.contains_key(namespace) {
            return Ok(());
        }
        let counters = match self.committed.get(namespace) {
            Some(counters) => counters.clone(),
            None => load(connection, namespace).await?,
        };
        self.open.insert(namespace.clone(), counters);
        Ok(())
    }

    /// Writes the counters down, as has to be done before a commit and before a statement that changes them.
    pub(in crate::sqlite) async fn persist(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<(), sqlx::Error> {
        let counters: Vec<_> = self.open.values().collect();
        rows::set_counters(connection, &counters).await
    }

    /// A statement has removed data, and changed the counters in the database.
    pub(in crate::sqlite) fn clear(&mut self, cleared: Cleared) {
        self.open.clear();
        self.committed.clear();
        let effects = &mut self.effects;
        effects
            .written
            .retain(|address, _| !cleared.covers(address));
        effects.cleared.push(cleared);
    }

    /// What the transaction has done so far.
    pub(in crate::sqlite) fn effects(&self) -> &Effects {
        &self.effects
    }

    /// The transaction has ended; all it did is kept or none. Returns what it did or would have done.
    pub(in crate::sqlite) fn finish(&mut self, committed: bool) -> Effects {
        if committed {
            self.committed.extend(self.open.drain());
        }
        self.open.clear();
        mem::take(&mut self.effects)
    }
}

async fn load(
    connection: &mut SqliteConnection,
    namespace: &Namespace,
) -> Result<Counters, sqlx::Error> {
    let query = sqlx::query_as(
        "INSERT INTO plugin_namespace (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET name = name
         RETURNING id, last_sequence, bytes, keys, entries",
    );
    query.bind(namespace.shared()).fetch_one(connection).await
}
