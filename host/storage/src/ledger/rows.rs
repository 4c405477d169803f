//! Rows of plugins' data: where they are, and which of them a run of calls leaves to write.

use std::collections::HashMap;

use crate::{Key, Value, data::Place};

/// Where a value or a log is. Ordered as the database's index is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Row {
    pub(crate) account: i64,
    pub(crate) namespace: i64,
    pub(crate) name: Key,
}

impl Row {
    pub(crate) fn new(place: &Place, namespace: i64) -> Self {
        Self {
            account: place.scope.column(),
            namespace,
            name: place.name.clone(),
        }
    }
}

/// A log entry to write.
pub(crate) struct Append {
    pub(crate) log: Row,
    pub(crate) sequence: i64,
    pub(crate) value: Value,
}

/// What a run of calls leaves to write. Trims come before appends: they spare them.
pub(crate) struct Rows {
    /// Each row once, neighbours in the index one after the other.
    pub(crate) puts: Vec<(Row, Value)>,
    pub(crate) deletes: Vec<Row>,
    pub(crate) appends: Vec<Append>,
    /// Logs, and the sequence numbers before which they go.
    pub(crate) trims: Vec<(Row, i64)>,
}

impl Rows {
    pub(super) fn new(
        values: HashMap<Row, Option<Value>>,
        appends: Vec<Append>,
        trims: Vec<(Row, i64)>,
    ) -> Self {
        let mut puts = Vec::new();
        let mut deletes = Vec::new();
        for (row, value) in values {
            match value {
                Some(value) => puts.push((row, value)),
                None => deletes.push(row),
            }
        }
        puts.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Self {
            puts,
            deletes,
            appends,
            trims,
        }
    }
}
