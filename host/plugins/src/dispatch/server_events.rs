//! Events, replies and background calls from the server's router.

use std::rc::Rc;
use std::sync::{Arc, OnceLock, Weak};

use waxwing_xmpp::jid::{BareJid, FullJid};
use waxwing_xmpp::stanza::Stanza;

use crate::calls::announcements;
use crate::calls::caller::Caller;
use crate::calls::context::Context;
use crate::calls::event_queue::{Message, QueuedEvent};
use crate::calls::hook_chain::{HookChain, HookVerdict};
use crate::dispatch::dispatcher::Dispatcher;
use crate::dispatch::roster_provider::RosterProvider;
use crate::exports::offline;
use crate::instance::plugin::Plugin;
use crate::model::account_event::AccountEvent;
use crate::model::filter::Sender;
use crate::model::interfaces::Role;
use crate::wit::resources::HostStanza;

/// The router's handle to the plugins. It is made before the platform, which needs the router; until the platform is
/// there, every method acts as if there were no plugin.
#[derive(Clone, Default)]
pub struct PluginEvents(Arc<OnceLock<Weak<Dispatcher>>>);

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

impl std::fmt::Debug for PluginEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginEvents").finish_non_exhaustive()
    }
}

impl PluginEvents {
    pub(crate) fn open(&self, dispatcher: &Arc<Dispatcher>) {
        // A second platform in a process has an inlet of its own.
        let _ = self.0.set(Arc::downgrade(dispatcher));
    }

    pub(crate) fn dispatcher(&self) -> Option<Arc<Dispatcher>> {
        self.0.get()?.upgrade()
    }

    /// An iq of type result or error for an address of the server or of a plugin: the answer to a request that a plugin
    /// sent, or to none. False: no plugin sent that request.
    pub fn reply(&self, reply: &Stanza) -> bool {
        let Some(dispatcher) = self.dispatcher() else {
            return false;
        };
        let context = &dispatcher.context;
        let services = &context.services;
        let Some(asked) = services.sent.take_answered(&services.timer_queue, reply) else {
            return false;
        };
        if let Some(plugin) = context.registry.now().plugin(&asked.plugin) {
            let message = Message::Reply {
                token: asked.token,
                stanza: reply.clone(),
            };
            send(context, plugin, asked.host, message);
        }
        true
    }

    /// Queues a stanza for a plugin's component: of another plugin, or of the server itself, such as the unavailable presence
    /// of a session that ended. The component's answer goes to [`Services::answer`](crate::Services::answer), and so does an
    /// error if its plugin is gone meanwhile, or fails.
    pub fn to_component(&self, stanza: &Stanza) -> ComponentQueue {
        let Some((dispatcher, to)) = self.dispatcher().zip(stanza.to()) else {
            return ComponentQueue::NoComponent;
        };
        let context = &dispatcher.context;
        let snapshot = context.registry.keep();
        let Some(component) = snapshot.component(to.domain().as_str()) else {
            return ComponentQueue::NoComponent;
        };
        let (host, message) = (Arc::clone(&component.host), Message::Stanza(stanza.clone()));
        if send(context, &component.plugin, host, message) {
            ComponentQueue::Queued
        } else {
            ComponentQueue::Full
        }
    }

    /// Whether a plugin serves the domain as a component.
    #[must_use]
    pub fn is_component(&self, domain: &str) -> bool {
        self.dispatcher().is_some_and(|dispatcher| {
            let now = dispatcher.context.registry.now();
            now.component(domain).is_some()
        })
    }

    /// The operator did something to an account.
    pub fn account(&self, event: AccountEvent, account: &BareJid) {
        if let Some(dispatcher) = self.dispatcher() {
            announcements::account(&dispatcher.context, event, account.as_str(), 0);
        }
    }

    /// A resource was bound.
    pub fn bound(&self, session: &FullJid, id: u64) {
        self.session(session, || Message::Bound {
            jid: session.to_string(),
            id,
        });
    }

    /// A session ended.
    pub fn unbound(&self, session: &FullJid, id: u64) {
        self.session(session, || Message::Unbound {
            jid: session.to_string(),
            id,
        });
    }

    /// Whether any offline hook wants a message. Cheap.
    #[must_use]
    pub fn wants_offline(&self, message: &Stanza, sender: Sender) -> bool {
        let Some(dispatcher) = self.dispatcher() else {
            return false;
        };
        let now = dispatcher.context.registry.now();
        let sender = || now.exact(message, sender).flag();
        !now.hooks.offline.is_empty() && now.hooks.offline.want(message, sender())
    }

    /// Takes a message for an account without a session that takes it through the offline hooks. `None`: the platform
    /// stops, or is overloaded, and no hook was asked.
    pub async fn offline(
        &self,
        message: Stanza,
        account: &BareJid,
        sender: Sender,
    ) -> Option<HookVerdict> {
        let Some(dispatcher) = self.dispatcher() else {
            return Some(HookVerdict::Pass(message));
        };
        let account = account.clone();
        let work = move |caller: Rc<Caller>| async move {
            let context = &caller.context;
            let snapshot = context.registry.keep();
            let class = snapshot.exact(&message, sender).flag();
            let host = context.services.host(account.domain().as_str());
            let lent = HostStanza::new(message, host);
            let call = |message| offline::Filter {
                message,
                account: account.to_string(),
            };
            let chain = HookChain::new(lent, call);
            chain.run(&caller, &snapshot.hooks.offline, class).await
        };
        dispatcher.background.call("offline", work).await
    }

    /// The plugin that keeps the rosters of a host; none where the server does.
    #[must_use]
    pub fn roster_provider(&self, host: &str) -> Option<RosterProvider> {
        let dispatcher = self.dispatcher()?;
        let plugin = {
            let now = dispatcher.context.registry.now();
            Arc::clone(now.providers.at(Role::Roster, host)?)
        };
        Some(RosterProvider { dispatcher, plugin })
    }

    /// An available session is gone, and the server has sent its unavailable presence.
    pub fn presence_ended(&self, session: &FullJid, id: u64) {
        let Some(dispatcher) = self.dispatcher() else {
            return;
        };
        let context = &dispatcher.context;
        for plugin in &context.registry.now().presence_listeners {
            let host = context.services.host(session.domain().as_str());
            let jid = session.to_string();
            send(context, plugin, host, Message::PresenceEnded { jid, id });
        }
    }

    fn session(&self, session: &FullJid, message: impl Fn() -> Message) {
        let Some(dispatcher) = self.dispatcher() else {
            return;
        };
        let context = &dispatcher.context;
        for plugin in &context.registry.now().listeners.session_events {
            let host = context.services.host(session.domain().as_str());
            send(context, plugin, host, message());
        }
    }
}

/// Queues an event that no event led to; false if too many wait for the plugin.
fn send(context: &Context, plugin: &Plugin, host: Arc<str>, message: Message) -> bool {
    let depth = 0;
    let event = QueuedEvent {
        host,
        message,
        depth,
    };
    context.events.send(plugin, event)
}
