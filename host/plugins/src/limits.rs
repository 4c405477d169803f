//! What one call and one store may take.

use std::time::Duration;

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use crate::accounting::Ledger;
use crate::engine::MAX_TABLE_ELEMENTS;
use crate::manifest::AskedLimits;

/// Bytes of all memories and tables of a store together.
pub(crate) const STORE_BYTES: usize = 64 << 20;

/// CPU time of a hook.
pub(crate) const HOOK_CPU: Duration = Duration::from_millis(10);

/// CPU time of a request.
pub(crate) const REQUEST_CPU: Duration = Duration::from_millis(50);

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

impl AskedLimits {
    /// Whether any is more than the default.
    pub(crate) fn exceed(&self) -> bool {
        self.hook_cpu > Some(HOOK_CPU)
            || self.request_cpu > Some(REQUEST_CPU)
            || self.memory > Some(STORE_BYTES)
    }
}

/// Sums the memories and tables of a store (wasmtime's own limits count each by itself).
pub(crate) struct StoreLimiter {
    ledger: Arc<Ledger>,
    most: usize,
    bytes: usize,
    refused: bool,
}

impl StoreLimiter {
    /// Of a new store of at most so many bytes, whose memory is the plugin's.
    pub(crate) fn new(most: usize, ledger: Arc<Ledger>) -> Self {
        ledger.store_begins();
        Self {
            ledger,
            most,
            bytes: 0,
            refused: false,
        }
    }

    /// Whether the guest ran into the limit since the last look.
    pub(crate) fn take_refused(&mut self) -> bool {
        std::mem::take(&mut self.refused)
    }

    /// Whether the store holds so much that one instruction over all of it takes longer than a tick.
    pub(crate) const fn is_large(&self) -> bool {
        self.bytes > LARGE
    }

    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let sum = self.bytes.saturating_add(desired.saturating_sub(current));
        if sum > self.most {
            self.refused = true;
            return false;
        }
        self.ledger.store_grows(sum.saturating_sub(self.bytes));
        self.bytes = sum;
        true
    }
}

impl Drop for StoreLimiter {
    fn drop(&mut self) {
        self.ledger.store_ends(self.bytes);
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
            self.refused = true;
            return Ok(false);
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

    #[test]
    fn sums_the_memories_and_tables_of_a_store() {
        let mut limiter = StoreLimiter::new(STORE_BYTES, Arc::default());
        assert!(limiter.memory_growing(0, STORE_BYTES / 2, None).unwrap());
        assert!(limiter.memory_growing(0, STORE_BYTES / 4, None).unwrap());
        assert!(
            !limiter
                .table_growing(0, MAX_TABLE_ELEMENTS + 1, None)
                .unwrap()
        );
        assert!(limiter.take_refused());
        assert!(limiter.table_growing(0, MAX_TABLE_ELEMENTS, None).unwrap());
        assert!(
            !limiter
                .memory_growing(STORE_BYTES / 4, STORE_BYTES / 2, None)
                .unwrap()
        );
        assert!(limiter.take_refused());
        assert!(!limiter.take_refused());
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
