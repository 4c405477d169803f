//! A shard's instances, and in which of them a call is made, or in one that all shards share.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::calls::context::Context;
use crate::calls::shared_instances::{
    InstanceKey, InstanceLock, SharedInstance, SharedInstances, group,
};
use crate::exports;
use crate::fault::Fault;
use crate::instance::plugin::Plugin;
use crate::instance::store::PooledInstance;
use crate::model::interfaces::Level;
use crate::registry::Registry;
use crate::wit::bindings::waxwing::plugin::manifest::Placement;

/// Calls of one plugin, scope and level that have a permit on a shard at a time, those that wait for an instance
/// included.
pub(crate) const MAX_BUSY: usize = 64;

/// Calls that may wait for one of those permits. More are refused at once.
pub(crate) const MAX_QUEUED: usize = 64;

/// How long a call waits for a permit before it is refused: long enough for a burst, too short to stall a stream.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(1);

/// How long a call waits for the one instance that can serve it: as long as the call before it may wait for the host.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Instances of one plugin, scope and level that a shard keeps for the next calls.
const MAX_IDLE: usize = 8;

/// Whose instances: a version of a plugin, its scope, and what they are called for. A level has instances of its own,
/// so that a veto or a provider is never asked in a store that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PoolKey {
    plugin: u64,
    scope: usize,
    level: Level,
}

/// The instances of all plugins on one thread.
#[derive(Default)]
pub(crate) struct Pools {
    pools: RefCell<BTreeMap<PoolKey, Rc<Pool>>>,
    /// The registry's generation when the pools were last tidied.
    seen: Cell<u64>,
}

struct Pool {
    key: PoolKey,
    idle: RefCell<Vec<PooledInstance>>,
    /// The one of the placement `shared`.
    shared: Arc<SharedInstance>,
    /// Calls that have a permit, and those that wait for one. Written by this thread alone; read by the plugin before
    /// it goes.
    busy: Arc<AtomicUsize>,
    /// Those of them that wait for a permit.
    queued: Cell<usize>,
    /// Notified when a permit becomes free while calls wait.
    freed: Notify,
    /// The registry's generation in which the version was last seen to serve.
    serves_in: Cell<Option<u64>>,
}

impl Pools {
    /// Takes a permit for a call, or a place in the queue for one. A fault if the queue is full.
    pub(crate) fn take(
        &self,
        plugin: &Plugin,
        (scope, level): (usize, Level),
        registry: &Registry,
    ) -> Result<PoolPermit, Fault> {
        self.tidy(registry);
        let key = PoolKey {
            plugin: plugin.id,
            scope,
            level,
        };
        let mut pools = self.pools.borrow_mut();
        let pool = pools
            .entry(key)
            .or_insert_with(|| Rc::new(Pool::of(plugin, key)));
        PoolPermit::take(Rc::clone(pool))
    }

    /// A permit and an instance, if there is a free one of each.
    pub(crate) fn free(
        &self,
        plugin: &Plugin,
        (scope, level): (usize, Level),
        registry: &Registry,
    ) -> Option<(PoolPermit, PooledInstance)> {
        self.tidy(registry);
        let key = PoolKey {
            plugin: plugin.id,
            scope,
            level,
        };
        let pools = self.pools.borrow();
        let pool = pools.get(&key).filter(|pool| pool.is_free())?;
        let permit = PoolPermit::take(Rc::clone(pool)).ok()?;
        let idle = pool.idle.borrow_mut().pop()?;
        Some((permit, idle))
    }

    /// Lets go of the instances of versions that serve no more, if versions came or went since the last call.
    fn tidy(&self, registry: &Registry) {
        let generation = registry.generation();
        if self.seen.replace(generation) == generation {
            return;
        }
        let snapshot = registry.now();
        let serves = |id: u64| snapshot.plugins().any(|plugin| plugin.id == id);
        self.pools.borrow_mut().retain(|key, pool| {
            let current = serves(key.plugin);
            if !current {
                pool.idle.borrow_mut().clear();
            }
            current || pool.busy.load(Ordering::Relaxed) > 0
        });
    }
}

impl Pool {
    fn of(plugin: &Plugin, key: PoolKey) -> Self {
        let busy = Arc::default();
        plugin.under_way.watch(&busy);
        Self {
            key,
            idle: RefCell::default(),
            shared: Arc::default(),
            busy,
            queued: Cell::default(),
            freed: Notify::new(),
            serves_in: Cell::default(),
        }
    }

    /// Whether a call gets a permit at once.
    fn is_free(&self) -> bool {
        self.queued.get() == 0 && self.has_room()
    }

    fn has_room(&self) -> bool {
        let busy = self.busy.load(Ordering::Relaxed);
        busy.saturating_sub(self.queued.get()) < MAX_BUSY
    }

    /// Wakes the first call that waits, if there is a permit for it.
    fn tell(&self) {
        if self.queued.get() > 0 && self.has_room() {
            self.freed.notify_one();
        }
    }

    /// Keeps an instance for the next call, if its version still serves, not too many wait already, and there is
    /// memory.
    fn keep(&self, instance: PooledInstance, context: &Context) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < MAX_IDLE
            && self.serves(instance.plugin(), &context.registry)
            && context
                .runtime
                .memory
                .leave_room(&instance.plugin().counters)
        {
            idle.push(instance);
        }
    }

    fn serves(&self, plugin: &Plugin, registry: &Registry) -> bool {
        let generation = Some(registry.generation());
        if self.serves_in.get() == generation {
            return true;
        }
        let now = registry.now();
        let serving = now.plugin(&plugin.manifest.name);
        let serves = serving.is_some_and(|serving| serving.id == self.key.plugin);
        if serves {
            self.serves_in.set(generation);
        }
        serves
    }
}

/// The right to have a call under way in a pool; free again when dropped.
pub(crate) struct PoolPermit {
    pool: Rc<Pool>,
    /// The call still waits for it.
    queued: bool,
}

impl PoolPermit {
    fn take(pool: Rc<Pool>) -> Result<Self, Fault> {
        let waiting = pool.queued.get();
        let queued = !pool.is_free();
        if queued && waiting >= MAX_QUEUED {
            return Err(Fault::Busy);
        }
        pool.queued.set(waiting.saturating_add(usize::from(queued)));
        let busy = pool.busy.load(Ordering::Relaxed);
        pool.busy.store(busy.saturating_add(1), Ordering::Release);
        Ok(Self { pool, queued })
    }

    /// Keeps the instance for the next call.
    pub(crate) fn keep(self, instance: PooledInstance, context: &Context) {
        self.pool.keep(instance, context);
    }

    /// Waits for a permit, in order. Too long a wait is a fault.
    async fn wait(&mut self) -> Result<(), Fault> {
        let pool = Rc::clone(&self.pool);
        let turn = async {
            loop {
                pool.freed.notified().await;
                if pool.has_room() {
                    break self.end_wait();
                }
            }
        };
        timeout(TIMEOUT, turn).await.map_err(|_| Fault::Busy)
    }

    fn end_wait(&mut self) {
        let waiting = self.pool.queued.get();
        self.pool.queued.set(waiting.saturating_sub(1));
        self.queued = false;
        // Several permits may have become free since this call was woken.
        self.pool.tell();
    }

    /// Finds where the call is made, by the plugin's placement. Waits for the permit, if there was none, and for an
    /// instance that another call uses.
    pub(crate) async fn instance_slot<C: exports::Call>(
        mut self,
        plugin: &Plugin,
        instances: &SharedInstances,
        call: &C,
    ) -> Result<InstanceSlot, Fault> {
        if self.queued {
            // Seldom: it is not to make every call larger.
            Box::pin(self.wait()).await?;
        }
        let slot_of = |group| {
            let PoolKey { scope, level, .. } = self.pool.key;
            let key = InstanceKey {
                scope,
                level,
                group,
            };
            instances.get(plugin.id, key)
        };
        let slot = match plugin.manifest.placement {
            Placement::Pooled | Placement::Isolated => None,
            Placement::PerShard => Some(Arc::clone(&self.pool.shared)),
            Placement::Keyed => Some(slot_of(group(&call.key().unwrap_or_default()))),
            Placement::Single => Some(slot_of(0)),
        };
        let lock = match slot {
            Some(slot) => {
                let lock = timeout(LOCK_TIMEOUT, slot.lock()).await;
                Some(lock.map_err(|_| Fault::Busy)??)
            }
            None => None,
        };
        Ok(InstanceSlot {
            permit: self,
            lock,
            keeps: plugin.manifest.placement != Placement::Isolated,
        })
    }
}

impl Drop for PoolPermit {
    fn drop(&mut self) {
        let busy = self.pool.busy.load(Ordering::Relaxed);
        let busy = busy.saturating_sub(1);
        self.pool.busy.store(busy, Ordering::Release);
        if self.queued {
            let waiting = self.pool.queued.get();
            self.pool.queued.set(waiting.saturating_sub(1));
        }
        self.pool.tell();
    }
}

/// Where one call is made. Dropped without an instance put back, as after a fault, the next call makes a new one.
pub(crate) struct InstanceSlot {
    permit: PoolPermit,
    lock: Option<InstanceLock>,
    keeps: bool,
}

impl InstanceSlot {
    /// The instance that is there already, if one is.
    pub(crate) fn take(&mut self) -> Option<PooledInstance> {
        match &mut self.lock {
            Some(lock) => lock.take(),
            None => self.permit.pool.idle.borrow_mut().pop(),
        }
    }

    /// Keeps an instance for the next call.
    pub(crate) fn put_back(mut self, instance: PooledInstance, context: &Context) {
        if let Some(lock) = &mut self.lock {
            // Calls that wait for it already are served by this version, whatever serves now.
            return lock.put(instance);
        }
        if self.keeps {
            self.permit.keep(instance, context);
        }
    }
}
