//! Clients of whom nothing is heard: each is asked whether it is there, and its connection is taken for lost if it does not answer. The
//! kernel finds out about a peer that is gone, but not about one that hangs, or about a proxy that keeps the connection of a client that
//! is gone.
//!
//! All that a session has for it is a byte: how many passes of one task it is since its client was heard. There is no timer and no clock
//! of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use waxwing_xml::Element;
use waxwing_xmpp::{
    jid::FullJid,
    ns,
    stanza::{Kind, Stanza},
};

use super::session_handle::SessionHandle;
use crate::router::Router;

/// Passes in the time that a client may be silent.
const PASSES: u32 = 9;
/// After so many without a word the client is to be asked. It is time for the session to do so, however long that takes.
const TO_ASK: u8 = 6;
/// It is asked, and has three more passes to answer.
const ASKED: u8 = 7;
/// It has not answered.
const LOST: u8 = 10;

/// The id of the question, by which the answer is known. At most one is under way on a stream.
const PING: &str = "are-you-there";

/// For how long nothing was heard of a client.
#[derive(Debug, Default)]
pub(crate) struct Liveness(AtomicU8);

impl Liveness {
    /// Something came from the client.
    pub(crate) fn touch(&self) {
        // Nearly always there is nothing to change, and others read what lies beside it.
        if self.0.load(Ordering::Relaxed) != 0 {
            self.0.store(0, Ordering::Relaxed);
        }
    }

    /// Whether the client is to be asked now; this says so once.
    pub(crate) fn should_probe(&self) -> bool {
        let asked = |now: u8| (now == TO_ASK).then_some(ASKED);
        self.is(TO_ASK) && self.change(asked).is_ok()
    }

    /// Whether the client was asked and has not answered in time. What it sent may be there and not read yet.
    pub(crate) fn timed_out(&self) -> bool {
        self.is(LOST)
    }

    /// Time passes. True if the session is to see to it.
    fn pass(&self) -> bool {
        let waits = |now: u8| now == TO_ASK || now == LOST;
        let next = |now: u8| (!waits(now)).then(|| now.saturating_add(1));
        // A failed change: it has waited before.
        self.change(next)
            .map_or(true, |before| waits(before.saturating_add(1)))
    }

    fn is(&self, state: u8) -> bool {
        self.0.load(Ordering::Relaxed) == state
    }

    fn change(&self, next: impl Fn(u8) -> Option<u8>) -> Result<u8, u8> {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
    }
}

/// Passes over all sessions until the server stops, and wakes those whose clients are silent. A session is found to be lost in no more
/// than so many seconds; 0: never.
pub(crate) async fn watch(router: Arc<Router>, seconds: u32, stopping: CancellationToken) {
    let Some(pause) = Duration::from_secs(u64::from(seconds)).checked_div(PASSES) else {
        return;
    };
    if pause.is_zero() {
        return;
    }
    let mut passes = interval(pause);
    // A machine that stood still must not take that for the silence of all clients.
    passes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let passing = async {
        loop {
            passes.tick().await;
            router.each_session(pass_over).await;
        }
    };
    tokio::select! {
        () = stopping.cancelled() => {}
        () = passing => {}
    }
}

fn pass_over(handle: &SessionHandle) {
    // One without a connection has a time of its own.
    if !handle.is_hibernated() && handle.liveness.pass() {
        handle.mailbox().rouse();
    }
}

/// The question of a stream without stream management (XEP-0199 §4.1).
pub(crate) fn ping(session: &FullJid) -> Element {
    Element::builder("iq", ns::CLIENT)
        .attr("type", "get")
        .attr("id", PING)
        .attr("from", session.domain().as_str())
        .attr("to", session.as_str())
        .child(Element::builder("ping", ns::PING).build())
        .build()
}

/// Whether a stanza of a session is the answer to that, a refusal included: it is for nobody else.
pub(crate) fn is_answer(stanza: &Stanza, session: &FullJid) -> bool {
    stanza.kind() == Kind::Iq
        && !stanza.is_request()
        && stanza.id() == Some(PING)
        && stanza
            .to()
            .is_some_and(|to| to.as_str() == session.domain().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_asked_once_after_two_thirds_of_the_time_and_lost_after_all_of_it() {
        let liveness = Liveness::default();
        let passes = (1..=PASSES).map(|_| {
            (
                liveness.pass(),
                liveness.should_probe(),
                liveness.timed_out(),
            )
        });
        let passes: Vec<_> = passes.collect();
        let quiet = (false, false, false);
        assert_eq!(passes[..5], [quiet; 5]);
        assert_eq!(passes[5], (true, true, false));
        assert_eq!(passes[6..8], [quiet; 2]);
        assert_eq!(passes[8], (true, false, true));
        // It waits for its session.
        assert!(liveness.pass() && liveness.timed_out());
    }

    #[test]
    fn a_client_that_is_heard_begins_anew() {
        let liveness = Liveness::default();
        for _ in 0..3 {
            for _ in 1..PASSES {
                liveness.pass();
                liveness.should_probe();
            }
            assert!(!liveness.timed_out());
            liveness.touch();
        }
    }

    #[test]
    fn nobody_is_lost_who_was_not_asked() {
        let liveness = Liveness::default();
        for _ in 0..100 {
            liveness.pass();
        }
        assert!(!liveness.timed_out());
        assert!(liveness.should_probe());
        assert!(!liveness.pass());
    }
}
