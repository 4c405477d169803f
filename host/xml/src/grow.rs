//! How buffers grow: by half, but by 4 KiB at most, so that two of them never hold more than 8 KiB that is not in use.

/// The most that a buffer holds beyond what is in it, in bytes.
pub(crate) const SLACK: usize = 4096;
/// The least that it grows by.
const LEAST: usize = 256;

fn step(used: usize, wanted: usize) -> usize {
    wanted.max(used.wrapping_div(2).clamp(LEAST, SLACK))
}

/// Makes room for `wanted` bytes more.
#[inline]
pub(crate) fn text(buffer: &mut String, wanted: usize) {
    if buffer.capacity().saturating_sub(buffer.len()) < wanted {
        buffer.reserve_exact(step(buffer.len(), wanted));
    }
}

/// Makes room for `wanted` bytes more.
#[inline]
pub(crate) fn bytes(buffer: &mut Vec<u8>, wanted: usize) {
    if buffer.capacity().saturating_sub(buffer.len()) < wanted {
        buffer.reserve_exact(step(buffer.len(), wanted));
    }
}

/// Makes room for one item more.
#[inline]
pub(crate) fn list<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        let size = size_of::<T>().max(1);
        let room = step(list.len().saturating_mul(size), size).wrapping_div(size);
        list.reserve_exact(room.max(1));
    }
}
