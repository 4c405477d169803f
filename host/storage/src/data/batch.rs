//! What one call of a plugin writes.

use super::{Invalid, Key, Namespace, Quota, Scope, Value};

/// The most changes in one batch.
pub const MAX_BATCH_CHANGES: usize = 10_000;
/// The most octets in one batch, of names and values.
pub const MAX_BATCH_BYTES: usize = 16 << 20;

/// Changes in one namespace that happen together or not at all, in the order in which they were added, but for trims:
/// these come first, and so spare the entries that the same batch appends.
#[derive(Debug, Clone)]
pub struct Batch {
    pub(crate) namespace: Namespace,
    pub(crate) quota: Quota,
    pub(crate) changes: Vec<Change>,
    bytes: usize,
}

impl Batch {
    /// Holds nothing yet. After it, `namespace` holds no more than `quota`, or no more than before.
    pub fn new(namespace: Namespace, quota: Quota) -> Self {
        Self {
            namespace,
            quota,
            changes: Vec::new(),
            bytes: 0,
        }
    }

    /// Sets a key. Fails with [`Invalid::BatchFull`], as do the others.
    pub fn put(&mut self, scope: Scope, key: Key, value: Value) -> Result<(), Invalid> {
        let size = key.as_str().len().saturating_add(value.len());
        self.push(size, Change::Put(Place::new(scope, key), value))
    }

    /// Removes a key. It need not be there.
    pub fn delete(&mut self, scope: Scope, key: Key) -> Result<(), Invalid> {
        let size = key.as_str().len();
        self.push(size, Change::Delete(Place::new(scope, key)))
    }

    /// Adds an entry to the end of a log, which need not be there. Its sequence number, 1 or more, is greater than that
    /// of any entry that the namespace has or had in any log; it is not always the next one.
    pub fn append(&mut self, scope: Scope, log: Key, value: Value) -> Result<(), Invalid> {
        let size = log.as_str().len().saturating_add(value.len());
        self.push(size, Change::Append(Place::new(scope, log), value))
    }

    /// Removes from a log the entries with sequence numbers below `before`.
    pub fn trim(&mut self, scope: Scope, log: Key, before: u64) -> Result<(), Invalid> {
        let size = log.as_str().len();
        self.push(size, Change::Trim(Place::new(scope, log), before))
    }

    /// The number of changes.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// True: committing it does nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Octets of names and values.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn push(&mut self, size: usize, change: Change) -> Result<(), Invalid> {
        let bytes = self.bytes.saturating_add(size);
        if self.changes.len() >= MAX_BATCH_CHANGES || bytes > MAX_BATCH_BYTES {
            return Err(Invalid::BatchFull);
        }
        self.bytes = bytes;
        self.changes.push(change);
        Ok(())
    }
}

/// A compare-and-set of one key.
#[derive(Debug, Clone)]
pub struct Swap {
    /// Whose key it is.
    pub namespace: Namespace,
    /// As in [`Batch::new`].
    pub quota: Quota,
    /// Whom it is about.
    pub scope: Scope,
    /// Its name.
    pub key: Key,
    /// What it must hold; `None`: it must not be there.
    pub expected: Option<Value>,
    /// What it then holds; `None`: it is removed.
    pub new: Option<Value>,
}

/// A key or log within a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) scope: Scope,
    pub(crate) name: Key,
}

impl Place {
    pub(crate) fn new(scope: Scope, name: Key) -> Self {
        Self { scope, name }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Change {
    Put(Place, Value),
    Delete(Place),
    Append(Place, Value),
    Trim(Place, u64),
}

impl Change {
    pub(crate) fn place(&self) -> &Place {
        match self {
            Self::Put(place, _)
            | Self::Delete(place)
            | Self::Append(place, _)
            | Self::Trim(place, _) => place,
        }
    }
}
