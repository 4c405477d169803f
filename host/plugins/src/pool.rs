//! A shard's instances: those that wait for the next call, and how many are at work.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::exports::Level;
use crate::instance::Instance;
use crate::registry::Registry;

/// Instances of one plugin, scope and level that a shard may have at work at a time.
const MAX_BUSY: usize = 64;

/// Instances of one plugin, scope and level that a shard keeps for the next calls.
const MAX_IDLE: usize = 8;

/// Whose instances: a version of a plugin, its scope, and what they are called for. A level has instances of its own, so
/// that a veto or a provider is never asked in a store that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PoolKey {
    pub(crate) plugin: u64,
    pub(crate) scope: usize,
    pub(crate) level: Level,
}

/// The instances of all plugins on one thread.
#[derive(Default)]
pub(crate) struct Pools(RefCell<HashMap<PoolKey, Pool>>);

#[derive(Default)]
struct Pool {
    #[expect(
        clippy::vec_box,
        reason = "an instance moves into a call and back: as a pointer"
    )]
    idle: Vec<Box<Instance>>,
    busy: usize,
}

impl Pools {
    /// Takes a place for a call; none if as many as may be are under way.
    pub(crate) fn take(&self, key: PoolKey) -> Option<Place<'_>> {
        let mut pools = self.0.borrow_mut();
        let pool = pools.entry(key).or_default();
        if pool.busy >= MAX_BUSY {
            return None;
        }
        pool.busy = pool.busy.saturating_add(1);
        Some(Place { pools: self, key })
    }

    /// Lets go of the instances of versions that serve no more.
    fn prune(&self, registry: &Registry) {
        let snapshot = registry.now();
        let serves = |id: u64| snapshot.plugins().any(|plugin| plugin.id == id);
        self.0.borrow_mut().retain(|key, pool| {
            let current = serves(key.plugin);
            if !current {
                pool.idle.clear();
            }
            current || pool.busy > 0
        });
    }
}

/// One of the places that a pool has for calls under way; free again when dropped.
pub(crate) struct Place<'a> {
    pools: &'a Pools,
    key: PoolKey,
}

impl Place<'_> {
    /// An instance that waits for a call.
    pub(crate) fn idle(&self) -> Option<Box<Instance>> {
        self.pools.0.borrow_mut().get_mut(&self.key)?.idle.pop()
    }

    /// Keeps an instance for the next call, if its version still serves and not too many wait already.
    pub(crate) fn put_back(&self, instance: Box<Instance>, registry: &Registry) {
        let name = instance.plugin.manifest.name.as_str();
        let now = registry.now();
        let is_current = now
            .plugin(name)
            .is_some_and(|now| now.id == self.key.plugin);
        if !is_current {
            return self.pools.prune(registry);
        }
        if let Some(pool) = self.pools.0.borrow_mut().get_mut(&self.key)
            && pool.idle.len() < MAX_IDLE
        {
            pool.idle.push(instance);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(pool) = self.pools.0.borrow_mut().get_mut(&self.key) {
            pool.busy = pool.busy.saturating_sub(1);
        }
    }
}
