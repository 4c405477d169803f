//! The idle timeout of a session: the server pings a silent client, then drops its connection. The kernel finds a peer that is gone,
//! but not one that hangs, nor a proxy that keeps the connection of a client that is gone.
//!
//! A session spends one byte on it: the passes of one task (`c2s::liveness_watch`) since the client last sent something. A session has
//! no timer and no clock of its own.

use std::sync::atomic::{AtomicU8, Ordering};

use waxwing_xml::Element;
use waxwing_xmpp::{
    jid::FullJid,
    ns,
    stanza::{Kind, Stanza},
};

/// Passes of the watch in the idle timeout.
pub(crate) const PASSES: u32 = 9;
/// Passes without a stanza after which the session has to probe its client. The count stops here until it did.
const TO_ASK: u8 = 6;
/// The client was probed, and has three more passes to answer.
const ASKED: u8 = 7;
/// The client did not answer.
const LOST: u8 = 10;

/// The id of the question, by which the answer is known. At most one is under way on a stream.
const PING: &str = "are-you-there";

/// How long a client has been silent, in passes of the watch.
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

    /// Whether the session has to probe its client now. True once for each silence.
    pub(crate) fn should_probe(&self) -> bool {
        let asked = |now: u8| (now == TO_ASK).then_some(ASKED);
        self.is(TO_ASK) && self.change(asked).is_ok()
    }

    /// Whether the client did not answer the probe in time. Data that it sent may be there and not read yet.
    pub(crate) fn timed_out(&self) -> bool {
        self.is(LOST)
    }

    /// Counts a pass of the watch. True if the session has to be woken.
    pub(crate) fn pass(&self) -> bool {
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
