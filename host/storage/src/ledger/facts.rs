//! What the database says about the names that a run of calls writes to, asked for all of them at once.

use std::collections::{HashMap, HashSet};

use super::{Row, Work};
use crate::{
    Value,
    data::{Change, Place},
};

/// What trims of one log take with them.
pub(crate) struct Trimmed {
    pub(crate) before: i64,
    pub(crate) entries: i64,
    pub(crate) bytes: i64,
}

/// What the database says.
#[derive(Default)]
pub(crate) struct Facts {
    /// Those of the accounts written to that exist.
    pub(crate) accounts: HashSet<i64>,
    /// The octets of the values there are.
    pub(crate) sizes: HashMap<Row, i64>,
    /// The values there are, where one is expected.
    pub(crate) values: HashMap<Row, Value>,
    /// Logs to trim. Only the first call of a run has any.
    pub(crate) trims: HashMap<Row, Trimmed>,
}

/// What is asked about.
#[derive(Default)]
pub(crate) struct Wanted {
    /// 0 is the plugins' own, and no account.
    pub(crate) accounts: HashSet<i64>,
    pub(crate) sizes: HashSet<Row>,
    /// They need no size as well.
    pub(crate) values: HashSet<Row>,
    /// Logs, and before which numbers they are to be trimmed.
    pub(crate) trims: HashMap<Row, i64>,
}

impl Wanted {
    pub(super) fn add(&mut self, work: &Work, namespace: i64) {
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
}
