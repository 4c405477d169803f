//! Presence between local sessions (RFC 6121 §4): a resource's own account hears of it, and so do those who are subscribed to it,
//! by the account's view, and everybody whom it told by directed presence. A client seldom sends presence, so whether mailboxes
//! are pressed is of no interest here.

use std::sync::{Arc, atomic::Ordering};

use waxwing_xml::{Edit, Element, ElementRef};
use waxwing_xmpp::content::ContentNamespace;
use waxwing_xmpp::{
    error::Condition,
    jid::{BareJid, Jid},
    ns,
    stanza::{PresenceType, Stanza, Type},
    subscription::{Availability, State},
};

use super::{AccountSubscriptions, AddressKind, Origin, Router, rules};
use crate::{
    delivery::{
        address::account_of, envelope::Envelope, queued_stanza::QueuedStanza,
        session_handle::SessionHandle,
    },
    metrics::router::Limit,
};

/// Which sessions of an account are told something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Those that have asked for the roster.
    Interested,
    /// Those that are available.
    Available,
}

impl Router {
    /// Takes presence from a session; `from` is stamped.
    pub(crate) fn presence(&self, sender: &Arc<SessionHandle>, stanza: Stanza) {
        let Type::Presence(kind) = stanza.typed() else {
            return;
        };
        match (stanza.to(), kind) {
            (None, PresenceType::Available) => self.available(sender, stanza),
            (None, PresenceType::Unavailable) => self.broadcast_unavailable(sender, Some(&stanza)),
            (None, PresenceType::Probe) => self.probe(sender, &stanza, &sender.jid),
            // Requests to subscribe and errors need somebody to go to.
            (None, _) => {}
            (Some(_), _) => self.directed(sender, stanza, kind),
        }
    }

    /// Initial presence, or another one (RFC 6121 §4.2.2, §4.4.2).
    fn available(&self, sender: &Arc<SessionHandle>, mut stanza: Stanza) {
        stanza.set_to(Arc::clone(&sender.account_jid));
        let initial = {
            let mut presence = sender.presence.lock();
            if presence.retired {
                return;
            }
            presence.last.replace(stanza.clone()).is_none()
        };
        sender.set_priority(Some(priority(&stanza)));
        self.announce(sender, &stanza, initial);
    }

    /// Tells everybody whom it concerns of a resource that is available.
    pub(super) fn announce(&self, sender: &Arc<SessionHandle>, stanza: &Stanza, initial: bool) {
        let account = account_of(&sender.jid);
        let available = self.available_resources(account);
        if initial {
            self.send_presence_of(sender, &available);
        }
        let _ = self.copy_to(&available, stanza.clone());
        self.broadcast(account, stanza);
        let is_over = sender.presence.lock().retired;
        if is_over && let Some(unavailable) = unavailable(&sender.jid) {
            // Somebody else ended the session meanwhile, and said so before this: that it is over is the last word.
            self.retract(sender, &unavailable);
        }
    }

    /// Tells them that it is unavailable.
    fn retract(&self, sender: &Arc<SessionHandle>, unavailable: &Stanza) {
        let account = account_of(&sender.jid);
        let mut told = self.available_resources(account);
        told.retain(|handle| handle.id != sender.id);
        let mut copy = unavailable.clone();
        copy.set_to(Arc::clone(&sender.account_jid));
        let _ = self.copy_to(&told, copy);
        self.broadcast(account, unavailable);
    }

    /// Those who are subscribed to the account hear of it (RFC 6121 §4.2.2, §4.4.2, §4.5.2).
    fn broadcast(&self, account: &str, stanza: &Stanza) {
        let Some(view) = self.subscriptions.of(account) else {
            return;
        };
        for contact in view.seen_by() {
            let mut copy = stanza.clone();
            copy.set_to(Arc::clone(contact));
            self.deliver_presence(copy);
        }
    }

    /// What the contacts that a session's account is subscribed to last said of themselves, as if each had been probed
    /// (RFC 6121 §4.2.2, §4.3): for a session that becomes available, to be given to it as fast as it takes them.
    pub(crate) fn presence_of_contacts(&self, newcomer: &SessionHandle) -> Vec<Stanza> {
        let account = account_of(&newcomer.jid);
        let view = self.subscriptions.of(account).unwrap_or_default();
        let mut said = Vec::new();
        let contacts = view.sees().map(|contact| contact.as_str());
        for contact in contacts.filter(|contact| self.may_see(account, contact)) {
            let available = self.available_resources(contact);
            said.extend(
                available
                    .iter()
                    .filter_map(|other| last_word(other, newcomer)),
            );
        }
        said
    }

    /// Sends what an account's resources last said of themselves, or that they are unavailable, to a contact.
    pub(crate) fn send_presence(
        &self,
        account: &BareJid,
        contact: &BareJid,
        availability: Availability,
    ) {
        for handle in self.available_resources(account.as_str()) {
            let stanza = match availability {
                Availability::Current => handle.presence.lock().last.clone(),
                Availability::Unavailable => unavailable(&handle.jid),
            };
            if let Some(mut stanza) = stanza {
                stanza.set_to(Jid::from(contact.clone()));
                self.deliver_presence(stanza);
            }
        }
    }

    /// Whether the subscriptions of an account are known here.
    pub(crate) fn knows_subscriptions_of(&self, account: &str) -> bool {
        self.subscriptions.has(account)
    }

    /// The accounts whose subscriptions are known here.
    pub(crate) fn accounts_with_subscriptions(&self) -> Vec<BareJid> {
        self.subscriptions.accounts()
    }

    /// Whether an account that is online shows its presence to that contact.
    pub(crate) fn is_seen_by(&self, account: &BareJid, contact: &BareJid) -> bool {
        self.may_see(contact.as_str(), account.as_str())
    }

    /// Makes the subscriptions of an account known, for as long as it has a session.
    pub(crate) fn set_subscriptions(&self, account: &BareJid, view: AccountSubscriptions) {
        self.subscriptions.put(account.as_str(), view);
    }

    /// Forgets the subscriptions of an account that is gone.
    pub(crate) fn forget_subscriptions(&self, account: &BareJid) {
        self.subscriptions.remove(account.as_str());
    }

    /// Queues a stanza for one session, before whatever it is yet to be given.
    pub(crate) fn give_to(&self, handle: &SessionHandle, stanza: impl Into<Envelope>) {
        let _ = self.give_first(handle, QueuedStanza::one(stanza));
    }

    /// Notes what became of the subscriptions between an account and a contact.
    pub(crate) fn update_subscription(&self, account: &BareJid, contact: &BareJid, state: State) {
        self.subscriptions.note(account.as_str(), contact, state);
    }

    /// Queues a stanza for the sessions of an account that have asked for the roster (RFC 6121 §2.2), or for those that are
    /// available.
    pub(crate) fn tell_account(&self, account: &BareJid, whom: Audience, stanza: &Stanza) {
        let _ = self.copy_to(&self.told(account, whom), stanza.clone());
    }

    fn told(&self, account: &BareJid, whom: Audience) -> Vec<Arc<SessionHandle>> {
        self.registry.look(account.as_str(), |sessions| {
            let there = sessions.iter().filter(|handle| handle.is_there());
            let told = there.filter(|handle| match whom {
                Audience::Interested => handle.interested.load(Ordering::Acquire),
                Audience::Available => handle.priority().is_some(),
            });
            told.cloned().collect()
        })
    }

    /// Pushes a change of the roster to the sessions that are interested, each by a request of its own (RFC 6121 §2.1.6).
    pub(crate) fn push_roster(&self, account: &BareJid, query: &Element) {
        for handle in self.told(account, Audience::Interested) {
            self.push_roster_to(&handle, query);
        }
    }

    /// Pushes a change of the roster to one session.
    pub(crate) fn push_roster_to(&self, handle: &SessionHandle, query: &Element) {
        let push = Element::builder("iq", ns::CLIENT)
            .attr(
                "id",
                &format!("push-{}", self.next_id.fetch_add(1, Ordering::Relaxed)),
            )
            .attr("to", handle.jid.as_str())
            .attr("type", "set")
            .child(query.clone())
            .build();
        drop(handle.push(QueuedStanza::answer(push)));
    }

    /// A session hears what others last said of themselves: those of its own account, or of one that it may see (RFC 6121
    /// §4.3.2).
    pub(super) fn send_presence_of(
        &self,
        newcomer: &SessionHandle,
        available: &[Arc<SessionHandle>],
    ) {
        for other in available.iter().filter(|other| other.id != newcomer.id) {
            if let Some(last) = last_word(other, newcomer) {
                let _ = self.give(newcomer, QueuedStanza::one(last));
            }
        }
    }

    /// A session is no longer available: by its own word, or because it is over. Its account hears of it if it was available,
    /// and so does everybody with directed presence (RFC 6121 §4.5.2, §4.6.3). Once it is over this happens only once.
    pub(super) fn broadcast_unavailable(&self, sender: &Arc<SessionHandle>, word: Option<&Stanza>) {
        let (was_available, directed) = {
            let mut presence = sender.presence.lock();
            presence.retired |= word.is_none();
            (
                presence.last.take().is_some(),
                std::mem::take(&mut presence.directed),
            )
        };
        if !was_available && directed.is_empty() {
            return;
        }
        let unavailable = match word {
            Some(stanza) => stanza.clone(),
            None => match unavailable(&sender.jid) {
                Some(stanza) => stanza,
                None => return,
            },
        };
        if was_available && word.is_none() {
            self.inlet.presence_ended(&sender.jid, sender.id);
        }
        if was_available {
            let mut told = self.available_resources(account_of(&sender.jid));
            sender.set_priority(None);
            if word.is_none() {
                told.retain(|handle| handle.id != sender.id);
            }
            let mut copy = unavailable.clone();
            copy.set_to(Arc::clone(&sender.account_jid));
            let _ = self.copy_to(&told, copy);
            self.broadcast(account_of(&sender.jid), &unavailable);
        }
        let view = self
            .subscriptions
            .of(account_of(&sender.jid))
            .unwrap_or_default();
        for target in directed {
            if was_available && view.is_seen_by(account_of(&target)) {
                // It has heard of it just now.
                continue;
            }
            let mut copy = unavailable.clone();
            copy.set_to(target);
            self.deliver_presence(copy);
        }
    }

    /// Presence with an address (RFC 6121 §4.6.3, §8.5).
    fn directed(&self, sender: &Arc<SessionHandle>, stanza: Stanza, kind: PresenceType) {
        let Some(to) = stanza.to() else { return };
        match self.address_kind(to) {
            AddressKind::Remote => {
                let _ = self.to_remote(stanza.into());
            }
            AddressKind::Component => self.deliver_presence(stanza),
            // The server has no use for a client's presence yet.
            AddressKind::Server => {}
            AddressKind::Account | AddressKind::Resource => match kind {
                PresenceType::Probe => self.probe(sender, &stanza, to),
                PresenceType::Available if !self.remember(sender, to) => {
                    self.bounce(&stanza, Condition::ResourceConstraint);
                }
                PresenceType::Unavailable => {
                    forget(sender, to);
                    self.deliver_presence(stanza);
                }
                _ => self.deliver_presence(stanza),
            },
        }
    }

    /// Notes that unavailable presence is owed to an address. False: there are too many, or the session is over.
    fn remember(&self, sender: &SessionHandle, to: &Jid) -> bool {
        let mut presence = sender.presence.lock();
        if presence.directed.contains(to) {
            return true;
        }
        if presence.retired {
            return false;
        }
        if presence.directed.len() >= self.directed_presences {
            self.limit_reached(Limit::DirectedPresences);
            return false;
        }
        presence.directed.push(to.clone());
        true
    }

    /// Notes presence of a session to a plugin's component, which hears of the session's end as well. False: the session has told
    /// too many already.
    pub(crate) fn told_component(&self, sender: &SessionHandle, stanza: &Stanza) -> bool {
        let Some(to) = stanza.to() else { return true };
        match stanza.typed() {
            Type::Presence(PresenceType::Available) => self.remember(sender, to),
            Type::Presence(PresenceType::Unavailable) => {
                forget(sender, to);
                true
            }
            _ => true,
        }
    }

    /// Delivers presence with an address. What nobody takes is dropped: presence is a matter of the moment.
    pub(crate) fn deliver_presence(&self, stanza: impl Into<Envelope>) {
        let stanza = stanza.into();
        let (Some(to), Type::Presence(kind)) = (stanza.to(), stanza.typed()) else {
            return;
        };
        match self.address_kind(to) {
            AddressKind::Component => {
                let _ = self.inlet().to_component(&stanza);
            }
            AddressKind::Remote => drop(self.egress.send(stanza)),
            AddressKind::Server | AddressKind::Account | AddressKind::Resource => {
                let chosen = self.choose(to, |address, _| rules::presence(kind, address));
                if kind == PresenceType::Unavailable
                    && let Some(from) = stanza.from()
                {
                    // Whoever is gone is owed nothing any more (§4.6.1).
                    let handles = chosen.handles().iter();
                    handles.for_each(|handle| forget(handle, from));
                }
                let _ = self.hand_over(chosen, stanza, Origin::Sender);
            }
        }
    }

    pub(super) fn available_resources(&self, account: &str) -> Vec<Arc<SessionHandle>> {
        self.registry.look(account, |sessions| {
            let available = sessions.iter().filter(|handle| handle.priority().is_some());
            available.cloned().collect()
        })
    }
}

/// What a session last said of itself, addressed to another's account.
fn last_word(other: &SessionHandle, to: &SessionHandle) -> Option<Stanza> {
    let mut last = other.presence.lock().last.clone()?;
    last.set_to(Arc::clone(&to.account_jid));
    Some(last)
}

/// Unavailable presence is owed to an address no more.
fn forget(sender: &SessionHandle, to: &Jid) {
    let mut presence = sender.presence.lock();
    presence.directed.retain(|target| target != to);
}

/// The priority; 0 if none is given, or none that is an integer between -128 and 127 (RFC 6121 §4.7.2.3).
pub(crate) fn priority(stanza: &Stanza) -> i8 {
    let child = stanza.element().child("priority", ns::CLIENT);
    child
        .and_then(|child| child.text().trim().parse().ok())
        .unwrap_or(0)
}

/// Rewrites presence of any type so that it carries the priority that the server counts, and that one alone, as a plain integer: a server
/// that overrides a priority must communicate the value (RFC 6121 §4.7.2.3), and clients fail on values that are none. Presence without a
/// priority, or with one that is in order, is returned as it is.
pub(crate) fn with_counted_priority(stanza: Stanza) -> Stanza {
    let counted = priority(&stanza).to_string();
    if has_only(stanza.element(), &counted) {
        return stanza;
    }
    let plain = Element::builder("priority", ns::CLIENT).text(&counted);
    let mut plain = Some(plain.build());
    let element = stanza.element().edit_children(|child| {
        if !is_priority(&child) {
            return Edit::Keep;
        }
        plain.take().map_or(Edit::Remove, Edit::Replace)
    });
    Stanza::parse(element, ContentNamespace::Client).unwrap_or(stanza)
}

/// Whether presence has no priority, or that one alone with nothing beside it.
fn has_only(presence: &Element, counted: &str) -> bool {
    let mut given = presence.children().filter(is_priority);
    given.next().is_none_or(|only| {
        only.text() == counted && only.attrs().len() == 0 && only.children().next().is_none()
    }) && given.next().is_none()
}

fn is_priority(child: &ElementRef<'_>) -> bool {
    child.is("priority", ns::CLIENT)
}

/// What is said for a session that cannot speak any more.
pub(crate) fn unavailable(jid: &Jid) -> Option<Stanza> {
    let element = Element::builder("presence", ns::CLIENT)
        .attr("from", jid.as_str())
        .attr("type", "unavailable")
        .build();
    Stanza::parse(element, ContentNamespace::Client).ok()
}
