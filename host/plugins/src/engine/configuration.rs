//! The one place that configures wasmtime: for serving, and for the child process that compiles.

use std::ffi::OsStr;
use std::sync::Arc;

use rustix::process::{Resource, getrlimit};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::engine::ticker::Ticker;

/// Stack of a guest; the rest of the stack of its fiber is the host functions'.
const GUEST_STACK: usize = 512 * 1024;
const FIBER_STACK: usize = GUEST_STACK + 1024 * 1024;

/// Stack of a thread that calls guests: there is one on it at a time, below it what called, above it the host functions.
pub const CALLERS_STACK: usize = 2 * FIBER_STACK;

/// The fewest addresses, in bytes, with which the server and the bundled plugins serve.
const LEAST_ADDRESSES: u64 = 1 << 30;

/// Stores that can exist at a time, of all plugins on all shards.
const MAX_STORES: u32 = 1_000;

/// The largest a single memory can be made; the sum in a store is limited by [`crate::engine::limits`].
const MAX_MEMORY: usize = 1 << 30;

/// The largest a single table can be made.
pub(crate) const MAX_TABLE_ELEMENTS: usize = 64 << 10;

/// How a memory of a guest gets its addresses. Compiled code is for one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addresses {
    /// All 4 GiB that the guest can name are reserved, so that an access outside of its memory meets a page that is not
    /// there.
    Reserved,
    /// Only what the memory has, and [`GROWTH`] more. Each access is checked, and a memory that grows may move.
    Checked,
}

/// Addresses into which a memory grows before it moves, where accesses are checked.
const GROWTH: u64 = 1 << 20;

impl Addresses {
    /// What the process that compiles is told.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Checked => "checked",
        }
    }

    /// By that name.
    pub(crate) fn of_name(name: &OsStr) -> Option<Self> {
        let all = [Self::Reserved, Self::Checked];
        all.into_iter().find(|addresses| addresses.name() == name)
    }
}

/// What must be the same where a component is compiled and where it runs.
fn common(addresses: Addresses) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // Nothing in the interfaces is asynchronous, and every call is four times as dear with it.
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(FIBER_STACK)
        .wasm_memory64(false);
    match addresses {
        Addresses::Reserved => config
            .memory_reservation(1 << 32)
            .memory_guard_size(32 << 20)
            .memory_may_move(false),
        Addresses::Checked => config
            .memory_reservation(0)
            .memory_reservation_for_growth(GROWTH)
            .memory_guard_size(0)
            .memory_may_move(true),
    };
    config
}

/// The engine of the child process that compiles: no pool, since it runs nothing.
pub(crate) fn for_compiling(addresses: Addresses) -> wasmtime::Result<Engine> {
    Engine::new(&common(addresses))
}

/// The engine that runs guests. Starts the ticker, which ends with the engine.
///
/// Instances come from a pool, whose addresses are reserved at once: 8 TiB of the 128 TiB that a process usually has. Where it
/// may not have so many (`ulimit -v`, some containers and tools), each instance is made by itself and takes the addresses
/// that it uses, and each access to its memory is checked, which takes longer.
pub(crate) fn for_running() -> anyhow::Result<(Engine, Addresses, Arc<Ticker>)> {
    let (engine, addresses) = match Engine::new(&pooled()) {
        Ok(engine) => (engine, Addresses::Reserved),
        Err(error) => {
            ensure_room(getrlimit(Resource::As).current)?;
            let why = format!("{error:#}");
            tracing::warn!(
                why,
                "making instances of plugins is slow here, and so are they: the process may not reserve 8 TiB of addresses"
            );
            (for_compiling(Addresses::Checked)?, Addresses::Checked)
        }
    };
    let ticker = Ticker::start(&engine)?;
    Ok((engine, addresses, ticker))
}

/// Refuses a limit of addresses under which the bundled plugins would not serve.
fn ensure_room(limit: Option<u64>) -> anyhow::Result<()> {
    match limit {
        Some(limit) if limit < LEAST_ADDRESSES => anyhow::bail!(
            "plugins do not serve in the {} MiB of addresses that this process may have (`ulimit -v`, RLIMIT_AS); give it {} MiB or more",
            limit >> 20,
            LEAST_ADDRESSES >> 20
        ),
        _ => Ok(()),
    }
}

/// What serves with a pool.
fn pooled() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(MAX_STORES)
        .total_core_instances(MAX_STORES * 8)
        .total_memories(MAX_STORES * 2)
        .total_tables(MAX_STORES * 4)
        .total_stacks(MAX_STORES)
        .max_core_instances_per_component(64)
        .max_memories_per_component(16)
        .max_memories_per_module(4)
        .max_tables_per_module(8)
        .table_elements(MAX_TABLE_ELEMENTS)
        .max_tables_per_component(64)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        .max_memory_size(MAX_MEMORY)
        .max_unused_warm_slots(64)
        .linear_memory_keep_resident(64 << 10)
        .table_keep_resident(16 << 10)
        .async_stack_keep_resident(8 << 10);
    let mut config = common(Addresses::Reserved);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};

    use super::*;

    #[test]
    fn a_limit_that_is_too_low_is_named_with_the_least_that_will_do() {
        assert!(ensure_room(None).is_ok());
        assert!(ensure_room(Some(LEAST_ADDRESSES)).is_ok());
        let error = ensure_room(Some(512 << 20)).unwrap_err().to_string();
        for part in ["512 MiB", "1024 MiB", "ulimit -v"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    /// Code for one kind of memory must not run with the other: the cache keeps both apart by this.
    #[test]
    fn the_cache_tells_code_that_checks_accesses_from_code_that_does_not() {
        let hash = |addresses| {
            let mut hasher = DefaultHasher::new();
            let engine = for_compiling(addresses).unwrap();
            engine.precompile_compatibility_hash().hash(&mut hasher);
            hasher.finish()
        };
        assert_ne!(hash(Addresses::Reserved), hash(Addresses::Checked));
        for addresses in [Addresses::Reserved, Addresses::Checked] {
            let named = Addresses::of_name(OsStr::new(addresses.name()));
            assert_eq!(named, Some(addresses));
        }
        assert_eq!(Addresses::of_name(OsStr::new("")), None);
    }
}
