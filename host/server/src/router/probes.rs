//! What one may learn of another's presence: answers to probes (RFC 6121 §4.3.2, §4.6.6), and whose requests reach a resource
//! (§8.5.3.1).

use std::sync::Arc;

use waxwing_xml::Element;
use waxwing_xmpp::{jid::Jid, ns, stanza::Stanza};

use super::{AddressKind, Router};
use crate::delivery::{address::account_of, session_handle::SessionHandle};

impl Router {
    /// Whether an account has granted its presence: by its own view, or, while nobody is online there, by that of the watcher,
    /// who is.
    pub(super) fn may_see(&self, watcher: &str, account: &str) -> bool {
        if let Some(view) = self.subscriptions.of(account) {
            return view.is_seen_by(watcher);
        }
        let view = self.subscriptions.of(watcher);
        view.is_some_and(|view| view.shows(account))
    }

    /// Whether a request is kept from a resource: its user shares no presence with whoever asks, neither by a subscription nor by
    /// presence that the resource has directed there (RFC 6121 §8.5.3.1). What the server and its plugins ask arrives.
    pub(super) fn hides_from(&self, handle: &SessionHandle, request: &Stanza) -> bool {
        let Some(asker) = request.from() else {
            return false;
        };
        let is_users = matches!(
            self.address_kind(asker),
            AddressKind::Account | AddressKind::Resource
        );
        is_users
            && account_of(asker) != account_of(&handle.jid)
            && !self.may_see(account_of(asker), account_of(&handle.jid))
            && !has_told(handle, asker)
    }

    /// Answers a probe on behalf of the account. A session may see its own account and those that have granted it their
    /// presence; and a resource that has sent it directed presence, though not what that says. Of others it hears, whether they
    /// exist or not, that it is not subscribed.
    pub(super) fn probe(&self, sender: &Arc<SessionHandle>, probe: &Stanza, to: &Jid) {
        let account = account_of(to);
        let available = self.available_resources(account);
        let is_own = account == account_of(&sender.jid);
        let may_see = is_own || self.may_see(account_of(&sender.jid), account);
        if to.is_bare() {
            match (may_see, available.is_empty()) {
                (true, true) if !is_own => {
                    self.answer_probe(sender, probe, account, Some("unavailable"));
                }
                (true, _) => self.send_presence_of(sender, &available),
                (false, _) => self.answer_stranger(sender, probe, account),
            }
            return;
        }
        let named = self.find(to);
        let is_available = named.as_ref().is_some_and(|handle| handle.is_available());
        let was_told = named.is_some_and(|handle| has_told(&handle, &sender.jid));
        if was_told || (may_see && is_available) {
            self.answer_probe(sender, probe, to.as_str(), None);
        } else if !may_see {
            self.answer_probe(sender, probe, account, Some("unsubscribed"));
        }
    }

    /// Answers the probe of one who is not subscribed to an account: for each resource that has sent it directed presence.
    fn answer_stranger(&self, sender: &SessionHandle, probe: &Stanza, account: &str) {
        let mut told = self.registry.sessions(account);
        told.retain(|handle| has_told(handle, &sender.jid));
        for handle in &told {
            self.answer_probe(sender, probe, handle.jid.as_str(), None);
        }
        if told.is_empty() {
            self.answer_probe(sender, probe, account, Some("unsubscribed"));
        }
    }

    /// Presence with nothing in it (§4.3.2, §4.6.6), under the id of the probe, since it is nobody's own (§4.3.2.1).
    fn answer_probe(&self, sender: &SessionHandle, probe: &Stanza, from: &str, kind: Option<&str>) {
        let mut reply = Element::builder("presence", ns::CLIENT)
            .attr("from", from)
            .attr("to", sender.jid.as_str());
        if let Some(kind) = kind {
            reply = reply.attr("type", kind);
        }
        if let Some(id) = probe.id() {
            reply = reply.attr("id", id);
        }
        self.answer(&sender.jid, reply.build());
    }
}

/// Whether a session has sent directed presence to an address, or to its account, and not taken it back.
fn has_told(handle: &SessionHandle, whom: &Jid) -> bool {
    let presence = handle.presence.lock();
    let mut told = presence.directed.iter();
    told.any(|target| target == whom || target.as_str() == account_of(whom))
}
