//! What the server's router hands to plugins outside of a session's own calls.

use std::sync::{Arc, OnceLock, Weak};

use waxwing_xmpp::jid::{BareJid, FullJid};
use waxwing_xmpp::stanza::Stanza;

use crate::calls::context::Shared;
use crate::calls::hook_chain::{Judged, Way};
use crate::dispatch::event_worker::{Notice, What};
use crate::dispatch::roster_provider::RosterProvider;
use crate::exports::account_events::AccountEvent;
use crate::exports::offline;
use crate::imports::stanzas::HostStanza;
use crate::model::filter::Sender;
use crate::registry::providers::Role;

/// The router's way to the plugins. Made before the platform, which needs the router; until that is there nothing comes through.
#[derive(Clone, Default)]
pub struct Inlet(Arc<OnceLock<Weak<Shared>>>);

/// What became of a stanza for a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum ComponentQueue {
    /// The plugin gets it, after all that was queued for it before.
    Queued,
    /// Too much waits for the plugin.
    Full,
    /// No plugin serves the domain.
    NoComponent,
}

impl std::fmt::Debug for Inlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inlet").finish_non_exhaustive()
    }
}

impl Inlet {
    pub(crate) fn open(&self, shared: &Arc<Shared>) {
        // A second platform in a process has an inlet of its own.
        let _ = self.0.set(Arc::downgrade(shared));
    }

    pub(crate) fn shared(&self) -> Option<Arc<Shared>> {
        self.0.get()?.upgrade()
    }

    /// An iq of type result or error for an address of the server or of a plugin: the answer to a request that a plugin sent,
    /// or to none. False: nobody asked for it.
    pub fn reply(&self, reply: &Stanza) -> bool {
        let Some(shared) = self.shared() else {
            return false;
        };
        let Some(asked) = shared.sent.answered(&shared.agenda, reply) else {
            return false;
        };
        if let Some(plugin) = shared.registry.now().plugin(&asked.plugin) {
            let what = What::Reply {
                token: asked.token,
                stanza: reply.clone(),
            };
            let host = asked.host;
            shared.notices.tell(
                plugin,
                Notice {
                    host,
                    what,
                    depth: 0,
                },
            );
        }
        true
    }

    /// Queues a stanza for a plugin's component: of another plugin, or of the server itself, such as the unavailable presence of a session
    /// that ended. The component's answer goes to [`Services::answer`](crate::Services::answer), and so does an error if its plugin is
    /// gone meanwhile, or fails.
    pub fn to_component(&self, stanza: &Stanza) -> ComponentQueue {
        let Some((shared, to)) = self.shared().zip(stanza.to()) else {
            return ComponentQueue::NoComponent;
        };
        let snapshot = shared.registry.keep();
        let Some(component) = snapshot.component(to.domain().as_str()) else {
            return ComponentQueue::NoComponent;
        };
        let notice = Notice {
            host: Arc::clone(&component.host),
            what: What::Stanza(stanza.clone()),
            depth: 0,
        };
        if shared.notices.tell(&component.plugin, notice) {
            ComponentQueue::Queued
        } else {
            ComponentQueue::Full
        }
    }

    /// Whether a plugin serves the domain as a component.
    #[must_use]
    pub fn is_component(&self, domain: &str) -> bool {
        self.shared()
            .is_some_and(|shared| shared.registry.now().component(domain).is_some())
    }

    /// The operator did something to an account.
    pub fn account(&self, event: AccountEvent, account: &BareJid) {
        if let Some(shared) = self.shared() {
            shared.tell_account(event, &account.to_string(), 0);
        }
    }

    /// A resource was bound.
    pub fn bound(&self, session: &FullJid, id: u64) {
        self.session(session, || What::Bound {
            jid: session.to_string(),
            id,
        });
    }

    /// A session ended.
    pub fn unbound(&self, session: &FullJid, id: u64) {
        self.session(session, || What::Unbound {
            jid: session.to_string(),
            id,
        });
    }

    /// Whether any offline hook wants a message. Cheap.
    #[must_use]
    pub fn wants_offline(&self, message: &Stanza, sender: Sender) -> bool {
        let Some(shared) = self.shared() else {
            return false;
        };
        let now = shared.registry.now();
        let sender = || now.exact(message, sender).flag();
        !now.offline.is_empty() && now.offline.want(message, sender())
    }

    /// Takes a message for an account that nobody takes it for through the offline hooks. `None`: the platform stops, and nobody
    /// judges it any more.
    pub async fn offline(
        &self,
        message: Stanza,
        account: &BareJid,
        sender: Sender,
    ) -> Option<Judged> {
        let Some(shared) = self.shared() else {
            return Some(Judged::Pass(message));
        };
        let account = account.clone();
        let judged = shared.asks.ask("offline", move |caller| async move {
            let snapshot = caller.shared.registry.keep();
            let class = snapshot.exact(&message, sender).flag();
            let lent = HostStanza::new(message, caller.shared.host(account.domain().as_str()));
            let call = |message| offline::Filter {
                message,
                account: account.to_string(),
            };
            let way = Way::new(lent, call);
            caller.judge(&snapshot.offline, class, way).await
        });
        judged.await
    }

    /// The plugin that keeps the rosters of a host; none where the server does.
    #[must_use]
    pub fn roster_provider(&self, host: &str) -> Option<RosterProvider> {
        let shared = self.shared()?;
        let plugin = {
            let now = shared.registry.now();
            Arc::clone(now.providers.at(Role::Rosters, host)?)
        };
        Some(RosterProvider { shared, plugin })
    }

    /// An available session is gone, and the server has said so for it.
    pub fn presence_ended(&self, session: &FullJid, id: u64) {
        let Some(shared) = self.shared() else { return };
        let snapshot = shared.registry.now();
        for plugin in &snapshot.presence_listeners {
            let what = What::PresenceEnded {
                jid: session.to_string(),
                id,
            };
            let notice = Notice {
                host: shared.host(session.domain().as_str()),
                what,
                depth: 0,
            };
            shared.notices.tell(plugin, notice);
        }
    }

    fn session(&self, session: &FullJid, what: impl Fn() -> What) {
        let Some(shared) = self.shared() else { return };
        let snapshot = shared.registry.now();
        for plugin in &snapshot.session_listeners {
            let notice = Notice {
                host: shared.host(session.domain().as_str()),
                what: what(),
                depth: 0,
            };
            shared.notices.tell(plugin, notice);
        }
    }
}
