//! Instances that calls use one after the other: those of the placements `shared`, `keyed` and `single`.
//!
//! No thread owns such an instance. The call that holds the lock runs on the thread of its stanza, so that nothing is
//! handed to another thread and back; without contention that costs one lock.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use crate::fault::Fault;
use crate::instance::store::PooledInstance;
use crate::model::interfaces::Level;

/// Calls that may wait for one instance.
const MAX_WAITING: usize = 64;

/// Groups of keys of the placement `keyed`.
const GROUPS: u64 = 32;

/// Which instance of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct InstanceKey {
    pub(crate) scope: usize,
    pub(crate) level: Level,
    pub(crate) group: u64,
}

/// The instances that all threads share, by the version that they are of.
#[derive(Default)]
pub(crate) struct SharedInstances(Mutex<HashMap<u64, OfVersion>>);

type OfVersion = HashMap<InstanceKey, Arc<SharedInstance>>;

/// One instance, if it was made already, and the number of calls that wait for it.
#[derive(Default)]
pub(crate) struct SharedInstance {
    waiting: AtomicUsize,
    instance: Arc<tokio::sync::Mutex<Option<PooledInstance>>>,
}

/// The right to use an instance, until it is dropped. Dropped while the instance is taken out, it leaves none: the next
/// call makes another.
pub(crate) struct InstanceLock(OwnedMutexGuard<Option<PooledInstance>>);

impl SharedInstances {
    /// The instance of that version and key.
    pub(crate) fn get(&self, version: u64, key: InstanceKey) -> Arc<SharedInstance> {
        let mut versions = self.0.lock();
        Arc::clone(versions.entry(version).or_default().entry(key).or_default())
    }

    /// All of a version that were ever used.
    pub(crate) fn all(&self, version: u64) -> Vec<(InstanceKey, Arc<SharedInstance>)> {
        let versions = self.0.lock();
        let all = versions.get(&version).into_iter().flatten();
        all.map(|(key, instance)| (*key, Arc::clone(instance)))
            .collect()
    }

    /// Lets go of all instances of a version that no call uses.
    pub(crate) fn clear(&self, version: u64) {
        self.0.lock().remove(&version);
    }
}

impl SharedInstance {
    /// Waits for the lock, in order. A fault if too many calls wait already.
    pub(crate) async fn lock(&self) -> Result<InstanceLock, Fault> {
        let waits = Waits::begin(&self.waiting).ok_or(Fault::Busy)?;
        let guard = Arc::clone(&self.instance).lock_owned().await;
        drop(waits);
        Ok(InstanceLock(guard))
    }
}

impl InstanceLock {
    /// Takes the instance out, if there is one.
    pub(crate) fn take(&mut self) -> Option<PooledInstance> {
        self.0.take()
    }

    /// Leaves an instance for the next call.
    pub(crate) fn put(&mut self, instance: PooledInstance) {
        *self.0 = Some(instance);
    }
}

/// The group of a key: the same for all versions in this process, and not predictable from outside.
pub(crate) fn group(key: &str) -> u64 {
    static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    HASHER.hash_one(key).checked_rem(GROUPS).unwrap_or(0)
}

/// A call that waits; counted until dropped.
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
        let slot = Arc::new(SharedInstance::default());
        let first = slot.lock().await.ok().unwrap();
        let waiting: Vec<_> = (0..MAX_WAITING)
            .map(|_| {
                let slot = Arc::clone(&slot);
                tokio::spawn(async move { slot.lock().await.map(drop) })
            })
            .collect();
        while slot.waiting.load(Ordering::Relaxed) < MAX_WAITING {
            tokio::task::yield_now().await;
        }
        assert_eq!(slot.lock().await.err(), Some(Fault::Busy));
        drop(first);
        for one in waiting {
            assert_eq!(one.await.unwrap(), Ok(()));
        }
        assert!(slot.lock().await.is_ok());
    }
}
