//! A shard's instances, and where a call is made: in which of them, or in one that all shards share.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct PoolKey {
    plugin: u64,
    scope: usize,
    level: Level,
}

/// The instances of all plugins on one thread.
#[derive(Default)]
pub(crate) struct Pools {
    pools: RefCell<HashMap<PoolKey, Pool>>,
    /// The registry's generation when the pools were last tidied.
    seen: Cell<u64>,
}

struct Pool {
    #[expect(
        clippy::vec_box,
        reason = "an instance moves into a call and back: as a pointer"
    )]
    idle: Vec<Box<Instance>>,
    /// The one of the placement `shared`.
    shared: Arc<Slot>,
    /// Written on this thread alone; the plugin looks at it before it goes.
    busy: Arc<AtomicUsize>,
}

impl Pools {
    /// Takes a place for a call; none if as many as may be are under way.
    pub(crate) fn take(
        &self,
        plugin: &Plugin,
        (scope, level): (usize, Level),
        registry: &Registry,
    ) -> Option<Place<'_>> {
        self.tidy(registry);
        let key = PoolKey {
            plugin: plugin.id,
            scope,
            level,
        };
        let mut pools = self.pools.borrow_mut();
        let pool = pools.entry(key).or_insert_with(|| Pool::of(plugin));
        let busy = pool.busy.load(Ordering::Relaxed);
        if busy >= MAX_BUSY {
            return None;
        }
        pool.busy.store(busy.saturating_add(1), Ordering::Release);
        Some(Place { pools: self, key })
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
                pool.idle.clear();
            }
            current || pool.busy.load(Ordering::Relaxed) > 0
        });
    }
}

impl Pool {
    fn of(plugin: &Plugin) -> Self {
        let busy = Arc::default();
        plugin.under_way.watch(&busy);
        Self {
            idle: Vec::new(),
            shared: Arc::default(),
            busy,
        }
    }
}

/// One of the places that a pool has for calls under way; free again when dropped.
pub(crate) struct Place<'a> {
    pools: &'a Pools,
    key: PoolKey,
}

impl<'a> Place<'a> {
    /// Finds where the call is made, by the plugin's placement. Waits only for an instance that others of the same turn
    /// have.
    pub(crate) async fn seat<C: exports::Call>(
        self,
        plugin: &Plugin,
        call: &C,
    ) -> Result<Seat<'a>, Fault> {
        let slot_of = |group| {
            let PoolKey { scope, level, .. } = self.key;
            plugin.slots.slot(SlotKey {
                scope,
                level,
                group,
            })
        };
        let slot = match plugin.manifest.placement {
            Placement::Pooled | Placement::Isolated => None,
            Placement::Shared => self.with(|pool| Arc::clone(&pool.shared)),
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

    fn with<R>(&self, f: impl FnOnce(&mut Pool) -> R) -> Option<R> {
        self.pools.pools.borrow_mut().get_mut(&self.key).map(f)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.with(|pool| {
            let busy = pool.busy.load(Ordering::Relaxed);
            pool.busy.store(busy.saturating_sub(1), Ordering::Release);
        });
    }
}

/// Where one call is made. Dropped without an instance put back, as after a fault, the next call makes a new one.
pub(crate) struct Seat<'a> {
    place: Place<'a>,
    turn: Option<Turn>,
    keeps: bool,
}

impl Seat<'_> {
    /// The instance that is there already, if one is.
    pub(crate) fn instance(&mut self) -> Option<Box<Instance>> {
        match &mut self.turn {
            Some(turn) => turn.take(),
            None => self.place.with(|pool| pool.idle.pop()).flatten(),
        }
    }

    /// Keeps an instance for the next call, if its version still serves and not too many wait already.
    pub(crate) fn put_back(mut self, instance: Box<Instance>, registry: &Registry) {
        if let Some(turn) = &mut self.turn {
            // Those who wait already are served by this version, whatever serves now.
            return turn.put(instance);
        }
        let is_current = registry
            .now()
            .plugin(&instance.plugin.manifest.name)
            .is_some_and(|now| now.id == self.place.key.plugin);
        if self.keeps && is_current {
            self.place.with(|pool| {
                if pool.idle.len() < MAX_IDLE {
                    pool.idle.push(instance);
                }
            });
        }
    }
}
