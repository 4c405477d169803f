//! What is on its way to the client: the mailbox, and the bytes that are being written.
//!
//! All that is queued goes out in one write. The stanzas whose bytes are not yet written are kept, so that they can go
//! elsewhere when the client is lost; with stream management those that the client has not acknowledged. With nothing to write no
//! buffer is held.

use std::{
    io, mem,
    rc::Rc,
    task::{Context as TaskContext, Poll, ready},
};

use waxwing_xml::Element;
use waxwing_xmpp::{sm, stream::Framing};

use super::{
    client_state::ClientStateBuffer, deliver_hooks::DeliverHooks,
    stream_management::StreamManagement,
};
use crate::{
    config::bounds::Bounds,
    context::StreamContext,
    delivery::{
        liveness,
        mailbox::{End, Items},
        queued_stanza::QueuedStanza,
        session_handle::SessionHandle,
    },
};
use crate::{
    delivery::buffers::{Batch, Buffers},
    net::transport::Transport,
};

/// Bytes of stanzas taken from the mailbox at once; the next are taken when these are written.
const BATCH: usize = 64 * 1024;

/// The outbound half of a session.
#[derive(Debug)]
pub(super) struct Outbound {
    /// How the stream lies on its transport.
    pub(super) framing: Framing,
    buffers: Buffers,
    /// What plugins judge first.
    deliver_hooks: DeliverHooks,
    /// How much may wait for the client.
    bounds: Bounds,
    /// What is being written; without capacity when there is nothing.
    bytes: Vec<u8>,
    /// How much of it is written.
    written: usize,
    /// The stanzas in it, each with the place where it ends; none with stream management.
    batch: Batch,
    /// Stream management, where the client enabled it.
    pub(super) management: Option<Box<StreamManagement>>,
    /// What is held back while the client says that nobody looks at it.
    client_state: Option<Box<ClientStateBuffer>>,
}

impl Outbound {
    pub(super) fn new(cx: &Rc<StreamContext>, framing: Framing) -> Self {
        Self {
            framing,
            buffers: cx.buffers.clone(),
            deliver_hooks: DeliverHooks::new(Rc::clone(cx)),
            bounds: cx.limits.outbound,
            bytes: Vec::new(),
            written: 0,
            batch: Batch::new(),
            management: None,
            client_state: None,
        }
    }

    /// Adds bytes after what is being written.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer().extend_from_slice(bytes);
    }

    /// Adds an element of the stream's own.
    pub(super) fn say(&mut self, element: &Element) {
        let context = self.framing.context();
        element.write(&context, self.buffer());
    }

    /// Asks a client of which nothing was heard whether it is there: what it has handled, or, without stream management, by a ping.
    pub(super) fn ask(&mut self, handle: &SessionHandle) {
        if self.management.is_some() {
            self.push(sm::REQUEST);
        } else {
            self.say(&liveness::ping(&handle.jid));
        }
    }

    fn buffer(&mut self) -> &mut Vec<u8> {
        if self.bytes.capacity() == 0 {
            self.bytes = self.buffers.output();
        }
        &mut self.bytes
    }

    /// True if something is still to be written.
    pub(super) fn is_busy(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// True if the client has to acknowledge something before it is sent more. What comes meanwhile waits in its mailbox, which ends the
    /// session when it is full.
    pub(super) fn waits_for_acks(&self) -> bool {
        let bounds = self.bounds.half();
        let management = self.management.as_ref();
        management.is_some_and(|management| management.exceeds(bounds))
    }

    /// Goes on with a session after its connection was lost: says so, and sends what the client has not.
    pub(super) fn resume(
        &mut self,
        management: Box<StreamManagement>,
        previd: &str,
        held: ClientStateBuffer,
    ) {
        self.say(&sm::resumed(previd, management.handled()));
        let context = self.framing.context();
        let bytes = self.buffer();
        for delivery in management.unacked() {
            delivery.write(&context, bytes);
        }
        self.management = Some(management);
        self.admit(held.into_iter().collect());
    }

    /// Somebody looks at the client, or nobody does (XEP-0352).
    pub(super) fn set_active(&mut self, active: bool) {
        if active {
            self.flush_client_state();
            self.client_state = None;
        } else if self.client_state.is_none() {
            self.client_state = Some(Box::default());
        }
    }

    /// What was held back from the client, or not judged. A session that goes on is taken for one that somebody looks at (XEP-0352 §4.1).
    pub(super) fn take_held(&mut self) -> ClientStateBuffer {
        let mut held = self
            .client_state
            .take()
            .map_or_else(ClientStateBuffer::default, |client_state| *client_state);
        self.deliver_hooks
            .take()
            .into_iter()
            .for_each(|delivery| held.hold(delivery));
        held
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

    /// Writes out the mailbox. Pending when all is written, or the client reads or acknowledges no more just now; ready when the
    /// session is to end, or the connection failed.
    pub(super) fn poll_mailbox(
        &mut self,
        cx: &mut TaskContext<'_>,
        io: &mut Transport,
        handle: &SessionHandle,
    ) -> Poll<io::Result<End>> {
        self.answer(cx);
        loop {
            let is_written = match self.poll_write_out(cx, io) {
                Poll::Ready(result) => result.map(|()| true)?,
                Poll::Pending => false,
            };
            if !is_written || self.waits_for_acks() {
                // The owner still has to hear of the end, whether the client reads or not.
                let end = handle.mailbox().watch_end(cx.waker());
                return end.map_or(Poll::Pending, |end| Poll::Ready(Ok(end)));
            }
            match self.deliver_hooks.poll(cx, handle) {
                Poll::Ready(None) => {}
                Poll::Ready(Some(judged)) => {
                    self.sort(judged);
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
            self.admit(taken.items);
        }
    }

    /// Tells the client what is handled, if it asked.
    fn answer(&mut self, cx: &mut TaskContext<'_>) {
        if let Some(management) = &mut self.management
            && let Poll::Ready(handled) = management.poll_answer(cx)
        {
            self.say(&sm::ack(handled));
        }
    }

    /// Gives back what the client does not have: when the session is over, it goes to others who can take it, or to its senders.
    pub(super) fn give_up(&mut self, handle: &SessionHandle) {
        let written = self.written;
        for (end, delivery) in self.batch.drain(..) {
            if end <= written {
                delivery.delivered();
            } else {
                handle.give_back(delivery);
            }
        }
        if let Some(mut management) = self.management.take() {
            management.return_unacked(handle);
            management.forget();
        }
        for delivery in self
            .client_state
            .take()
            .into_iter()
            .flat_map(|client_state| *client_state)
        {
            handle.give_back(delivery);
        }
        for delivery in self.deliver_hooks.take() {
            handle.give_back(delivery);
        }
    }

    /// Has plugins judge what came for the session, where one wants to.
    fn admit(&mut self, items: Items<QueuedStanza>) {
        if let Some(items) = self.deliver_hooks.admit(items) {
            self.sort(items);
        }
    }

    /// Writes what is not to be held back, after what was held back before it: it keeps its order.
    fn sort(&mut self, items: Items<QueuedStanza>) {
        let Some(mut client_state) = self.client_state.take() else {
            return self.fill(items);
        };
        for delivery in items {
            let hurries = !ClientStateBuffer::can_wait(&delivery);
            client_state.hold(delivery);
            if hurries || client_state.exceeds(self.bounds.quarter()) {
                self.fill(mem::take(&mut *client_state));
            }
        }
        self.client_state = Some(client_state);
    }

    fn flush_client_state(&mut self) {
        if let Some(client_state) = &mut self.client_state {
            let held = mem::take(&mut **client_state);
            self.fill(held);
        }
    }

    fn fill(&mut self, items: impl IntoIterator<Item = QueuedStanza>) {
        let context = self.framing.context();
        for delivery in items {
            let bytes = self.buffer();
            delivery.write(&context, bytes);
            if let Some(management) = &mut self.management {
                management.sent(delivery);
                continue;
            }
            if self.batch.capacity() == 0 {
                self.batch = self.buffers.batch();
            }
            self.batch.push((self.bytes.len(), delivery));
        }
        if let Some(management) = &mut self.management
            && management.should_request_ack()
        {
            self.push(sm::REQUEST);
        }
    }

    /// The client acknowledges. Asks it again if there is more to acknowledge.
    pub(super) fn acked(&mut self, handled: u32) -> Result<(), waxwing_xmpp::error::StreamError> {
        let Some(management) = &mut self.management else {
            return Ok(());
        };
        management.acked(handled)?;
        if management.should_request_ack() {
            self.push(sm::REQUEST);
        }
        Ok(())
    }

    fn done(&mut self) {
        for (_, delivery) in self.batch.drain(..) {
            delivery.delivered();
        }
        self.buffers.give_batch(mem::take(&mut self.batch));
        self.buffers.give(mem::take(&mut self.bytes));
        self.written = 0;
    }
}
