//! What is on its way to the client: the mailbox, and the bytes that are being written.
//!
//! All that is queued goes out in one write. The stanzas whose bytes are not yet written are kept, so that they can go
//! elsewhere when the client is lost. With nothing to write no buffer is held.

use std::{
    collections::VecDeque,
    io,
    rc::Rc,
    task::{Context as TaskContext, Poll, ready},
};

use waxwing_xml::Context;
use waxwing_xmpp::ns;

use super::{buffers::Buffers, gate::Gate, transport::Transport};
use crate::{
    mailbox::End,
    router::{Delivery, Handle},
    shard::Shard,
};

/// Bytes of stanzas taken from the mailbox at once; the next are taken when these are written.
const BATCH: usize = 64 * 1024;
/// What is in scope on every client's stream.
const CONTEXT: Context<'static> = Context::stream(ns::CLIENT);

/// The outbound half of a session.
#[derive(Debug)]
pub(super) struct Outbound {
    buffers: Buffers,
    /// What plugins judge first.
    gate: Gate,
    /// What is being written; without capacity when there is nothing.
    bytes: Vec<u8>,
    /// How much of it is written.
    written: usize,
    /// The stanzas in it, each with the place where it ends.
    batch: VecDeque<(usize, Delivery)>,
}

impl Outbound {
    pub(super) fn new(shard: &Rc<Shard>) -> Self {
        Self {
            buffers: shard.buffers.clone(),
            gate: Gate::new(Rc::clone(shard)),
            bytes: Vec::new(),
            written: 0,
            batch: VecDeque::new(),
        }
    }

    /// Adds bytes after what is being written.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.bytes.capacity() == 0 {
            self.bytes = self.buffers.output();
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// True if something is still to be written.
    pub(super) fn is_busy(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Writes out what is being written. Ready when that is done, or failed.
    pub(super) fn poll_write_out(
        &mut self,
        cx: &mut TaskContext<'_>,
        io: &mut Transport,
    ) -> Poll<io::Result<()>> {
        if self.bytes.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while let Some(rest) = self
            .bytes
            .get(self.written..)
            .filter(|rest| !rest.is_empty())
        {
            let count = ready!(io.poll_write(cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written = self.written.saturating_add(count);
        }
        ready!(io.poll_flush(cx))?;
        self.done();
        Poll::Ready(Ok(()))
    }

    /// Writes out the mailbox. Pending when all is written, or the client reads no more just now; ready when the session is
    /// to end, or the connection failed.
    pub(super) fn poll_mailbox(
        &mut self,
        cx: &mut TaskContext<'_>,
        io: &mut Transport,
        handle: &Handle,
    ) -> Poll<io::Result<End>> {
        loop {
            if let Poll::Ready(result) = self.poll_write_out(cx, io) {
                result?;
            } else {
                // The owner still has to hear of the end, whether the client reads or not.
                let end = handle.mailbox().watch_end(cx.waker());
                return end.map_or(Poll::Pending, |end| Poll::Ready(Ok(end)));
            }
            match self.gate.poll(cx, handle) {
                Poll::Ready(None) => {}
                Poll::Ready(Some(judged)) => {
                    self.fill(judged);
                    continue;
                }
                Poll::Pending => {
                    let end = handle.mailbox().watch_end(cx.waker());
                    return end.map_or(Poll::Pending, |end| Poll::Ready(Ok(end)));
                }
            }
            let taken = handle.mailbox().take(BATCH, cx.waker());
            if let Some(end) = taken.end {
                return Poll::Ready(Ok(end));
            }
            if taken.items.is_empty() {
                return Poll::Pending;
            }
            if let Some(items) = self.gate.admit(taken.items) {
                self.fill(items);
            }
        }
    }

    /// Gives back what was not written: when the session is over, it goes to others who can take it, or to its senders.
    pub(super) fn give_up(&mut self, handle: &Handle) {
        let written = self.written;
        for (end, delivery) in self.batch.drain(..) {
            if end <= written {
                delivery.delivered();
            } else {
                handle.give_back(delivery);
            }
        }
        self.gate.give_up(handle);
    }

    fn fill(&mut self, items: VecDeque<Delivery>) {
        if self.bytes.capacity() == 0 {
            self.bytes = self.buffers.output();
        }
        for delivery in items {
            delivery.write(&CONTEXT, &mut self.bytes);
            self.batch.push_back((self.bytes.len(), delivery));
        }
    }

    fn done(&mut self) {
        for (_, delivery) in std::mem::take(&mut self.batch) {
            delivery.delivered();
        }
        self.buffers.give(std::mem::take(&mut self.bytes));
        self.written = 0;
    }
}
