//! What one call and one store may take.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime::ResourceLimiter;

use crate::accounting::counters::PluginCounters;
use crate::accounting::units::count;
use crate::accounting::units::take;
use crate::engine::configuration::MAX_TABLE_ELEMENTS;
use crate::fault::Fault;
use crate::model::asked_limits::AskedLimits;
use crate::model::asked_limits::{HOOK_CPU, REQUEST_CPU, STORE_BYTES};

/// What an instruction over a whole memory gets through in a few milliseconds, page faults included.
const LARGE: usize = 4 << 20;

/// A table's element is a pointer.
const TABLE_ELEMENT: usize = size_of::<usize>();

/// Handles to host resources that a guest may hold in one call.
pub(crate) const HANDLES: usize = 1_000;

/// Streams whose resources one instance of a provider keeps. The host's handles to them count like the guest's own.
pub(crate) const STREAMS: usize = 1_000;

/// Calls into the host in one call.
pub(crate) const HOST_CALLS: u32 = 10_000;

/// Bytes that one call may make the host copy out of the guest.
pub(crate) const COPIED_BYTES: usize = 2 << 20;

/// What the calls and stores of a plugin may take: what its manifest asks, and more than the default only by grant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    hook_cpu: Duration,
    request_cpu: Duration,
    /// Bytes of all memories and tables of a store together.
    pub(crate) memory: usize,
}

impl Limits {
    /// The limits in force. Without the grant, what is more than the default is the default.
    pub(crate) fn of(asked: AskedLimits, is_granted: bool) -> Self {
        Self {
            hook_cpu: in_force(asked.hook_cpu, HOOK_CPU, is_granted),
            request_cpu: in_force(asked.request_cpu, REQUEST_CPU, is_granted),
            memory: in_force(asked.memory, STORE_BYTES, is_granted),
        }
    }

    /// CPU time of a call that usually has so much. Other calls than hooks and requests have what they have.
    pub(crate) fn cpu(&self, usual: Duration) -> Duration {
        match usual {
            HOOK_CPU => self.hook_cpu,
            REQUEST_CPU => self.request_cpu,
            other => other,
        }
    }
}

fn in_force<T: Ord + Copy>(asked: Option<T>, default: T, is_granted: bool) -> T {
    match asked {
        Some(asked) if is_granted || asked < default => asked,
        _ => default,
    }
}

/// What all instances together may have: their memories and tables. More fails the growth, or the making of an
/// instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimits {
    /// MiB of all instances of one plugin, in all its versions.
    pub plugin_mib: u32,
    /// MiB of all plugins together.
    pub total_mib: u32,
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self {
            plugin_mib: 256,
            total_mib: 1_024,
        }
    }
}

/// The memory of all stores of a process, against [`MemoryLimits`].
#[derive(Debug)]
pub(crate) struct MemoryTotals {
    plugin: u64,
    total: u64,
    bytes: AtomicU64,
}

impl MemoryTotals {
    pub(crate) fn new(limits: MemoryLimits) -> Self {
        Self {
            plugin: u64::from(limits.plugin_mib) << 20,
            total: u64::from(limits.total_mib) << 20,
            bytes: AtomicU64::new(0),
        }
    }

    /// Takes so many bytes for a store of that plugin, or says which of the totals has no room for them.
    fn take(&self, counters: &PluginCounters, bytes: u64) -> Result<(), Fault> {
        if !take(&self.bytes, bytes, self.total) {
            return Err(Fault::TotalMemory);
        }
        if !counters.store_grows(bytes, self.plugin) {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Fault::PluginMemory);
        }
        Ok(())
    }

    fn give_back(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether instances of that plugin may be kept for later calls: what waits idle leaves half of each total to those
    /// that are called.
    pub(crate) fn leave_room(&self, counters: &PluginCounters) -> bool {
        counters.memory() <= self.plugin / 2 && self.bytes.load(Ordering::Relaxed) <= self.total / 2
    }
}

/// Sums the memories and tables of a store (wasmtime's own limits count each by itself), and has each growth count for
/// the plugin and for all of them.
pub(crate) struct StoreLimiter {
    counters: Arc<PluginCounters>,
    totals: Arc<MemoryTotals>,
    most: usize,
    bytes: usize,
    refused: Option<Fault>,
}

impl StoreLimiter {
    /// Of a new store of at most so many bytes, whose memory is the plugin's.
    pub(crate) fn new(
        most: usize,
        counters: Arc<PluginCounters>,
        totals: Arc<MemoryTotals>,
    ) -> Self {
        counters.store_begins();
        Self {
            counters,
            totals,
            most,
            bytes: 0,
            refused: None,
        }
    }

    /// Which limit the guest ran into since this was last asked, if it did.
    pub(crate) const fn take_refused(&mut self) -> Option<Fault> {
        self.refused.take()
    }

    /// Whether the store holds so much that one instruction over all of it takes longer than a tick.
    pub(crate) const fn is_large(&self) -> bool {
        self.bytes > LARGE
    }

    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let more = desired.saturating_sub(current);
        let sum = self.bytes.saturating_add(more);
        if sum > self.most {
            return self.refuse(Fault::Memory);
        }
        if let Err(fault) = self.totals.take(&self.counters, count(more)) {
            return self.refuse(fault);
        }
        self.bytes = sum;
        true
    }

    fn refuse(&mut self, why: Fault) -> bool {
        self.counters.memory_refused.add(1);
        self.refused = Some(why);
        false
    }
}

impl Drop for StoreLimiter {
    fn drop(&mut self) {
        let bytes = count(self.bytes);
        self.counters.store_ends(bytes);
        self.totals.give_back(bytes);
    }
}

impl ResourceLimiter for StoreLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > MAX_TABLE_ELEMENTS {
            return Ok(self.refuse(Fault::Memory));
        }
        Ok(self.grow(
            current.saturating_mul(TABLE_ELEMENT),
            desired.saturating_mul(TABLE_ELEMENT),
        ))
    }

    fn memories(&self) -> usize {
        16
    }

    fn tables(&self) -> usize {
        64
    }

    fn instances(&self) -> usize {
        64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(counters: &Arc<PluginCounters>, limits: MemoryLimits) -> StoreLimiter {
        let totals = Arc::new(MemoryTotals::new(limits));
        StoreLimiter::new(STORE_BYTES, Arc::clone(counters), totals)
    }

    #[test]
    fn sums_the_memories_and_tables_of_a_store() {
        let mut limiter = limiter(&Arc::default(), MemoryLimits::default());
        assert!(limiter.memory_growing(0, STORE_BYTES / 2, None).unwrap());
        assert!(limiter.memory_growing(0, STORE_BYTES / 4, None).unwrap());
        assert!(
            !limiter
                .table_growing(0, MAX_TABLE_ELEMENTS + 1, None)
                .unwrap()
        );
        assert_eq!(limiter.take_refused(), Some(Fault::Memory));
        assert!(limiter.table_growing(0, MAX_TABLE_ELEMENTS, None).unwrap());
        assert!(
            !limiter
                .memory_growing(STORE_BYTES / 4, STORE_BYTES / 2, None)
                .unwrap()
        );
        assert_eq!(limiter.take_refused(), Some(Fault::Memory));
        assert_eq!(limiter.take_refused(), None);
    }

    #[test]
    fn stores_count_for_their_plugin_and_for_all_until_they_are_gone() {
        const MIB: usize = 1 << 20;
        let limits = MemoryLimits {
            plugin_mib: 4,
            total_mib: 6,
        };
        let totals = Arc::new(MemoryTotals::new(limits));
        let counters = [Arc::<PluginCounters>::default(), Arc::default()];
        let store = |of: usize| {
            StoreLimiter::new(STORE_BYTES, Arc::clone(&counters[of]), Arc::clone(&totals))
        };
        let (mut one, mut two) = (store(0), store(0));
        assert!(one.memory_growing(0, 3 * MIB, None).unwrap());
        assert!(!two.memory_growing(0, 2 * MIB, None).unwrap());
        assert_eq!(two.take_refused(), Some(Fault::PluginMemory));
        assert!(two.memory_growing(0, MIB, None).unwrap());
        assert!(!totals.leave_room(&counters[0]));
        let mut others = store(1);
        assert!(!others.memory_growing(0, 3 * MIB, None).unwrap());
        assert_eq!(others.take_refused(), Some(Fault::TotalMemory));
        // What was refused holds nothing.
        assert!(others.memory_growing(0, 2 * MIB, None).unwrap());
        drop(one);
        assert!(others.memory_growing(2 * MIB, 4 * MIB, None).unwrap());
        assert_eq!(
            (counters[0].memory(), counters[1].memory()),
            (1 << 20, 4 << 20)
        );
        assert_eq!(counters[0].memory_refused.get(), 1);
        drop((two, others));
        assert!(totals.leave_room(&counters[1]));
    }

    #[test]
    fn more_than_the_default_takes_the_grant_and_less_does_not() {
        let asked = AskedLimits {
            hook_cpu: Some(Duration::from_millis(40)),
            request_cpu: Some(Duration::from_millis(20)),
            memory: Some(128 << 20),
        };
        assert!(asked.exceed());
        let refused = Limits::of(asked, false);
        assert_eq!(refused.cpu(HOOK_CPU), HOOK_CPU);
        assert_eq!(refused.cpu(REQUEST_CPU), Duration::from_millis(20));
        assert_eq!(refused.memory, STORE_BYTES);
        let granted = Limits::of(asked, true);
        assert_eq!(granted.cpu(HOOK_CPU), Duration::from_millis(40));
        assert_eq!(granted.memory, 128 << 20);
        assert!(!AskedLimits::default().exceed());
    }
}
