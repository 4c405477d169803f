//! What a call hands to the writer, and what it gets back.

use crate::{
    Batch, Swap, Value,
    data::{Change, Place},
};

/// What a call wants done.
pub(crate) struct Work {
    pub(crate) batch: Batch,
    /// Nothing is done unless the key holds this value, or is not there.
    pub(crate) expected: Option<(Place, Option<Value>)>,
}

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// False: something else was expected.
    pub(crate) applied: bool,
    /// Sequence numbers of appended entries.
    pub(crate) appended: Vec<u64>,
}

impl From<Batch> for Work {
    fn from(batch: Batch) -> Self {
        Self {
            batch,
            expected: None,
        }
    }
}

impl From<Swap> for Work {
    fn from(swap: Swap) -> Self {
        let place = Place::new(swap.scope, swap.key);
        let mut batch = Batch::new(swap.namespace, swap.quota);
        batch.changes.push(match swap.new {
            Some(value) => Change::Put(place.clone(), value),
            None => Change::Delete(place.clone()),
        });
        Self {
            batch,
            expected: Some((place, swap.expected)),
        }
    }
}

impl Work {
    pub(crate) fn trims(&self) -> bool {
        let changes = &self.batch.changes;
        changes
            .iter()
            .any(|change| matches!(change, Change::Trim(..)))
    }
}
