//! The router: from an addressed stanza to the mailboxes of those who get it, by RFC 6120 §10 and RFC 6121 §8.
//!
//! Nothing here waits. What a sender hears, a bounce included, reaches its session by the same way as any other stanza, since
//! one day the answer comes from another node. Above are the sessions; below are only mailboxes.

mod bench;
mod choosing;
mod directory;
mod egress;
mod messages;
mod presence;
mod probes;
mod registry;
mod rules;
mod session_store;
mod subscription_index;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use waxwing_plugins::{ComponentQueue, PluginEvents, Recipient, Sender};
use waxwing_xml::Element;
use waxwing_xmpp::content::ContentNamespace;
use waxwing_xmpp::{
    error::{Condition, StanzaError},
    jid::{self, BareJid, FullJid, Jid},
    stanza::{Kind, Stanza},
    stream::random_resource,
};

use crate::{
    accounts::secret,
    config::{Limits, ResourceConflict, bounds::Bounds},
    delivery::{
        address::{account_of, split},
        envelope::Envelope,
        mailbox::{End, Flow},
        queued_stanza::QueuedStanza,
        session_handle::SessionHandle,
        spool_queue::SpoolQueue,
    },
    metrics::router::{Limit, RouterMetrics},
};
use registry::{Added, Registry};
use rules::Verdict;

use choosing::{Origin, Recipients};
use directory::Directory;
use egress::{Egress, NoEgress};

pub use bench::Routing;
pub(crate) use directory::AddressKind;
pub(crate) use presence::{Audience, priority, unavailable, with_counted_priority};
pub(crate) use session_store::RecordedPriorities;
pub(crate) use subscription_index::AccountSubscriptions;

/// Routes stanzas between the sessions of this server.
#[derive(Debug)]
pub(crate) struct Router {
    directory: Directory,
    egress: Box<dyn Egress>,
    /// Whose sessions give way, by the domain; where nothing is said, the old ones.
    conflicts: HashMap<String, ResourceConflict>,
    registry: Registry,
    /// How much may wait for a session.
    outbound: Bounds,
    /// Most addresses that a session may have sent directed presence to. To more it gets resource-constraint, since the server owes
    /// each an unavailable presence.
    directed_presences: usize,
    subscriptions: subscription_index::SubscriptionIndex,
    next_id: AtomicU64,
    inlet: PluginEvents,
    metrics: Arc<RouterMetrics>,
    spool: SpoolQueue,
}

/// A session's place in the registry. When it is dropped the session is gone: others hear that it is unavailable, and what
/// it was not given goes elsewhere or back.
#[derive(Debug)]
pub(crate) struct Registration {
    router: Arc<Router>,
    handle: Arc<SessionHandle>,
}

/// What became of an iq.
#[derive(Debug)]
#[must_use]
pub(crate) enum Routed {
    /// It is on its way, or answered, or dropped.
    Done(Flow),
    /// It is a request that the server answers: to itself, or on behalf of an account.
    Request(Envelope),
}

impl Router {
    /// A router for these domains, in prepared form, within these limits. Messages that no session takes go to `spool`.
    pub(crate) fn new(
        hosts: impl IntoIterator<Item = String>,
        limits: &Limits,
        spool: SpoolQueue,
    ) -> Self {
        let inlet = PluginEvents::default();
        Self {
            directory: Directory::new(hosts, inlet.clone()),
            egress: Box::new(NoEgress),
            conflicts: HashMap::new(),
            registry: Registry::new(limits.sessions_per_account),
            outbound: limits.outbound(),
            directed_presences: limits.directed_presences,
            subscriptions: subscription_index::SubscriptionIndex::default(),
            next_id: AtomicU64::new(1),
            inlet,
            metrics: Arc::default(),
            spool,
        }
    }

    /// Sets the resource-conflict policy of each domain.
    pub(crate) fn with_conflicts(
        mut self,
        conflicts: impl IntoIterator<Item = (String, ResourceConflict)>,
    ) -> Self {
        self.conflicts = conflicts.into_iter().collect();
        self
    }

    /// Registers its metrics.
    pub(crate) fn register(&self, registry: &mut prometheus_client::registry::Registry) {
        self.metrics.register(registry);
    }

    /// Somebody reached a limit.
    pub(crate) fn limit_reached(&self, limit: Limit) {
        self.metrics.limit_reached(limit);
    }

    /// The way to the plugins.
    pub(crate) fn inlet(&self) -> &PluginEvents {
        &self.inlet
    }

    /// A session of that resource, or of a random one.
    fn handle_for(
        &self,
        bare: &BareJid,
        resource: Option<&str>,
    ) -> Result<Arc<SessionHandle>, StanzaError> {
        let resource = match resource {
            Some(wished) => wished.to_owned(),
            None => random_resource(secret::random),
        };
        let jid = jid::with_resource(bare, &resource)
            .map_err(|_| StanzaError::new(Condition::BadRequest))?;
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(SessionHandle::new(id, jid, self.outbound)))
    }

    /// Who gives way where two sessions of an account want one resource.
    fn policy(&self, account: &BareJid) -> ResourceConflict {
        let policy = self.conflicts.get(account.domain().as_str());
        policy.copied().unwrap_or_default()
    }

    /// Enters a session. One that has its address makes room if it is over, or if the new one `replaces` it; else this gives `None`.
    fn enter(
        self: &Arc<Self>,
        handle: &Arc<SessionHandle>,
        replaces: bool,
    ) -> Result<Option<Registration>, StanzaError> {
        match self.registry.add(account_of(&handle.jid), handle, replaces) {
            Added::Taken => Ok(None),
            Added::TooMany => {
                self.limit_reached(Limit::Sessions);
                Err(StanzaError::new(Condition::ResourceConstraint))
            }
            Added::Done { replaced } => {
                if let Some(old) = replaced {
                    old.end(End::Conflict);
                    self.broadcast_unavailable(&old, None);
                }
                self.metrics.session_begins();
                self.inlet.bound(&handle.jid, handle.id);
                Ok(Some(Registration {
                    router: Arc::clone(self),
                    handle: Arc::clone(handle),
                }))
            }
        }
    }

    /// Ends all sessions of an account, and returns their ids.
    pub(crate) fn end_account(&self, account: &BareJid, reason: End) -> Vec<u64> {
        let end = |handle: Arc<SessionHandle>| {
            handle.end(reason);
            handle.id
        };
        let sessions = self.registry.sessions(account.as_str());
        sessions.into_iter().map(end).collect()
    }

    /// Ends one session, if it is there.
    pub(crate) fn end_session(&self, session: &Jid, reason: End) {
        if let Some(handle) = self.find(session) {
            handle.end(reason);
        }
    }

    /// The sessions of an account, with the priorities of those that are available resources.
    pub(crate) fn sessions(&self, account: &BareJid) -> Vec<(FullJid, Option<i8>)> {
        self.registry.look(account.as_str(), |sessions| {
            let there = sessions.iter().filter(|handle| handle.is_there());
            let said = |handle: &Arc<SessionHandle>| (handle.jid.clone(), handle.priority());
            there.map(said).collect()
        })
    }

    /// All sessions, with their ids.
    pub(crate) fn all_sessions(&self) -> Vec<(FullJid, u64)> {
        let all = self.registry.all().into_iter();
        all.map(|handle| (handle.jid.clone(), handle.id)).collect()
    }

    /// Shows all sessions, some at a time. A lock is held meanwhile: `show` must not come back here.
    pub(crate) async fn each_session(&self, show: impl Fn(&SessionHandle)) {
        for part in self.registry.parts() {
            part.read()
                .values()
                .flatten()
                .for_each(|handle| show(handle));
            tokio::task::yield_now().await;
        }
    }

    /// True if one of these sessions of an account has not yet ended.
    pub(crate) fn has_any(&self, account: &BareJid, ids: &[u64]) -> bool {
        self.registry.look(account.as_str(), |sessions| {
            sessions.iter().any(|handle| ids.contains(&handle.id))
        })
    }

    /// Ends all sessions.
    pub(crate) fn end_all(&self, reason: End) {
        for handle in self.registry.all() {
            handle.end(reason);
        }
    }

    /// True if the account has a session.
    pub(crate) fn is_connected(&self, account: &str) -> bool {
        self.registry.look(account, |sessions| !sessions.is_empty())
    }

    /// What an address names.
    pub(crate) fn address_kind(&self, address: &Jid) -> AddressKind {
        self.directory.of(address)
    }

    /// Whom a stanza is for, as plugins see it; `from` is stamped.
    pub(crate) fn recipient(&self, stanza: &Stanza) -> Recipient {
        let Some(to) = stanza.to() else {
            return Recipient::OwnAccount;
        };
        match self.address_kind(to) {
            AddressKind::Server => match stanza.from() {
                Some(from) if from.domain() != to.domain() => Recipient::OtherServer,
                _ => Recipient::OwnServer,
            },
            AddressKind::Resource => Recipient::Full,
            AddressKind::Component => Recipient::Component,
            AddressKind::Remote => Recipient::Remote,
            AddressKind::Account => match stanza.from() {
                Some(from) if account_of(from) == to.as_str() => Recipient::OwnAccount,
                _ => Recipient::OtherAccount,
            },
        }
    }

    /// Who a stanza is from, as plugins at the side of the account that gets it see it.
    pub(crate) fn sender(&self, stanza: &Stanza, account: &Jid) -> Sender {
        let Some(from) = stanza.from() else {
            return Sender::OwnServer;
        };
        match self.address_kind(from) {
            AddressKind::Server => server_class(account.domain() == from.domain()),
            AddressKind::Component => Sender::Component,
            AddressKind::Remote => Sender::Remote,
            AddressKind::Account | AddressKind::Resource
                if account_of(from) == account.as_str() =>
            {
                Sender::OwnAccount
            }
            AddressKind::Account | AddressKind::Resource => Sender::OtherAccount,
        }
    }

    /// What a contact is, as plugins at the side of the account see it.
    pub(crate) fn contact_class(&self, account: &BareJid, contact: &BareJid) -> Sender {
        if contact == account {
            return Sender::OwnAccount;
        }
        match self.directory.of(contact) {
            AddressKind::Server => server_class(account.domain() == contact.domain()),
            AddressKind::Component => Sender::Component,
            AddressKind::Remote => Sender::Remote,
            AddressKind::Account | AddressKind::Resource => Sender::OtherAccount,
        }
    }

    /// Counts a stanza that a session hands in.
    pub(crate) fn count(&self, stanza: &Stanza) {
        self.metrics.routed(stanza.kind());
    }

    /// Routes an iq by its `to`.
    pub(crate) fn iq(&self, stanza: Envelope) -> Routed {
        let Some(kind) = stanza.iq_type() else {
            return Routed::Done(Flow::Free);
        };
        let to = stanza.to();
        match to.map_or(AddressKind::Account, |to| self.address_kind(to)) {
            AddressKind::Server | AddressKind::Account if stanza.is_request() => {
                Routed::Request(stanza)
            }
            // An answer to a plugin that asked in the server's name, or to nobody.
            AddressKind::Server | AddressKind::Account => {
                let _ = self.inlet.reply(&stanza);
                Routed::Done(Flow::Free)
            }
            AddressKind::Component => Routed::Done(self.to_component(&stanza)),
            AddressKind::Remote => Routed::Done(self.to_remote(stanza)),
            AddressKind::Resource => {
                let chosen = match stanza.to() {
                    Some(to) => self.choose(to, |address, _| rules::iq(kind, address)),
                    None => Recipients::Nobody(Verdict::Ignore),
                };
                let chosen = match chosen {
                    Recipients::One(handle)
                        if stanza.is_request() && self.hides_from(&handle, &stanza) =>
                    {
                        Recipients::Nobody(Verdict::Bounce)
                    }
                    chosen => chosen,
                };
                Routed::Done(self.hand_over(chosen, stanza, Origin::Sender))
            }
        }
    }

    /// Queues a stanza for the plugin that serves its domain as a component. Its answer is routed when the plugin gave it. The answer to
    /// a request that the plugin sent goes to its reply handler instead.
    pub(crate) fn to_component(&self, stanza: &Stanza) -> Flow {
        let is_reply = stanza.kind() == Kind::Iq && !stanza.is_request();
        if is_reply && self.inlet.reply(stanza) {
            return Flow::Free;
        }
        match self.inlet.to_component(stanza) {
            ComponentQueue::Queued => {}
            ComponentQueue::Full => self.bounce(stanza, Condition::ResourceConstraint),
            ComponentQueue::NoComponent => self.bounce(stanza, Condition::RemoteServerNotFound),
        }
        Flow::Free
    }

    /// Sends a stanza to a domain that is not served here, or tells its sender why not.
    fn to_remote(&self, stanza: Envelope) -> Flow {
        match self.egress.send(stanza) {
            Ok(flow) => flow,
            Err((stanza, condition)) => {
                self.bounce(&stanza, condition);
                Flow::Free
            }
        }
    }

    /// Sends an error to the sender, unless the stanza is one that is never answered (RFC 6120 §8.3.1).
    pub(crate) fn bounce(&self, stanza: &Stanza, condition: Condition) {
        self.refuse(stanza, &StanzaError::new(condition));
    }

    /// As [`bounce`](Self::bounce), with an error made elsewhere.
    pub(crate) fn refuse(&self, stanza: &Stanza, error: &StanzaError) {
        if let (Some(reply), Some(sender)) = (stanza.error_reply(error), stanza.from()) {
            self.answer(sender, reply);
        }
    }

    /// Drops a stanza as a filter wants it: in silence, but for a request, which is always answered (RFC 6120 §8.2.3).
    pub(crate) fn discard(&self, stanza: &Stanza) {
        if stanza.is_request() {
            self.bounce(stanza, Condition::ServiceUnavailable);
        }
    }

    /// Sends an answer to the address that asked: to its session, or to the plugin that sent the request. An answer that cannot be
    /// delivered is dropped: it is never answered itself (RFC 6120 §8.3.1).
    pub(crate) fn answer(&self, asker: &Jid, reply: Element) {
        if let Some(handle) = self.find(asker) {
            drop(handle.push(QueuedStanza::answer(reply)));
            return;
        }
        let Ok(reply) = Stanza::parse(reply, ContentNamespace::Client) else {
            return;
        };
        if reply.kind() == Kind::Iq && self.inlet.reply(&reply) {
            return;
        }
        match self.address_kind(asker) {
            AddressKind::Component => {
                let _ = self.inlet.to_component(&reply);
            }
            AddressKind::Remote => drop(self.egress.send(reply.into())),
            AddressKind::Server | AddressKind::Account | AddressKind::Resource => {}
        }
    }

    fn find(&self, address: &Jid) -> Option<Arc<SessionHandle>> {
        let (account, resource) = split(address);
        let resource = resource?;
        self.registry.look(account, |sessions| {
            let mut there = sessions.iter().filter(|handle| handle.is_there());
            there.find(|handle| handle.resource() == resource).cloned()
        })
    }

    fn deregister(&self, handle: &Arc<SessionHandle>) {
        self.metrics.session_ends();
        handle.hide();
        self.broadcast_unavailable(handle, None);
        handle.release(|stanza| self.give_back(stanza, Origin::Session));
        self.registry.remove(account_of(&handle.jid), handle);
        if !self.is_connected(account_of(&handle.jid)) {
            self.subscriptions.remove(account_of(&handle.jid));
        }
        self.inlet.unbound(&handle.jid, handle.id);
        self.inlet.departed(&handle.jid, handle.id);
    }
}

impl Registration {
    /// The session as others see it.
    pub(crate) fn handle(&self) -> &Arc<SessionHandle> {
        &self.handle
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.router.deregister(&self.handle);
    }
}

/// The class of a served domain, as an account sees it.
const fn server_class(is_own: bool) -> Sender {
    if is_own {
        Sender::OwnServer
    } else {
        Sender::OtherServer
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
