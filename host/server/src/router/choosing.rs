//! Which sessions of an account get a stanza, and how it gets into their mailboxes; what they do not take goes back.

use std::sync::Arc;

use waxwing_xmpp::{error::Condition, jid::Jid, stanza::Stanza};

use super::{
    RecordedPriorities, Router,
    messages::is_in_order,
    rules::{AddressMatch, Verdict},
};
use crate::delivery::{
    address::split,
    envelope::Envelope,
    mailbox::{Flow, Push},
    queued_stanza::QueuedStanza,
    session_handle::SessionHandle,
};

/// Where a message comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Its sender.
    Sender,
    /// A session that ended before it was delivered. It goes before newer stanzas, and waits behind no other.
    Session,
}

/// The sessions chosen for a stanza.
pub(super) enum Recipients {
    One(Arc<SessionHandle>),
    Many(Vec<Arc<SessionHandle>>),
    Nobody(Verdict),
}

impl Recipients {
    pub(super) fn handles(&self) -> &[Arc<SessionHandle>] {
        match self {
            Self::One(handle) => std::slice::from_ref(handle),
            Self::Many(handles) => handles,
            Self::Nobody(_) => &[],
        }
    }
}

impl Router {
    /// Chooses among the sessions of the account that an address is about.
    pub(super) fn choose(
        &self,
        to: &Jid,
        rule: impl FnOnce(AddressMatch, Option<i8>) -> Verdict,
    ) -> Recipients {
        self.choose_by(to, None, rule)
    }

    /// Like [`choose`](Self::choose), with priorities from the session provider instead of the sessions' own.
    pub(super) fn choose_by(
        &self,
        to: &Jid,
        recorded: Option<&RecordedPriorities>,
        rule: impl FnOnce(AddressMatch, Option<i8>) -> Verdict,
    ) -> Recipients {
        let rank = |handle: &SessionHandle| {
            let own = handle.priority();
            let recorded = recorded.filter(|_| handle.is_there());
            let recorded = recorded.and_then(|recorded| recorded.get(handle.resource()));
            recorded.copied().unwrap_or(own)
        };
        let (account, resource) = split(to);
        self.registry.look(account, |sessions| {
            let addressed = resource.and_then(|resource| {
                let mut there = sessions.iter().filter(|handle| handle.is_there());
                there.find(|handle| handle.resource() == resource)
            });
            let address = match (resource, addressed) {
                (None, _) => AddressMatch::Account,
                (Some(_), Some(_)) => AddressMatch::Resource,
                (Some(_), None) => AddressMatch::NoResource,
            };
            let best = sessions.iter().filter_map(|handle| rank(handle)).max();
            match (rule(address, best), addressed) {
                (Verdict::Resource, Some(handle)) => Recipients::One(Arc::clone(handle)),
                (Verdict::MostAvailable, _) => pick(sessions, |one| {
                    rank(one).is_some_and(|own| Some(own) == best)
                }),
                (Verdict::NonNegative, _) => pick(sessions, |one| rank(one) >= Some(0)),
                (Verdict::Available, _) => pick(sessions, |one| rank(one).is_some()),
                (verdict, _) => Recipients::Nobody(verdict),
            }
        })
    }

    pub(super) fn hand_over(&self, chosen: Recipients, stanza: Envelope, origin: Origin) -> Flow {
        match chosen {
            Recipients::One(handle) => self.give_from(origin, &handle, QueuedStanza::one(stanza)),
            Recipients::Many(handles) => self.copy_from(origin, &handles, stanza),
            Recipients::Nobody(verdict) => {
                if verdict == Verdict::Bounce {
                    self.bounce(&stanza, Condition::ServiceUnavailable);
                }
                // What is over for its sender is not given to anybody later.
                stanza.end_receipt();
                Flow::Free
            }
        }
    }

    pub(super) fn copy_to(&self, handles: &[Arc<SessionHandle>], stanza: Stanza) -> Flow {
        self.copy_from(Origin::Sender, handles, stanza.into())
    }

    pub(super) fn copy_from(
        &self,
        origin: Origin,
        handles: &[Arc<SessionHandle>],
        stanza: Envelope,
    ) -> Flow {
        let mut flow = Flow::Free;
        for (handle, copy) in handles
            .iter()
            .zip(QueuedStanza::copies(stanza, handles.len()))
        {
            if self.give_from(origin, handle, copy) == Flow::Pressed {
                flow = Flow::Pressed;
            }
        }
        flow
    }

    pub(super) fn give(&self, handle: &SessionHandle, delivery: QueuedStanza) -> Flow {
        self.give_from(Origin::Sender, handle, delivery)
    }

    /// Queues a stanza before those that are held until the session has replayed the spool.
    pub(super) fn give_first(&self, handle: &SessionHandle, delivery: QueuedStanza) -> Flow {
        self.after_push(Origin::Sender, handle.push(delivery))
    }

    pub(super) fn give_from(
        &self,
        origin: Origin,
        handle: &SessionHandle,
        delivery: QueuedStanza,
    ) -> Flow {
        let push = if delivery
            .envelope()
            .is_some_and(|envelope| is_in_order(envelope))
        {
            handle.push_after_replay(delivery)
        } else {
            handle.push(delivery)
        };
        self.after_push(origin, push)
    }

    fn after_push(&self, origin: Origin, push: Push<QueuedStanza>) -> Flow {
        match push {
            Push::Queued(flow) => flow,
            Push::Refused(delivery) => {
                if let Some(stanza) = delivery.undelivered() {
                    self.give_back(stanza, origin);
                }
                Flow::Free
            }
        }
    }
}

fn pick(sessions: &[Arc<SessionHandle>], takes: impl Fn(&SessionHandle) -> bool) -> Recipients {
    let mut chosen = sessions.iter().filter(|handle| takes(handle));
    match (chosen.next(), chosen.next()) {
        (None, _) => Recipients::Nobody(Verdict::Ignore),
        (Some(one), None) => Recipients::One(Arc::clone(one)),
        (Some(one), Some(two)) => {
            let mut handles = vec![Arc::clone(one), Arc::clone(two)];
            handles.extend(chosen.cloned());
            Recipients::Many(handles)
        }
    }
}
