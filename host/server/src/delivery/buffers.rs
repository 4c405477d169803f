//! Buffers lent by the shard, so that a session with nothing to do holds none.

use std::{cell::RefCell, mem, rc::Rc};

use tokio::io::ReadBuf;

use super::queued_stanza::QueuedStanza;

/// Bytes read at once.
const READ: usize = 16 * 1024;
/// A buffer that grew beyond this is not kept.
const KEEP_CAPACITY: usize = 128 * 1024;
/// So many stanzas; a batch that grew beyond them is not kept.
const KEEP_BATCH: usize = 256;
/// Buffers of a kind kept for the next session. More are lent while sessions wait in the middle of their work.
const KEEP: usize = 8;

/// Stanzas that are being written, each with the place where its bytes end.
pub(crate) type Batch = Vec<(usize, QueuedStanza)>;

/// The buffers of one shard.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffers {
    free: Rc<RefCell<Free>>,
}

#[derive(Debug, Default)]
struct Free {
    input: Vec<Box<[u8]>>,
    output: Vec<Vec<u8>>,
    batches: Vec<Batch>,
}

/// A buffer with what was read at once; it goes back when dropped.
#[derive(Debug)]
pub(crate) struct Input {
    bytes: Box<[u8]>,
    used: usize,
    filled: usize,
    home: Buffers,
}

impl Buffers {
    /// A buffer to read into.
    pub(crate) fn input(&self) -> Input {
        let kept = self.free.borrow_mut().input.pop();
        Input {
            bytes: kept.unwrap_or_else(|| vec![0; READ].into_boxed_slice()),
            used: 0,
            filled: 0,
            home: self.clone(),
        }
    }

    /// An empty buffer to write from. It comes back by [`Buffers::give`].
    pub(crate) fn output(&self) -> Vec<u8> {
        self.free.borrow_mut().output.pop().unwrap_or_default()
    }

    /// Takes back a buffer.
    pub(crate) fn give(&self, mut buffer: Vec<u8>) {
        let free = &mut self.free.borrow_mut().output;
        if (1..=KEEP_CAPACITY).contains(&buffer.capacity()) && free.len() < KEEP {
            buffer.clear();
            free.push(buffer);
        }
    }

    /// An empty batch. It comes back by [`Buffers::give_batch`].
    pub(crate) fn batch(&self) -> Batch {
        self.free.borrow_mut().batches.pop().unwrap_or_default()
    }

    /// Takes back a batch whose stanzas are written.
    pub(crate) fn give_batch(&self, batch: Batch) {
        let free = &mut self.free.borrow_mut().batches;
        let is_kept = batch.is_empty() && (1..=KEEP_BATCH).contains(&batch.capacity());
        if is_kept && free.len() < KEEP {
            free.push(batch);
        }
    }
}

impl Input {
    /// Lets `read` fill the buffer and returns what it returned.
    pub(crate) fn fill<T>(&mut self, read: impl FnOnce(&mut ReadBuf<'_>) -> T) -> T {
        let mut buffer = ReadBuf::new(&mut self.bytes);
        let result = read(&mut buffer);
        self.filled = buffer.filled().len();
        self.used = 0;
        result
    }

    /// What was read and not yet used.
    pub(crate) fn rest(&self) -> &[u8] {
        self.bytes.get(self.used..self.filled).unwrap_or_default()
    }

    /// Notes that so many bytes of the rest are used.
    pub(crate) fn advance(&mut self, count: usize) {
        self.used = self.used.saturating_add(count);
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        let free = &mut self.home.free.borrow_mut().input;
        if free.len() < KEEP {
            free.push(mem::take(&mut self.bytes));
        }
    }
}
