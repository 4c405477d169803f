//! How buffers grow, so that none holds much that is not in use: a list or a text by half, but by 4 KiB at most; the beginning
//! of a token by half, but not beyond what the stanza may still bring.
//!
//! A text that comes in small pieces is therefore moved once for each 4 KiB of it, where doubling would move it less often. At
//! 256 KiB that is at most 64 moves, a small part of what the pieces themselves cost.

/// The most that a tree's text holds beyond what is in it, in bytes.
const SLACK: usize = 4096;
/// The least that a buffer grows by.
const LEAST: usize = 256;

fn step(used: usize, wanted: usize, most: usize) -> usize {
    wanted.max(used.wrapping_div(2).clamp(LEAST, most.max(LEAST)))
}

/// Makes room for `wanted` bytes more.
#[inline]
pub(crate) fn text(buffer: &mut String, wanted: usize) {
    if buffer.capacity().saturating_sub(buffer.len()) < wanted {
        buffer.reserve_exact(step(buffer.len(), wanted, SLACK));
    }
}

/// Makes room for `wanted` bytes more, and for no more than `room` where that is more.
#[inline]
pub(crate) fn bytes(buffer: &mut Vec<u8>, wanted: usize, room: usize) {
    if buffer.capacity().saturating_sub(buffer.len()) < wanted {
        buffer.reserve_exact(step(buffer.len(), wanted, room));
    }
}

/// Makes room for one item more.
#[inline]
pub(crate) fn list<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        let size = size_of::<T>();
        let room = step(list.len().saturating_mul(size), size, SLACK).checked_div(size);
        list.reserve_exact(room.unwrap_or(1).max(1));
    }
}
