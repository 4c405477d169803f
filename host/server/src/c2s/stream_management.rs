//! Stream management (XEP-0198) of one session: what its client has yet to acknowledge, and what it is owed an ack for.

use std::{
    collections::VecDeque,
    future::{Future as _, poll_fn},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep, timeout};
use waxwing_storage::{AccountId, StreamNote};
use waxwing_xmpp::{error::StreamError, sm};

use super::resumption::Ticket;
use crate::{
    delivery::{
        mailbox::{Bounds, Weigh as _},
        queued_stanza::Delivery,
        receipt::{Ledger, Promise},
        session_handle::Handle,
        spool_queue::{Keeper, Task},
    },
    offline,
};

/// Time from a client's question until what is still on its way is put into the spool.
const SECURE_AFTER: Duration = Duration::from_millis(250);
/// Time from then on until the client is told what is dealt with by then.
const ANSWER_AFTER: Duration = Duration::from_millis(600);
/// How often it is noted at most how far a stream is.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// The state of stream management, which outlives the connection.
#[derive(Debug)]
pub(super) struct Managed {
    ledger: Arc<Ledger>,
    keeper: Keeper,
    /// What was sent and not acknowledged, oldest first.
    unacked: VecDeque<Delivery>,
    /// The weight of these.
    bytes: usize,
    /// What the client acknowledged last.
    acked: u32,
    /// The client was asked, and has not answered.
    asked: bool,
    /// What the client asked.
    due: Option<Due>,
    /// There if the session can be resumed.
    pub(super) ticket: Option<Ticket>,
    noted: Option<Instant>,
}

/// A question of the client's.
#[derive(Debug)]
struct Due {
    /// The last stanza before it.
    number: u32,
    step: Step,
    timer: std::pin::Pin<Box<Sleep>>,
}

/// How far its answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Receivers may yet acknowledge.
    Waiting,
    /// What they did not is put into the spool.
    Securing,
    /// The client was told what was dealt with by then, and hears of the rest as soon as it is.
    Told,
}

impl Managed {
    /// Nothing is counted yet.
    pub(super) fn new(keeper: &Keeper, ticket: Option<Ticket>) -> Self {
        Self {
            ledger: Ledger::new(keeper.clone()),
            keeper: keeper.clone(),
            unacked: VecDeque::new(),
            bytes: 0,
            acked: 0,
            asked: false,
            due: None,
            ticket,
            noted: None,
        }
    }

    /// Counts a stanza of the client's, which is dealt with when the promise is kept.
    pub(super) fn take(&self) -> Arc<Promise> {
        self.ledger.take()
    }

    /// How many of the client's stanzas are dealt with.
    pub(super) fn handled(&self) -> u32 {
        self.ledger.settled()
    }

    /// Counts a stanza that is sent to the client.
    pub(super) fn sent(&mut self, delivery: Delivery) {
        self.bytes = self.bytes.saturating_add(delivery.weight());
        self.unacked.push_back(delivery);
    }

    /// Whether the client has more to acknowledge than that.
    pub(super) fn exceeds(&self, bounds: Bounds) -> bool {
        bounds.are_exceeded(self.bytes, self.unacked.len())
    }

    /// Bytes that the client has not acknowledged.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the client is to be asked now what it has handled.
    pub(super) fn asks(&mut self) -> bool {
        let asks = !self.asked && !self.unacked.is_empty();
        self.asked |= asks;
        asks
    }

    /// The client has handled so many stanzas. An error ends the stream.
    pub(super) fn acked(&mut self, handled: u32) -> Result<(), StreamError> {
        let count = sm::newly_handled(self.acked, handled, self.unacked.len())?;
        self.acked = handled;
        self.asked = false;
        for delivery in self.unacked.drain(..count) {
            self.bytes = self.bytes.saturating_sub(delivery.weight());
            delivery.delivered();
        }
        if self.unacked.is_empty() {
            self.unacked = VecDeque::new();
        }
        Ok(())
    }

    /// The client asks what is handled. It hears of it within a second.
    pub(super) fn asked(&mut self) {
        let number = self.ledger.taken();
        match &mut self.due {
            Some(due) if due.step == Step::Waiting => due.number = number,
            due => {
                *due = Some(Due {
                    number,
                    step: Step::Waiting,
                    timer: Box::pin(sleep(SECURE_AFTER)),
                });
            }
        }
    }

    /// Ready with a count that the client is to be told.
    pub(super) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<u32> {
        while let Some(due) = &mut self.due {
            if self.ledger.is_settled(due.number, cx.waker()) {
                self.due = None;
                return Poll::Ready(self.say());
            }
            if due.step == Step::Told || due.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if due.step == Step::Securing {
                due.step = Step::Told;
                return Poll::Ready(self.say());
            }
            due.step = Step::Securing;
            self.ledger.secure(due.number);
            let next = Instant::now().checked_add(ANSWER_AFTER);
            due.timer.as_mut().reset(next.unwrap_or_else(Instant::now));
        }
        Poll::Pending
    }

    /// What the client is told; noted for the case that it does not hear of it before the server stops.
    fn say(&mut self) -> u32 {
        if self.noted.is_none_or(|noted| noted.elapsed() > NOTE_EVERY) {
            self.note();
        }
        self.handled()
    }

    /// Notes how far the stream is.
    pub(super) fn note(&mut self) {
        let Some(ticket) = &self.ticket else { return };
        self.noted = Some(Instant::now());
        self.keeper.send(Task::Note(StreamNote {
            account: AccountId(ticket.account.cast_signed()),
            id: ticket.id.clone(),
            handled: self.handled(),
            at: offline::now(),
        }));
    }

    /// Another connection goes on with the stream. Its client is told what is dealt with by then, and sends the rest again under the
    /// same numbers (XEP-0198 §5): what is still on its way is dealt with first as far as that goes, and counts no more.
    pub(super) async fn go_on(&mut self) {
        let taken = self.ledger.taken();
        self.ledger.secure(taken);
        let settled = poll_fn(|cx| {
            if self.ledger.is_settled(taken, cx.waker()) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        // What is not dealt with then comes twice.
        drop(timeout(ANSWER_AFTER, settled).await);
        self.ledger = Ledger::after(self.keeper.clone(), self.ledger.settled());
    }

    /// Notes how far the stream is at the end of the server: what is still on its way is put into the spool first.
    pub(super) async fn settle(&mut self) {
        self.ledger.secure(self.ledger.taken());
        // Where the database does not answer less is noted, which is true as well.
        drop(timeout(ANSWER_AFTER, self.keeper.catch_up(None)).await);
        self.note();
    }

    /// Forgets that.
    pub(super) fn forget(&mut self) {
        if let Some(ticket) = self.ticket.take()
            && self.noted.is_some()
        {
            self.keeper.send(Task::Forget(ticket.id.clone()));
        }
    }

    /// The connection is lost: what the client has not acknowledged is put into the spool, in case that it does not come back.
    pub(super) fn lose(&mut self) {
        self.asked = false;
        self.due = None;
        for delivery in &mut self.unacked {
            secure(&self.keeper, delivery);
        }
        self.note();
    }

    /// Puts what waits for the client into the spool.
    pub(super) fn secure(&self, delivery: &mut Delivery) {
        secure(&self.keeper, delivery);
    }

    /// What the client has not acknowledged, to be sent again.
    pub(super) fn unacked(&self) -> impl Iterator<Item = &Delivery> {
        self.unacked.iter()
    }

    /// Gives back what the client has not acknowledged.
    pub(super) fn give_up(&mut self, handle: &Handle) {
        for delivery in std::mem::take(&mut self.unacked) {
            handle.give_back(delivery);
        }
        self.bytes = 0;
    }
}

fn secure(keeper: &Keeper, delivery: &mut Delivery) {
    if let Some(promise) = delivery.promise() {
        keeper.send(Task::Secure(promise));
    }
}
