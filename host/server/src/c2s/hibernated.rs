//! A session whose connection is lost and whose client may come back (XEP-0198 §5). For everybody else it goes on: what comes for it
//! is held, and messages are put into the spool besides, until the client is there again or its time is over.

use std::{
    future::poll_fn,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::sleep;

use super::resumption::{DetachedSession, ResumptionId};
use crate::{context::StreamContext, delivery::mailbox::End, metrics::router::Limit};

/// Bytes taken from the mailbox at once.
const BATCH: usize = 64 * 1024;

/// Keeps a session until another connection takes it over, or it ends.
pub(super) async fn keep(cx: Rc<StreamContext>, mut detached: DetachedSession) {
    loop {
        match hold_until_claimed(&mut detached).await {
            Some(End::Taken) => {}
            Some(End::Shutdown) => {
                detached.management.spool_and_save().await;
                return give_up(detached);
            }
            // Its time is over, or it makes room for others: nothing hurries.
            None | Some(End::Closing) => {
                detached.management.spool_and_save().await;
                detached.management.save_last_position();
                return give_up(detached);
            }
            Some(end) => {
                if end == End::Overflow {
                    cx.server.router.limit_reached(Limit::Mailbox);
                }
                detached.management.save_last_position();
                return give_up(detached);
            }
        }
        detached = match hand_over(detached) {
            Ok(()) => return,
            Err(back) => *back,
        };
    }
}

/// Hands a session over to the connection that asked for it. It comes back if that is gone.
pub(super) fn hand_over(detached: DetachedSession) -> Result<(), Box<DetachedSession>> {
    detached.registration.handle().mailbox().begin();
    let asker = detached
        .management
        .resumption
        .as_ref()
        .and_then(ResumptionId::asker);
    match asker {
        Some(asker) => asker.send(detached).map_err(Box::new),
        None => Err(Box::new(detached)),
    }
}

/// Waits with a session. `None`: its time is over.
async fn hold_until_claimed(detached: &mut DetachedSession) -> Option<End> {
    let seconds = detached.management.resumption.as_ref()?.seconds()?;
    let handle = Arc::clone(detached.registration.handle());
    tracing::debug!(jid = %handle.jid, "the client is away");
    handle.set_hibernated(true);
    detached.management.connection_lost();
    if let Some(resumption) = &detached.management.resumption {
        resumption.hibernate(detached.bytes());
    }
    let end = poll_fn(|cx| detached.poll_hold(cx));
    let why = tokio::select! {
        biased;
        why = end => Some(why),
        () = sleep(Duration::from_secs(u64::from(seconds))) => None,
    };
    tracing::debug!(jid = %handle.jid, ?why, "session wakes");
    why
}

/// Ends a session: what its client does not have goes elsewhere, or stays in the spool. How far its stream was stays noted: its client may
/// ask later (XEP-0198 §5).
pub(super) fn give_up(mut detached: DetachedSession) {
    let handle = detached.registration.handle();
    // Nothing more comes behind what is given back.
    handle.end(End::Closing);
    detached.management.return_unacked(handle);
    for delivery in std::mem::take(&mut detached.held) {
        handle.give_back(delivery);
    }
}

impl DetachedSession {
    /// Bytes that wait for the client.
    fn bytes(&self) -> usize {
        self.management.bytes().saturating_add(self.held.bytes())
    }

    /// Takes what comes. Ready when the session is to end, or to be handed over.
    fn poll_hold(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let mailbox = self.registration.handle().mailbox();
        let bounds = mailbox.bounds();
        loop {
            let taken = mailbox.take(BATCH, cx.waker());
            if let Some(end) = taken.end {
                return Poll::Ready(end);
            }
            if taken.items.is_empty() {
                return Poll::Pending;
            }
            for mut delivery in taken.items {
                self.management.spool_copy(&mut delivery);
                self.held.hold(delivery);
            }
            if bounds.are_exceeded(0, self.held.len()) {
                self.held.tidy();
            }
            if self.held.exceeds(bounds) {
                return Poll::Ready(End::Overflow);
            }
            if let Some(resumption) = &self.management.resumption {
                resumption.hold(self.bytes());
            }
        }
    }
}
