//! The tables of the import `memory`: one for each plugin, in the host, shared by its instances and surviving them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The longest key, in bytes.
pub(crate) const MAX_KEY: usize = 512;
const MAX_KEYS: usize = 100_000;
const MAX_BYTES: usize = 16 << 20;

/// What an entry costs beside its key and value.
const OVERHEAD: usize = 64;

/// Entries looked at for expiry at each change: more than one, so that expired ones go faster than new ones come.
const SWEEP: usize = 4;

/// A plugin's table.
#[derive(Debug, Default)]
pub(crate) struct Table(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<String, Entry>,
    bytes: usize,
    /// Keys with an expiry, in the order in which they are looked at.
    sweep: std::collections::VecDeque<String>,
}

#[derive(Debug)]
struct Entry {
    value: Value,
    expires: Option<Instant>,
}

/// A value, or the counter that `add` makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Bytes(Vec<u8>),
    Counter(i64),
}

/// A change that a call made, applied when it has returned.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Put(Vec<u8>, Option<Duration>),
    Delete,
}

/// Why a counter cannot be added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddError {
    Full,
    NotACounter,
}

impl Table {
    /// The value at a key, as bytes; a counter as its decimal digits.
    pub(crate) fn get(&self, key: &str, now: Instant) -> Option<Vec<u8>> {
        let inner = self.0.lock();
        match &inner
            .entries
            .get(key)
            .filter(|entry| entry.lives(now))?
            .value
        {
            Value::Bytes(bytes) => Some(bytes.clone()),
            Value::Counter(sum) => Some(sum.to_string().into_bytes()),
        }
    }

    /// Bytes that its entries take, with what keeping them costs.
    pub(crate) fn bytes(&self) -> u64 {
        u64::try_from(self.0.lock().bytes).unwrap_or(u64::MAX)
    }

    /// Whether there is room for so many more keys and bytes.
    pub(crate) fn has_room(&self, keys: usize, bytes: usize) -> bool {
        self.0.lock().has_room(keys, bytes)
    }

    /// Adds to a counter and gives the sum.
    pub(crate) fn add(
        &self,
        key: &str,
        delta: i64,
        expiry: Option<Duration>,
        now: Instant,
    ) -> Result<i64, AddError> {
        let mut inner = self.0.lock();
        inner.sweep(now);
        if let Some(entry) = inner.entries.get_mut(key).filter(|entry| entry.lives(now)) {
            let Value::Counter(sum) = &mut entry.value else {
                return Err(AddError::NotACounter);
            };
            *sum = sum.saturating_add(delta);
            return Ok(*sum);
        }
        if !inner.has_room(1, key.len()) {
            return Err(AddError::Full);
        }
        inner.insert(
            key.to_owned(),
            Value::Counter(delta),
            expiry.and_then(|after| now.checked_add(after)),
        );
        Ok(delta)
    }

    /// Takes back what [`Table::add`] did, unless the counter is gone.
    pub(crate) fn take_back(&self, key: &str, delta: i64) {
        if let Some(Entry {
            value: Value::Counter(sum),
            ..
        }) = self.0.lock().entries.get_mut(key)
        {
            *sum = sum.saturating_sub(delta);
        }
    }

    /// Applies the changes of a call that has returned, all under one lock.
    pub(crate) fn apply(&self, changes: HashMap<String, Change>, now: Instant) {
        if changes.is_empty() {
            return;
        }
        let mut inner = self.0.lock();
        inner.sweep(now);
        for (key, change) in changes {
            match change {
                Change::Put(value, expiry) => {
                    let expires = expiry.and_then(|after| now.checked_add(after));
                    inner.insert(key, Value::Bytes(value), expires);
                }
                Change::Delete => inner.remove(&key),
            }
        }
    }
}

impl Inner {
    fn has_room(&self, keys: usize, bytes: usize) -> bool {
        let overhead = keys.saturating_mul(OVERHEAD);
        self.entries.len().saturating_add(keys) <= MAX_KEYS
            && self.bytes.saturating_add(bytes).saturating_add(overhead) <= MAX_BYTES
    }

    fn insert(&mut self, key: String, value: Value, expires: Option<Instant>) {
        self.remove(&key);
        self.bytes = self.bytes.saturating_add(cost(&key, &value));
        if expires.is_some() {
            self.sweep.push_back(key.clone());
        }
        self.entries.insert(key, Entry { value, expires });
    }

    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes = self.bytes.saturating_sub(cost(key, &entry.value));
        }
    }

    /// Looks at a few keys that may have expired. A key whose entry was replaced is looked at once more than needed.
    fn sweep(&mut self, now: Instant) {
        for _ in 0..SWEEP {
            let Some(key) = self.sweep.pop_front() else {
                return;
            };
            match self.entries.get(&key) {
                Some(entry) if !entry.lives(now) => self.remove(&key),
                Some(entry)
                    if entry.expires.is_some() && self.sweep.len() <= self.entries.len() =>
                {
                    self.sweep.push_back(key);
                }
                _ => {}
            }
        }
    }
}

impl Entry {
    fn lives(&self, now: Instant) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }
}

fn cost(key: &str, value: &Value) -> usize {
    let value = match value {
        Value::Bytes(bytes) => bytes.len(),
        Value::Counter(_) => size_of::<i64>(),
    };
    key.len().saturating_add(value).saturating_add(OVERHEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn a_counter_expires_from_its_first_use() {
        let (table, start) = (Table::default(), Instant::now());
        assert_eq!(table.add("k", 1, Some(MINUTE), start), Ok(1));
        assert_eq!(table.add("k", 2, Some(MINUTE), start + MINUTE / 2), Ok(3));
        assert_eq!(table.get("k", start + MINUTE / 2), Some(b"3".to_vec()));
        assert_eq!(table.get("k", start + MINUTE), None);
        assert_eq!(table.add("k", 1, Some(MINUTE), start + MINUTE), Ok(1));
    }

    #[test]
    fn expired_keys_make_room() {
        let (table, start) = (Table::default(), Instant::now());
        for key in 0..MAX_KEYS {
            table.add(&key.to_string(), 1, Some(MINUTE), start).unwrap();
        }
        assert_eq!(table.add("one more", 1, None, start), Err(AddError::Full));
        for _ in 0..MAX_KEYS / SWEEP {
            let _ = table.add("0", 1, Some(MINUTE), start + MINUTE);
        }
        assert_eq!(table.add("one more", 1, None, start + MINUTE), Ok(1));
        assert!(table.0.lock().entries.len() < 8);
        assert!(table.0.lock().bytes < 1_000);
    }

    #[test]
    fn a_value_is_not_a_counter_and_a_change_replaces_it() {
        let (table, now) = (Table::default(), Instant::now());
        table.apply(
            HashMap::from([("k".to_owned(), Change::Put(vec![1], None))]),
            now,
        );
        assert_eq!(table.add("k", 1, None, now), Err(AddError::NotACounter));
        table.apply(HashMap::from([("k".to_owned(), Change::Delete)]), now);
        assert_eq!(table.get("k", now), None);
        assert_eq!(table.0.lock().bytes, 0);
    }

    #[test]
    fn taking_back_leaves_other_additions() {
        let (table, now) = (Table::default(), Instant::now());
        table.add("k", 5, None, now).unwrap();
        table.add("k", 1, None, now).unwrap();
        table.take_back("k", 5);
        assert_eq!(table.add("k", 0, None, now), Ok(1));
    }
}
