//! A shard's instances, and where a call is made: in which of them, or in one that all shards share.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::bindings::waxwing::plugin::manifest::Placement;
use crate::exports::{self, Level};
use crate::fault::Fault;
use crate::instance::Instance;
use crate::plugin::Plugin;
use crate::registry::Registry;
use crate::slots::{Slot, SlotKey, Turn, group};

/// Calls of one plugin, scope and level that a shard may have under way at a time, those that wait for an instance included.
const MAX_BUSY: usize = 64;

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
    #[expect(
        clippy::vec_box,
        reason = "an instance moves into a call and back: as a pointer"
    )]
    idle: RefCell<Vec<Box<Instance>>>,
    /// The one of the placement `shared`.
    shared: Arc<Slot>,
    /// Written on this thread alone; the plugin looks at it before it goes.
    busy: Arc<AtomicUsize>,
    /// The registry's generation in which the version was last seen to serve.
    serves_in: Cell<Option<u64>>,
}

impl Pools {
    /// Takes a place for a call; none if as many as may be are under way.
    pub(crate) fn take(
        &self,
        plugin: &Plugin,
        (scope, level): (usize, Level),
        registry: &Registry,
    ) -> Option<Place> {
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
            serves_in: Cell::default(),
        }
    }

    /// Keeps an instance for the next call, if its version still serves and not too many wait already.
    fn keep(&self, instance: Box<Instance>, registry: &Registry) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < MAX_IDLE && self.serves(&instance.plugin, registry) {
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
pub(crate) struct Place(Rc<Pool>);

impl Place {
    fn take(pool: Rc<Pool>) -> Option<Self> {
        let busy = pool.busy.load(Ordering::Relaxed);
        if busy >= MAX_BUSY {
            return None;
        }
        pool.busy.store(busy.saturating_add(1), Ordering::Release);
        Some(Self(pool))
    }

    /// Finds where the call is made, by the plugin's placement. Waits only for an instance that others of the same turn
    /// have.
    pub(crate) async fn seat<C: exports::Call>(
        self,
        plugin: &Plugin,
        call: &C,
    ) -> Result<Seat, Fault> {
        let slot_of = |group| {
            let PoolKey { scope, level, .. } = self.0.key;
            plugin.slots.slot(SlotKey {
                scope,
                level,
                group,
            })
        };
        let slot = match plugin.manifest.placement {
            Placement::Pooled | Placement::Isolated => None,
            Placement::Shared => Some(Arc::clone(&self.0.shared)),
            Placement::Keyed => Some(slot_of(group(&call.key().unwrap_or_default()))),
            Placement::Single => Some(slot_of(0)),
        };
        let turn = match slot {
            Some(slot) => Some(slot.turn().await?),
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
        let busy = self.0.busy.load(Ordering::Relaxed);
        let busy = busy.saturating_sub(1);
        self.0.busy.store(busy, Ordering::Release);
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
    pub(crate) fn instance(&mut self) -> Option<Box<Instance>> {
        match &mut self.turn {
            Some(turn) => turn.take(),
            None => self.place.0.idle.borrow_mut().pop(),
        }
    }

    /// Keeps an instance for the next call.
    pub(crate) fn put_back(mut self, instance: Box<Instance>, registry: &Registry) {
        if let Some(turn) = &mut self.turn {
            // Those who wait already are served by this version, whatever serves now.
            return turn.put(instance);
        }
        if self.keeps {
            self.place.0.keep(instance, registry);
        }
    }
}
