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

use super::resumption::ResumptionId;
use crate::{
    config::bounds::Bounds,
    delivery::{
        mailbox::Weigh as _,
        queued_stanza::QueuedStanza,
        receipt::{AckTracker, DeliveryReceipt},
        session_handle::SessionHandle,
        spool_queue::{SpoolQueue, SpoolTask},
    },
    wall_clock,
};

/// Time from a client's question until what is still on its way is put into the spool.
const SPOOL_AFTER: Duration = Duration::from_millis(250);
/// Time from then on until the client is told what is dealt with by then.
const ANSWER_AFTER: Duration = Duration::from_millis(600);
/// How often it is saved at most how far a stream is.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// The state of stream management, which outlives the connection.
#[derive(Debug)]
pub(super) struct StreamManagement {
    tracker: Arc<AckTracker>,
    spool: SpoolQueue,
    /// What was sent and not acknowledged, oldest first.
    unacked: VecDeque<QueuedStanza>,
    /// The weight of these.
    bytes: usize,
    /// What the client acknowledged last.
    acked: u32,
    /// The client was asked, and has not answered.
    asked: bool,
    /// What the client asked.
    ack_request: Option<AckRequest>,
    /// There if the session can be resumed.
    pub(super) resumption: Option<ResumptionId>,
    saved: Option<Instant>,
}

/// A question of the client's.
#[derive(Debug)]
struct AckRequest {
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
    Spooling,
    /// The client was told what was dealt with by then, and hears of the rest as soon as it is.
    Answered,
}

impl StreamManagement {
    /// Nothing is counted yet.
    pub(super) fn new(spool: &SpoolQueue, resumption: Option<ResumptionId>) -> Self {
        Self {
            tracker: AckTracker::new(spool.clone()),
            spool: spool.clone(),
            unacked: VecDeque::new(),
            bytes: 0,
            acked: 0,
            asked: false,
            ack_request: None,
            resumption,
            saved: None,
        }
    }

    /// Counts a stanza of the client's, which is dealt with when the receipt is kept.
    pub(super) fn begin(&self) -> Arc<DeliveryReceipt> {
        self.tracker.begin()
    }

    /// How many of the client's stanzas are dealt with.
    pub(super) fn handled(&self) -> u32 {
        self.tracker.completed()
    }

    /// Counts a stanza that is sent to the client.
    pub(super) fn sent(&mut self, delivery: QueuedStanza) {
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
    pub(super) fn should_request_ack(&mut self) -> bool {
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
    pub(super) fn on_ack_request(&mut self) {
        let number = self.tracker.received();
        match &mut self.ack_request {
            Some(request) if request.step == Step::Waiting => request.number = number,
            request => {
                *request = Some(AckRequest {
                    number,
                    step: Step::Waiting,
                    timer: Box::pin(sleep(SPOOL_AFTER)),
                });
            }
        }
    }

    /// Ready with a count that the client is to be told.
    pub(super) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<u32> {
        while let Some(request) = &mut self.ack_request {
            if self.tracker.is_completed(request.number, cx.waker()) {
                self.ack_request = None;
                return Poll::Ready(self.send_ack());
            }
            if request.step == Step::Answered || request.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if request.step == Step::Spooling {
                request.step = Step::Answered;
                return Poll::Ready(self.send_ack());
            }
            request.step = Step::Spooling;
            self.tracker.spool_pending(request.number);
            let next = Instant::now().checked_add(ANSWER_AFTER);
            request
                .timer
                .as_mut()
                .reset(next.unwrap_or_else(Instant::now));
        }
        Poll::Pending
    }

    /// What the client is told; saved for the case that it does not hear of it before the server stops.
    fn send_ack(&mut self) -> u32 {
        if self.saved.is_none_or(|saved| saved.elapsed() > SAVE_EVERY) {
            self.save_position();
        }
        self.handled()
    }

    /// Notes how far the stream is.
    pub(super) fn save_position(&mut self) {
        if let Some(note) = self.position() {
            self.saved = Some(Instant::now());
            self.spool.send(SpoolTask::SaveStreamPosition(note));
        }
    }

    /// Notes how far the stream was at the end of its session, which cannot be resumed any more. Its client may ask for that later, and
    /// need not send again what was handled (XEP-0198 §5). Of each account so many streams stay noted.
    pub(super) fn save_last_position(&mut self) {
        if let Some(note) = self.position() {
            self.spool.send(SpoolTask::SaveLastStreamPosition(note));
        }
    }

    fn position(&self) -> Option<StreamNote> {
        let resumption = self.resumption.as_ref()?;
        Some(StreamNote {
            account: AccountId(resumption.account.cast_signed()),
            id: resumption.id.clone(),
            handled: self.handled(),
            at: wall_clock::millis(),
        })
    }

    /// Another connection goes on with the stream. Its client is told what is dealt with by then, and sends the rest again under the
    /// same numbers (XEP-0198 §5): what is still on its way is dealt with first as far as that goes, and counts no more.
    pub(super) async fn finish_pending(&mut self) {
        let received = self.tracker.received();
        self.tracker.spool_pending(received);
        let settled = poll_fn(|cx| {
            if self.tracker.is_completed(received, cx.waker()) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        // What is not dealt with then comes twice.
        drop(timeout(ANSWER_AFTER, settled).await);
        self.tracker = AckTracker::after(self.spool.clone(), self.tracker.completed());
    }

    /// Notes how far the stream is at the end of its session or of the server: what is still on its way is put into the spool first.
    pub(super) async fn spool_and_save(&mut self) {
        self.tracker.spool_pending(self.tracker.received());
        // Where the database does not answer less is saved, which is true as well.
        drop(timeout(ANSWER_AFTER, self.spool.barrier(None)).await);
        self.save_position();
    }

    /// Forgets how far the stream is: its client closed it, and will not ask.
    pub(super) fn forget(&mut self) {
        if let Some(resumption) = self.resumption.take()
            && self.saved.is_some()
        {
            self.spool
                .send(SpoolTask::ForgetStream(resumption.id.clone()));
        }
    }

    /// The connection is lost: what the client has not acknowledged is put into the spool, in case that it does not come back.
    pub(super) fn connection_lost(&mut self) {
        self.asked = false;
        self.ack_request = None;
        for delivery in &mut self.unacked {
            spool_copy(&self.spool, delivery);
        }
        self.save_position();
    }

    /// Puts what waits for the client into the spool.
    pub(super) fn spool_copy(&self, delivery: &mut QueuedStanza) {
        spool_copy(&self.spool, delivery);
    }

    /// What the client has not acknowledged, to be sent again.
    pub(super) fn unacked(&self) -> impl Iterator<Item = &QueuedStanza> {
        self.unacked.iter()
    }

    /// Gives back what the client has not acknowledged.
    pub(super) fn return_unacked(&mut self, handle: &SessionHandle) {
        for delivery in std::mem::take(&mut self.unacked) {
            handle.give_back(delivery);
        }
        self.bytes = 0;
    }
}

fn spool_copy(spool: &SpoolQueue, delivery: &mut QueuedStanza) {
    if let Some(receipt) = delivery.receipt() {
        spool.send(SpoolTask::SpoolCopy(receipt));
    }
}
