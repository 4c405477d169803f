//! A shard's instances, and where a call is made: in which of them, or in one that all shards share.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::calls::context::Shared;
use crate::calls::shared_instances::{Slot, SlotKey, Turn, group};
use crate::exports::{self, Level};
use crate::fault::Fault;
use crate::instance::Idle;
use crate::instance::plugin::Plugin;
use crate::registry::Registry;
use crate::wit::bindings::waxwing::plugin::manifest::Placement;

/// Calls of one plugin, scope and level that have a place on a shard at a time, those that wait for their turn included.
pub(crate) const MAX_BUSY: usize = 64;

/// Calls that may wait for one of those places. More are refused at once.
pub(crate) const MAX_QUEUED: usize = 64;

/// How long a call waits for a place before it is refused: a burst passes in it, and nobody's stream stands still for long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// How long a call waits for the one instance that can serve it: as long as whoever has it may wait for the host.
const TURN_PATIENCE: Duration = Duration::from_secs(10);

/// Instances of one plugin, scope and level that a shard keeps for the next calls.
const MAX_IDLE: usize = 8;

/// Whose instances: a version of a plugin, its scope, and what they are called for. A level has instances of its own, so
/// that a veto or a provider is never asked in a store that waits for its answer.
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
    idle: RefCell<Vec<Idle>>,
    /// The one of the placement `shared`.
    shared: Arc<Slot>,
    /// Calls that have a place, and those that wait for one. Written on this thread alone; the plugin looks at it before it
    /// goes.
    busy: Arc<AtomicUsize>,
    /// Those of them that wait for a place.
    queued: Cell<usize>,
    /// Told of a place that became free while calls wait.
    freed: Notify,
    /// The registry's generation in which the version was last seen to serve.
    serves_in: Cell<Option<u64>>,
}

impl Pools {
    /// Takes a place for a call, or one among those that wait for a place. A fault if there are too many of them.
    pub(crate) fn take(
        &self,
        plugin: &Plugin,
        (scope, level): (usize, Level),
        registry: &Registry,
    ) -> Result<Place, Fault> {
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
        Place::take(Rc::clone(pool))
    }

    /// A place for a call and an instance in it, if neither has to be waited for nor made.
    pub(crate) fn free(
        &self,
        plugin: &Plugin,
        (scope, level): (usize, Level),
        registry: &Registry,
    ) -> Option<(Place, Idle)> {
        self.tidy(registry);
        let key = PoolKey {
            plugin: plugin.id,
            scope,
            level,
        };
        let pools = self.pools.borrow();
        let pool = pools.get(&key).filter(|pool| pool.is_free())?;
        let place = Place::take(Rc::clone(pool)).ok()?;
        let idle = pool.idle.borrow_mut().pop()?;
        Some((place, idle))
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

    /// Whether a call gets a place at once.
    fn is_free(&self) -> bool {
        self.queued.get() == 0 && self.has_place()
    }

    fn has_place(&self) -> bool {
        let busy = self.busy.load(Ordering::Relaxed);
        busy.saturating_sub(self.queued.get()) < MAX_BUSY
    }

    /// Wakes the first that waits, if there is a place for it.
    fn tell(&self) {
        if self.queued.get() > 0 && self.has_place() {
            self.freed.notify_one();
        }
    }

    /// Keeps an instance for the next call, if its version still serves, not too many wait already, and there is memory.
    fn keep(&self, instance: Idle, shared: &Shared) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < MAX_IDLE
            && self.serves(instance.plugin(), &shared.registry)
            && shared.memory.leave_room(&instance.plugin().ledger)
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

/// One of the places that a pool has for calls under way; free again when dropped.
pub(crate) struct Place {
    pool: Rc<Pool>,
    /// It is still to become one: others had all of them, or came before.
    queued: bool,
}

impl Place {
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
    pub(crate) fn keep(self, instance: Idle, shared: &Shared) {
        self.pool.keep(instance, shared);
    }

    /// Waits for a place in turn. Too long a wait is a fault.
    async fn wait(&mut self) -> Result<(), Fault> {
        let pool = Rc::clone(&self.pool);
        let turn = async {
            loop {
                pool.freed.notified().await;
                if pool.has_place() {
                    break self.end_wait();
                }
            }
        };
        timeout(PATIENCE, turn).await.map_err(|_| Fault::Busy)
    }

    fn end_wait(&mut self) {
        let waiting = self.pool.queued.get();
        self.pool.queued.set(waiting.saturating_sub(1));
        self.queued = false;
        // Several places may have become free since this call was woken.
        self.pool.tell();
    }

    /// Finds where the call is made, by the plugin's placement. Waits for a place, if there was none, and for an instance
    /// that others of the same turn have.
    pub(crate) async fn seat<C: exports::Call>(
        mut self,
        plugin: &Plugin,
        call: &C,
    ) -> Result<Seat, Fault> {
        if self.queued {
            // Seldom: it is not to make every call larger.
            Box::pin(self.wait()).await?;
        }
        let slot_of = |group| {
            let PoolKey { scope, level, .. } = self.pool.key;
            plugin.slots.slot(SlotKey {
                scope,
                level,
                group,
            })
        };
        let slot = match plugin.manifest.placement {
            Placement::Pooled | Placement::Isolated => None,
            Placement::PerShard => Some(Arc::clone(&self.pool.shared)),
            Placement::Keyed => Some(slot_of(group(&call.key().unwrap_or_default()))),
            Placement::Single => Some(slot_of(0)),
        };
        let turn = match slot {
            Some(slot) => {
                let turn = timeout(TURN_PATIENCE, slot.turn()).await;
                Some(turn.map_err(|_| Fault::Busy)??)
            }
            None => None,
        };
        Ok(Seat {
            place: self,
            turn,
            keeps: plugin.manifest.placement != Placement::Isolated,
        })
    }
}

impl Drop for Place {
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
pub(crate) struct Seat {
    place: Place,
    turn: Option<Turn>,
    keeps: bool,
}

impl Seat {
    /// The instance that is there already, if one is.
    pub(crate) fn instance(&mut self) -> Option<Idle> {
        match &mut self.turn {
            Some(turn) => turn.take(),
            None => self.place.pool.idle.borrow_mut().pop(),
        }
    }

    /// Keeps an instance for the next call.
    pub(crate) fn put_back(mut self, instance: Idle, shared: &Shared) {
        if let Some(turn) = &mut self.turn {
            // Those who wait already are served by this version, whatever serves now.
            return turn.put(instance);
        }
        if self.keeps {
            self.place.keep(instance, shared);
        }
    }
}
