//! What one store may take.

use wasmtime::ResourceLimiter;

use crate::engine::MAX_TABLE_ELEMENTS;

/// Bytes of all memories and tables of a store together.
pub(crate) const STORE_BYTES: usize = 64 << 20;

/// A table's element is a pointer.
const TABLE_ELEMENT: usize = size_of::<usize>();

/// Handles to host resources that a guest may hold in one call.
pub(crate) const HANDLES: usize = 1_000;

/// Calls into the host in one call.
pub(crate) const HOST_CALLS: u32 = 10_000;

/// Bytes that one call may make the host copy out of the guest.
pub(crate) const COPIED_BYTES: usize = 2 << 20;

/// Sums the memories and tables of a store (wasmtime's own limits count each by itself).
#[derive(Debug, Default)]
pub(crate) struct StoreLimiter {
    bytes: usize,
    refused: bool,
}

impl StoreLimiter {
    /// Whether the guest ran into the limit since the last look.
    pub(crate) fn take_refused(&mut self) -> bool {
        std::mem::take(&mut self.refused)
    }

    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let sum = self.bytes.saturating_add(desired.saturating_sub(current));
        if sum > STORE_BYTES {
            self.refused = true;
            return false;
        }
        self.bytes = sum;
        true
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
        let mut limiter = StoreLimiter::default();
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
}
