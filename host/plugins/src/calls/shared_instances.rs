//! Instances that calls wait for, one after the other: those of the placements `shared`, `keyed` and `single`.
//!
//! No thread owns such an instance. Whoever has the turn runs the call where its stanza is, so that nothing is handed to
//! another thread and back; a turn that is free costs a lock that nobody else holds.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use crate::exports::Level;
use crate::fault::Fault;
use crate::instance::Idle;

/// Calls that may wait for one instance.
const MAX_WAITING: usize = 64;

/// Groups of keys of the placement `keyed`.
const GROUPS: u64 = 32;

/// Which instance of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SlotKey {
    pub(crate) scope: usize,
    pub(crate) level: Level,
    pub(crate) group: u64,
}

/// The instances of a version that all threads share.
#[derive(Default)]
pub(crate) struct Slots(Mutex<HashMap<SlotKey, Arc<Slot>>>);

/// One instance, if it was made already, and who waits for it.
#[derive(Default)]
pub(crate) struct Slot {
    waiting: AtomicUsize,
    instance: Arc<tokio::sync::Mutex<Option<Idle>>>,
}

/// The right to use an instance, until it is dropped. A turn that ends while its instance is out leaves none: the next
/// makes another.
pub(crate) struct Turn(OwnedMutexGuard<Option<Idle>>);

impl Slots {
    /// The slot of that key.
    pub(crate) fn slot(&self, key: SlotKey) -> Arc<Slot> {
        Arc::clone(self.0.lock().entry(key).or_default())
    }

    /// All slots that were ever used.
    pub(crate) fn all(&self) -> Vec<(SlotKey, Arc<Slot>)> {
        let slots = self.0.lock();
        let all = slots.iter().map(|(key, slot)| (*key, Arc::clone(slot)));
        all.collect()
    }

    /// Lets go of all instances that no call has.
    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }
}

impl Slot {
    /// Waits for the turn, in order; too many that wait already are a fault.
    pub(crate) async fn turn(&self) -> Result<Turn, Fault> {
        let waits = Waits::begin(&self.waiting).ok_or(Fault::Busy)?;
        let guard = Arc::clone(&self.instance).lock_owned().await;
        drop(waits);
        Ok(Turn(guard))
    }
}

impl Turn {
    /// Takes the instance out, if there is one.
    pub(crate) fn take(&mut self) -> Option<Idle> {
        self.0.take()
    }

    /// Leaves an instance for the next.
    pub(crate) fn put(&mut self, instance: Idle) {
        *self.0 = Some(instance);
    }
}

/// The group of a key: the same for all versions in this process, and not to be foreseen from outside.
pub(crate) fn group(key: &str) -> u64 {
    static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    HASHER.hash_one(key).checked_rem(GROUPS).unwrap_or(0)
}

/// One that waits; counted until dropped.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Option<Self> {
        let waits = Self(waiting);
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        (before < MAX_WAITING).then_some(waits)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_group_and_keys_are_spread() {
        assert_eq!(group("a@x"), group("a@x"));
        let groups: std::collections::HashSet<u64> =
            (0..1_000).map(|n| group(&n.to_string())).collect();
        assert_eq!(groups.len(), 32);
    }

    #[tokio::test]
    async fn turns_are_taken_one_at_a_time_and_only_so_many_wait() {
        let slot = Arc::new(Slot::default());
        let first = slot.turn().await.ok().unwrap();
        let waiting: Vec<_> = (0..MAX_WAITING)
            .map(|_| {
                let slot = Arc::clone(&slot);
                tokio::spawn(async move { slot.turn().await.map(drop) })
            })
            .collect();
        while slot.waiting.load(Ordering::Relaxed) < MAX_WAITING {
            tokio::task::yield_now().await;
        }
        assert_eq!(slot.turn().await.err(), Some(Fault::Busy));
        drop(first);
        for one in waiting {
            assert_eq!(one.await.unwrap(), Ok(()));
        }
        assert!(slot.turn().await.is_ok());
    }
}
