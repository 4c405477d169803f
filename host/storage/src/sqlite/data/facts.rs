//! What the database says about the names that a run of calls writes to, asked for all of them at once.

use std::collections::{HashMap, HashSet};

use sqlx::SqliteConnection;

use super::{ledger::Counters, lookups, rows::Row, work::Work};
use crate::{
    Namespace, Value,
    data::{Change, Place},
};

/// What trims of one log take with them.
pub(super) struct Trimmed {
    pub(super) before: i64,
    pub(super) entries: i64,
    pub(super) bytes: i64,
}

#[derive(Default)]
pub(super) struct Facts {
    /// Those of the accounts written to that exist.
    pub(super) accounts: HashSet<i64>,
    /// The octets of the values there are.
    pub(super) sizes: HashMap<Row, i64>,
    /// The values there are, where one is expected.
    pub(super) values: HashMap<Row, Value>,
    /// Logs to trim. Only the first call of a run has any.
    pub(super) trims: HashMap<Row, Trimmed>,
}

impl Facts {
    pub(super) async fn gather(
        connection: &mut SqliteConnection,
        works: &[&Work],
        open: &HashMap<Namespace, Counters>,
    ) -> Result<Self, sqlx::Error> {
        let mut wanted = Wanted::default();
        for work in works {
            if let Some(counters) = open.get(&work.batch.namespace) {
                wanted.add(work, counters.id);
            }
        }
        wanted.look_up(connection).await
    }
}

#[derive(Default)]
struct Wanted {
    accounts: HashSet<i64>,
    sizes: HashSet<Row>,
    values: HashSet<Row>,
    trims: HashMap<Row, i64>,
}

impl Wanted {
    fn add(&mut self, work: &Work, namespace: i64) {
        let row = |place: &Place| Row::new(place, namespace);
        if let Some((place, _)) = &work.expected {
            self.values.insert(row(place));
        }
        for change in &work.batch.changes {
            self.accounts.insert(change.place().scope.column());
            match change {
                Change::Put(place, _) | Change::Delete(place) => {
                    self.sizes.insert(row(place));
                }
                Change::Trim(log, before) => {
                    let before = i64::try_from(*before).unwrap_or(i64::MAX);
                    let widest = self.trims.entry(row(log)).or_insert(before);
                    *widest = before.max(*widest);
                }
                Change::Append(..) => {}
            }
        }
    }

    async fn look_up(self, connection: &mut SqliteConnection) -> Result<Facts, sqlx::Error> {
        let mut facts = Facts::default();
        // 0 is the plugins' own, and no account.
        if self.accounts.iter().any(|account| *account != 0) {
            facts.accounts = lookups::accounts(connection, &self.accounts).await?;
        }
        if !self.values.is_empty() {
            let wanted: Vec<_> = self.values.iter().cloned().collect();
            facts.values = lookups::values(connection, &wanted).await?;
        }
        let wanted: Vec<_> = self.sizes.difference(&self.values).cloned().collect();
        facts.sizes = lookups::sizes(connection, wanted).await?;
        for (log, before) in self.trims {
            let trimmed = lookups::trimmed(connection, &log, before).await?;
            facts.trims.insert(log, trimmed);
        }
        Ok(facts)
    }
}
