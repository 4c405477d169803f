//! Decides on calls: all that a call wrote happens or nothing does. Nothing here waits: the facts are known.

use std::collections::HashMap;

use super::{Address, Append, Counters, Done, Effects, Facts, Row, Rows, Work};
use crate::{AccountId, Batch, CommitError, Measure, Quota, Scope, Value, data::Change};

/// Calls that share statements.
pub(crate) struct Run<'a> {
    facts: Facts,
    effects: &'a mut Effects,
    /// Keys as the calls admitted so far leave them.
    values: HashMap<Row, Option<Value>>,
    appends: Vec<Append>,
    trims: Vec<(Row, i64)>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(facts: Facts, effects: &'a mut Effects) -> Self {
        Self {
            facts,
            effects,
            values: HashMap::new(),
            appends: Vec::new(),
            trims: Vec::new(),
        }
    }

    /// Takes a call in, or nothing of it.
    pub(crate) fn admit(
        &mut self,
        work: &Work,
        counters: &mut Counters,
    ) -> Result<Done, CommitError> {
        self.check_accounts(work)?;
        if !self.is_as_expected(work, counters.id) {
            return Ok(Done::default());
        }
        let last = last_writes(work, counters.id);
        let after = self.usage_after(work, &last, counters);
        check_quota(counters, &after, work.batch.quota)?;
        *counters = after;
        self.write_keys(&work.batch, last);
        Ok(Done {
            applied: true,
            appended: self.write_logs(&work.batch, counters),
        })
    }

    fn check_accounts(&self, work: &Work) -> Result<(), CommitError> {
        for change in &work.batch.changes {
            let scope = change.place().scope;
            if let Scope::Account(AccountId(id)) = scope
                && !self.facts.accounts.contains(&scope.column())
            {
                return Err(CommitError::NoSuchAccount(AccountId(id)));
            }
        }
        Ok(())
    }

    fn is_as_expected(&self, work: &Work, namespace: i64) -> bool {
        work.expected.as_ref().is_none_or(|(place, expected)| {
            let row = Row::new(place, namespace);
            let written = self.values.get(&row).map(Option::as_ref);
            written.unwrap_or_else(|| self.facts.values.get(&row)) == expected.as_ref()
        })
    }

    /// The octets of a key's value; `None` if the key is not there.
    fn size(&self, row: &Row) -> Option<i64> {
        if let Some(written) = self.values.get(row) {
            return written.as_ref().map(|value| octets(value.len()));
        }
        let size = self.facts.sizes.get(row).copied();
        size.or_else(|| self.facts.values.get(row).map(|value| octets(value.len())))
    }

    fn usage_after(&self, work: &Work, last: &LastWrites<'_>, before: &Counters) -> Counters {
        let mut after = before.clone();
        for (row, value) in last {
            if let Some(size) = self.size(row) {
                after.count_key(-1, row, size);
            }
            if let Some(value) = value {
                after.count_key(1, row, octets(value.len()));
            }
        }
        for change in &work.batch.changes {
            if let Change::Append(log, value) = change {
                let bytes = log.name.as_str().len().saturating_add(value.len());
                after.count_entries(1, octets(bytes));
            }
        }
        if work.trims() {
            for trimmed in self.facts.trims.values() {
                after.count_entries(
                    0_i64.saturating_sub(trimmed.entries),
                    0_i64.saturating_sub(trimmed.bytes),
                );
            }
        }
        after
    }

    fn write_keys(&mut self, batch: &Batch, last: LastWrites<'_>) {
        for (row, value) in last {
            let address = Address {
                namespace: batch.namespace.clone(),
                account: row.account,
                key: row.name.clone(),
            };
            self.effects.written.insert(address, value.cloned());
            self.values.insert(row, value.cloned());
        }
    }

    fn write_logs(&mut self, batch: &Batch, counters: &mut Counters) -> Vec<u64> {
        let mut sequences = Vec::new();
        for change in &batch.changes {
            match change {
                Change::Append(log, value) => {
                    counters.last_sequence = counters.last_sequence.saturating_add(1);
                    sequences.push(counters.last_sequence.unsigned_abs());
                    self.appends.push(Append {
                        log: Row::new(log, counters.id),
                        sequence: counters.last_sequence,
                        value: value.clone(),
                    });
                }
                Change::Trim(log, _) => {
                    let log = Row::new(log, counters.id);
                    let before = self.facts.trims.get(&log).map(|trimmed| trimmed.before);
                    self.trims.extend(before.map(|before| (log, before)));
                }
                Change::Put(..) | Change::Delete(..) => {}
            }
        }
        sequences
    }

    /// What is left to write to the database.
    pub(crate) fn into_rows(self) -> Rows {
        Rows::new(self.values, self.appends, self.trims)
    }
}

/// The keys of a call as it leaves them: the last write wins.
type LastWrites<'a> = HashMap<Row, Option<&'a Value>>;

fn last_writes(work: &Work, namespace: i64) -> LastWrites<'_> {
    let writes = work.batch.changes.iter().filter_map(|change| match change {
        Change::Put(place, value) => Some((Row::new(place, namespace), Some(value))),
        Change::Delete(place) => Some((Row::new(place, namespace), None)),
        Change::Append(..) | Change::Trim(..) => None,
    });
    writes.collect()
}

/// What grows must stay within its limit. What shrinks may: the limit can have been lowered since.
fn check_quota(before: &Counters, after: &Counters, quota: Quota) -> Result<(), CommitError> {
    for (measure, before, after, limit) in [
        (Measure::Bytes, before.bytes, after.bytes, quota.bytes),
        (Measure::Keys, before.keys, after.keys, quota.keys),
        (
            Measure::Entries,
            before.entries,
            after.entries,
            quota.entries,
        ),
    ] {
        if after > before && u64::try_from(after).is_ok_and(|after| after > limit) {
            return Err(CommitError::Quota { measure, limit });
        }
    }
    Ok(())
}

fn octets(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
