//! Which sessions of an account get a stanza, and how it gets into their mailboxes; what they do not take goes back.

use std::sync::Arc;

use waxwing_xmpp::{error::Condition, jid::Jid, stanza::Stanza};

use super::{
    Ranks, Router,
    messages::is_in_order,
    rules::{Aim, Verdict},
    split,
};
use crate::delivery::mailbox::{Flow, Push};
use crate::delivery::{queued_stanza::Delivery, session_handle::Handle};

/// Where a message comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// From whoever sends it.
    Sender,
    /// From a session at its end, which was not given it. It goes before what comes now, and waits behind no other.
    Session,
}

/// The sessions chosen for a stanza.
pub(super) enum Chosen {
    One(Arc<Handle>),
    Many(Vec<Arc<Handle>>),
    Nobody(Verdict),
}

impl Chosen {
    pub(super) fn handles(&self) -> &[Arc<Handle>] {
        match self {
            Self::One(handle) => std::slice::from_ref(handle),
            Self::Many(handles) => handles,
            Self::Nobody(_) => &[],
        }
    }
}

impl Router {
    /// Chooses among the sessions of the account that an address is about.
    pub(super) fn choose(&self, to: &Jid, rule: impl FnOnce(Aim, Option<i8>) -> Verdict) -> Chosen {
        self.choose_by(to, None, rule)
    }

    /// The same by the priorities that a provider has.
    pub(super) fn choose_by(
        &self,
        to: &Jid,
        ranks: Option<&Ranks>,
        rule: impl FnOnce(Aim, Option<i8>) -> Verdict,
    ) -> Chosen {
        let rank = |handle: &Handle| {
            let own = handle.priority();
            let ranks = ranks.filter(|_| handle.is_there());
            let recorded = ranks.and_then(|ranks| ranks.get(handle.resource()));
            recorded.copied().unwrap_or(own)
        };
        let (account, resource) = split(to);
        self.registry.look(account, |sessions| {
            let addressed = resource.and_then(|resource| {
                let mut there = sessions.iter().filter(|handle| handle.is_there());
                there.find(|handle| handle.resource() == resource)
            });
            let aim = match (resource, addressed) {
                (None, _) => Aim::Account,
                (Some(_), Some(_)) => Aim::Resource,
                (Some(_), None) => Aim::NoResource,
            };
            let best = sessions.iter().filter_map(|handle| rank(handle)).max();
            match (rule(aim, best), addressed) {
                (Verdict::Resource, Some(handle)) => Chosen::One(Arc::clone(handle)),
                (Verdict::MostAvailable, _) => pick(sessions, |one| {
                    rank(one).is_some_and(|own| Some(own) == best)
                }),
                (Verdict::NonNegative, _) => pick(sessions, |one| rank(one) >= Some(0)),
                (Verdict::Available, _) => pick(sessions, |one| rank(one).is_some()),
                (verdict, _) => Chosen::Nobody(verdict),
            }
        })
    }

    pub(super) fn hand_over(&self, chosen: Chosen, stanza: Stanza, origin: Origin) -> Flow {
        match chosen {
            Chosen::One(handle) => self.give_from(origin, &handle, Delivery::one(stanza)),
            Chosen::Many(handles) => self.copy_from(origin, &handles, &stanza),
            Chosen::Nobody(Verdict::Bounce) => {
                self.bounce(&stanza, Condition::ServiceUnavailable);
                Flow::Free
            }
            Chosen::Nobody(_) => Flow::Free,
        }
    }

    pub(super) fn copy_to(&self, handles: &[Arc<Handle>], stanza: &Stanza) -> Flow {
        self.copy_from(Origin::Sender, handles, stanza)
    }

    pub(super) fn copy_from(
        &self,
        origin: Origin,
        handles: &[Arc<Handle>],
        stanza: &Stanza,
    ) -> Flow {
        let mut flow = Flow::Free;
        for (handle, copy) in handles.iter().zip(Delivery::copies(stanza, handles.len())) {
            if self.give_from(origin, handle, copy) == Flow::Pressed {
                flow = Flow::Pressed;
            }
        }
        flow
    }

    pub(super) fn give(&self, handle: &Handle, delivery: Delivery) -> Flow {
        self.give_from(Origin::Sender, handle, delivery)
    }

    /// The same before what is held for the session until it is done with the spool.
    pub(super) fn give_first(&self, handle: &Handle, delivery: Delivery) -> Flow {
        self.after_push(Origin::Sender, handle.push(delivery))
    }

    pub(super) fn give_from(&self, origin: Origin, handle: &Handle, delivery: Delivery) -> Flow {
        let push = if delivery.stanza().is_some_and(is_in_order) {
            handle.push_behind(delivery)
        } else {
            handle.push(delivery)
        };
        self.after_push(origin, push)
    }

    fn after_push(&self, origin: Origin, push: Push<Delivery>) -> Flow {
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

fn pick(sessions: &[Arc<Handle>], takes: impl Fn(&Handle) -> bool) -> Chosen {
    let mut chosen = sessions.iter().filter(|handle| takes(handle));
    match (chosen.next(), chosen.next()) {
        (None, _) => Chosen::Nobody(Verdict::Ignore),
        (Some(one), None) => Chosen::One(Arc::clone(one)),
        (Some(one), Some(two)) => {
            let mut handles = vec![Arc::clone(one), Arc::clone(two)];
            handles.extend(chosen.cloned());
            Chosen::Many(handles)
        }
    }
}
