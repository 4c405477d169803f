//! How many connections are open.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Counts connections against a limit.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    open: Arc<AtomicUsize>,
    limit: usize,
}

/// One open connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<AtomicUsize>);

impl Connections {
    /// None yet, and at most so many. Shards that accept at the same moment may pass the limit by one each.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            open: Arc::default(),
            limit,
        }
    }

    /// True if no more may be accepted just now.
    pub(crate) fn is_full(&self) -> bool {
        self.open.load(Ordering::Relaxed) >= self.limit
    }

    /// Counts one more.
    pub(crate) fn slot(&self) -> Slot {
        self.open.fetch_add(1, Ordering::Relaxed);
        Slot(Arc::clone(&self.open))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
