//! Events for all plugins that listen to them.

use std::collections::HashSet;
use std::sync::Arc;

use waxwing_xmpp::jid::FullJid;

use crate::calls::context::Context;
use crate::calls::event_queue::{Message, QueuedEvent};
use crate::exports::plugin_events::Event;
use crate::instance::plugin::Plugin;
use crate::model::account_event::AccountEvent;
use crate::model::effects::Published;
use crate::model::names::domain_of;

/// Queues an account's event for the plugins that listen.
pub(crate) fn account(context: &Context, event: AccountEvent, account: &str, depth: u8) {
    let host = context.services.host(domain_of(account));
    for plugin in &context.registry.keep().listeners.account_events {
        let message = Message::Account(event, account.to_owned());
        let host = Arc::clone(&host);
        let event = QueuedEvent {
            host,
            message,
            depth,
        };
        context.events.send(plugin, event);
    }
}

/// Queues what a plugin published for the others that listen.
pub(crate) fn published(
    context: &Context,
    source: &Plugin,
    published: &Published,
    host: &Arc<str>,
    depth: u8,
) {
    let name = source.manifest.name.as_str();
    for plugin in &context.registry.keep().listeners.plugin_events {
        let mut filters = plugin.manifest.subscriptions.events.iter();
        let is_other = plugin.manifest.name != name;
        if !(is_other && filters.any(|one| one.matches(name, &published.name))) {
            continue;
        }
        let message = Message::Event(Event {
            source: name.to_owned(),
            name: published.name.clone(),
            version: published.version,
            data: published.data.clone(),
        });
        let host = Arc::clone(host);
        let event = QueuedEvent {
            host,
            message,
            depth,
        };
        context.events.send(plugin, event);
    }
}

/// Queues the sessions that exist for a plugin that just came. A session that is bound or ends meanwhile is announced
/// from two sides, in any order; the event worker delivers each event once.
pub(crate) fn existing_sessions(context: &Context, plugin: &Plugin) {
    let send = |jid: &FullJid, message| {
        let host = context.services.host(jid.domain().as_str());
        let depth = 0;
        let event = QueuedEvent {
            host,
            message,
            depth,
        };
        context.events.send(plugin, event);
    };
    let bound = context.server().all_sessions();
    for (jid, id) in &bound {
        let (id, text) = (*id, jid.to_string());
        send(jid, Message::Bound { jid: text, id });
    }
    let still = context.server().all_sessions();
    let still: HashSet<u64> = still.iter().map(|(_, id)| *id).collect();
    for (jid, id) in bound.iter().filter(|(_, id)| !still.contains(id)) {
        let (id, text) = (*id, jid.to_string());
        send(jid, Message::Unbound { jid: text, id });
    }
}
