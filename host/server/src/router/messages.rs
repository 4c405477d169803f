//! Messages on their way: to sessions, to the spool, and back from sessions that were not given them (RFC 6121 §8.5).
//!
//! Their order between two accounts is that in which they were sent, also where a session comes to its end in between: what it was
//! not given goes first, and what comes meanwhile waits behind that ([`SessionHandle::release`]).

use std::sync::Arc;

use tokio::sync::oneshot;
use waxwing_xmpp::{
    error::Condition,
    jid::{BareJid, Jid},
    stanza::{Kind, MessageType, Stanza, Type},
};

use super::{
    AddressKind, Origin, Recipients, RecordedPriorities, Router,
    rules::{self, Verdict},
};
use crate::delivery::{
    address::account_of,
    envelope::Envelope,
    mailbox::Flow,
    queued_stanza::QueuedStanza,
    session_handle::SessionHandle,
    spool_queue::{SpoolTask, Waiting},
    worth_keeping::is_worth_keeping,
};

impl Router {
    /// Routes a message by its `to`, which must be there. What is to be kept is kept later.
    pub(crate) fn message(&self, stanza: Envelope) -> Flow {
        match self.try_message(stanza) {
            Ok(flow) => flow,
            Err(stanza) => {
                self.store(stanza, None);
                Flow::Free
            }
        }
    }

    /// Has a message stored for its account, after all that came before it. The sender of `done` is dropped or told when that is done,
    /// or refused.
    pub(crate) fn store(&self, message: Envelope, done: Option<oneshot::Sender<()>>) {
        let waiting = done.map(Waiting::new);
        let task = SpoolTask::Store { message, waiting };
        if let Err(unsent) = self.spool.try_send(task)
            && let SpoolTask::Store { message, .. } = *unsent
        {
            self.bounce(&message, Condition::ServiceUnavailable);
        }
    }

    /// Routes a message by its `to`, which must be there. One that is to be kept comes back.
    pub(crate) fn try_message(&self, stanza: Envelope) -> Result<Flow, Envelope> {
        self.route_message(stanza, None, Origin::Sender)
    }

    /// The same by the priorities that a provider of sessions has for the account.
    pub(crate) fn try_message_by(
        &self,
        stanza: Envelope,
        recorded: Option<&RecordedPriorities>,
    ) -> Result<Flow, Envelope> {
        self.route_message(stanza, recorded, Origin::Sender)
    }

    fn route_message(
        &self,
        stanza: Envelope,
        recorded: Option<&RecordedPriorities>,
        origin: Origin,
    ) -> Result<Flow, Envelope> {
        let (Some(to), Type::Message(kind)) = (stanza.to(), stanza.typed()) else {
            return Ok(Flow::Free);
        };
        match self.address_kind(to) {
            AddressKind::Component => return Ok(self.to_component(&stanza)),
            AddressKind::Remote => return Ok(self.to_remote(stanza)),
            AddressKind::Server => self.bounce(&stanza, Condition::ServiceUnavailable),
            AddressKind::Account | AddressKind::Resource => {
                let chosen = self.choose_by(to, recorded, |address, best| {
                    rules::message(kind, address, best)
                });
                if matches!(&chosen, Recipients::One(handle) if is_behind(handle, &stanza)) {
                    return Err(stanza);
                }
                if matches!(chosen, Recipients::Nobody(Verdict::Keep)) {
                    if !is_worth_keeping(&stanza) {
                        self.bounce(&stanza, Condition::ServiceUnavailable);
                        return Ok(Flow::Free);
                    }
                    return match self.ending(to) {
                        Some(handle) if origin == Origin::Sender => {
                            handle.hold(stanza).map(|()| Flow::Pressed)
                        }
                        _ => Err(stanza),
                    };
                }
                return Ok(self.hand_over(chosen, stanza, origin));
            }
        }
        Ok(Flow::Free)
    }

    /// A session of the account that is at its end, and has yet to say what it was not given: what comes now is to be kept after
    /// that.
    fn ending(&self, to: &Jid) -> Option<Arc<SessionHandle>> {
        self.registry.look(account_of(to), |sessions| {
            let mut ending = sessions.iter().filter(|handle| !handle.is_there());
            ending.next_back().cloned()
        })
    }

    /// A session of an account that takes messages, rather one whose client is there; `None` where one is being given what waits in the spool: it
    /// looks there once more.
    pub(crate) fn idle_taker(&self, account: &BareJid) -> Option<Arc<SessionHandle>> {
        self.registry.look(account.as_str(), |sessions| {
            let takes = |handle: &&Arc<SessionHandle>| {
                handle.takes_messages() && !handle.mailbox().is_ending()
            };
            let takers = || sessions.iter().filter(takes);
            // Each of them, not only the first.
            let looking = takers().filter(|handle| handle.look_again()).count();
            if looking > 0 {
                return None;
            }
            let mut awake = takers().filter(|handle| !handle.is_hibernated());
            awake.next().or_else(|| takers().next()).cloned()
        })
    }

    /// Whether nothing more was sent to the spool that a session is to be given from there: what comes from now on is for the
    /// session itself.
    pub(crate) fn is_replay_complete(&self, handle: &SessionHandle) -> bool {
        let refused = handle.is_replay_complete();
        let caught_up = refused.is_some();
        self.take_back(refused.unwrap_or_default());
        caught_up
    }

    /// A session is given nothing more from the spool.
    pub(crate) fn end_replay(&self, handle: &SessionHandle) {
        self.take_back(handle.end_replay());
    }

    fn take_back(&self, refused: Vec<QueuedStanza>) {
        for stanza in refused.into_iter().filter_map(QueuedStanza::undelivered) {
            self.give_back(stanza, Origin::Sender);
        }
    }

    /// Deals with a stanza that a session was not given: somebody else gets it, or the sender an error.
    pub(super) fn give_back(&self, stanza: Envelope, origin: Origin) {
        match stanza.kind() {
            Kind::Message => {
                // Whoever sent it is not here to make room.
                if let Err(stanza) = self.route_message(stanza, None, origin) {
                    self.store(stanza, None);
                }
            }
            Kind::Iq => self.bounce(&stanza, Condition::ServiceUnavailable),
            // Presence is a matter of the moment.
            Kind::Presence => {}
        }
    }
}

/// Whether a message has to queue up behind others that wait in the spool for the session.
fn is_behind(handle: &SessionHandle, stanza: &Stanza) -> bool {
    is_in_order(stanza)
        && handle.is_replaying()
        && is_worth_keeping(stanza)
        && handle.spool_behind()
}

/// Whether a stanza keeps its place behind those that wait in the spool.
pub(super) fn is_in_order(stanza: &Stanza) -> bool {
    matches!(
        stanza.typed(),
        Type::Message(MessageType::Chat | MessageType::Normal)
    )
}
