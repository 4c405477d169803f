//! Delivers events, replies to plugins' requests, and timers, which belong to no stream. One thread of its own does; to
//! each plugin it delivers one event after the other, in order, however slow other plugins are.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use anyhow::Context as _;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::JoinSet;
use waxwing_xmpp::stanza::Stanza;

use crate::accounting::trace::About;
use crate::calls::answering::{answer_for_component, component_is_gone};
use crate::calls::caller::Caller;
use crate::calls::commit::answer_request;
use crate::calls::context::Context;
use crate::calls::event_queue::{EventReceiver, Message, PostedEvent, QueuedEvent};
use crate::engine::configuration::CALLERS_STACK;
use crate::exports::{
    account_events, component, plugin_events, presence, reply_handler, session_events,
    timer_handler,
};
use crate::model::effects::failure;
use crate::schedule::event::ScheduledEvent;
use crate::wit::resources::HostStanza;

/// Starts the thread. It ends when the platform stops.
pub(crate) fn start(context: &Arc<Context>, events: EventReceiver) -> anyhow::Result<()> {
    let context = Arc::clone(context);
    thread::Builder::new()
        .name("plugin-events".to_owned())
        .stack_size(CALLERS_STACK)
        .spawn(move || {
            let runtime = Builder::new_current_thread()
                .enable_time()
                .build_local(LocalOptions::default());
            match runtime {
                Ok(runtime) => runtime.block_on(serve(context, events)),
                Err(error) => tracing::error!(%error, "cannot start the event thread"),
            }
        })
        .context("cannot start the event thread")?;
    Ok(())
}

/// The events of one plugin, which one task delivers.
#[derive(Default)]
struct PluginQueue {
    events: VecDeque<QueuedEvent>,
    /// Sessions that the plugin was told of.
    sessions: HashSet<u64>,
    /// The plugin's stay that all this is of.
    stay: u64,
    /// A task delivers from here.
    is_served: bool,
}

type PluginQueues = Rc<RefCell<HashMap<String, PluginQueue>>>;

/// Sorts events by plugin, and delivers them, until the platform stops; then deliveries under way are cancelled.
async fn serve(context: Arc<Context>, mut events: EventReceiver) {
    let queues = PluginQueues::default();
    let caller = Rc::new(Caller::new(Arc::clone(&context)));
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            () = context.stopping.cancelled() => return,
            Some(_) = tasks.join_next() => {}
            due = context.services.timer_queue.next() => fire(&context, due),
            posted = events.0.recv() => {
                let Some(posted) = posted else { return };
                if let Some(plugin) = enqueue(&context, &queues, posted) {
                    let (caller, queues) = (Rc::clone(&caller), Rc::clone(&queues));
                    tasks.spawn_local(deliver_all(caller, queues, plugin));
                }
            }
        }
    }
}

/// Puts an event into its plugin's queue. The plugin, if a task is to deliver from there that does not yet.
fn enqueue(context: &Context, queues: &PluginQueues, posted: PostedEvent) -> Option<String> {
    let PostedEvent {
        plugin,
        stay,
        event,
    } = posted;
    let mut queues = queues.borrow_mut();
    let queue = queues.entry(plugin.clone()).or_default();
    if queue.stay != stay {
        // The plugin was removed meanwhile: what was for it then, and what it knew, is of no use now.
        queue.stay = stay;
        queue.sessions.clear();
        for dropped in queue.events.drain(..) {
            context.events.received(&plugin);
            undeliverable(context, dropped);
        }
    }
    queue.events.push_back(event);
    let is_served = std::mem::replace(&mut queue.is_served, true);
    (!is_served).then_some(plugin)
}

/// Delivers what is in a plugin's queue until nothing is.
async fn deliver_all(caller: Rc<Caller>, queues: PluginQueues, plugin: String) {
    loop {
        let (event, stay) = {
            let mut queues = queues.borrow_mut();
            let Some(queue) = queues.get_mut(&plugin) else {
                return;
            };
            let Some(event) = queue.events.pop_front() else {
                queue.is_served = false;
                return;
            };
            let is_news = queue.is_news(&event.message);
            (is_news.then_some(event), queue.stay)
        };
        let is_current = caller.context.events.received(&plugin) == stay;
        match event {
            Some(event) if is_current => deliver(&caller, &plugin, event).await,
            Some(event) => undeliverable(&caller.context, event),
            None => {}
        }
        tokio::task::coop::consume_budget().await;
    }
}

impl PluginQueue {
    /// Whether the plugin does not know it already: around its loading a session may be announced from two sides.
    fn is_news(&mut self, message: &Message) -> bool {
        match message {
            Message::Bound { id, .. } => self.sessions.insert(*id),
            Message::Unbound { id, .. } => self.sessions.remove(id),
            Message::Account(..)
            | Message::PresenceEnded { .. }
            | Message::Event(_)
            | Message::Reply { .. }
            | Message::NoReply { .. }
            | Message::Timer(_)
            | Message::Stanza(_) => true,
        }
    }
}

/// The stanza, or else the account, that an event is about.
fn subject(message: &Message) -> (Option<Stanza>, Option<String>) {
    match message {
        Message::Account(_, account) => (None, Some(account.clone())),
        Message::Bound { jid, .. }
        | Message::Unbound { jid, .. }
        | Message::PresenceEnded { jid, .. } => (None, Some(jid.clone())),
        Message::Reply { stanza, .. } | Message::Stanza(stanza) => (Some(stanza.clone()), None),
        Message::Event(_) | Message::NoReply { .. } | Message::Timer(_) => (None, None),
    }
}

/// Delivers an event to a plugin, in the version that serves now.
async fn deliver(caller: &Caller, plugin: &str, event: QueuedEvent) {
    let Some(plugin) = caller.context.registry.now().plugin(plugin).cloned() else {
        undeliverable(&caller.context, event);
        return;
    };
    let QueuedEvent {
        host,
        message,
        depth,
    } = event;
    let (stanza, account) = subject(&message);
    let about = match (&stanza, &account) {
        (Some(stanza), _) => About::Stanza(stanza),
        (None, Some(account)) => About::Account(account),
        (None, None) => About::Nobody,
    };
    let delivered = match message {
        Message::Account(event, account) => {
            let call = account_events::Tell {
                event,
                account,
                depth,
            };
            caller.call_and_commit(&plugin, &host, about, call).await
        }
        Message::Bound { jid, id } => {
            let call = session_events::Tell {
                jid,
                id,
                is_bound: true,
            };
            caller.call_and_commit(&plugin, &host, about, call).await
        }
        Message::Unbound { jid, id } => {
            let call = session_events::Tell {
                jid,
                id,
                is_bound: false,
            };
            caller.call_and_commit(&plugin, &host, about, call).await
        }
        Message::PresenceEnded { jid, id } => {
            let call = presence::Ended { jid, id };
            caller.call_and_commit(&plugin, &host, about, call).await
        }
        Message::Event(event) => {
            caller
                .call_and_commit(&plugin, &host, about, plugin_events::Tell { event, depth })
                .await
        }
        Message::Reply { token, stanza } => {
            let lent = HostStanza::new(stanza, Arc::clone(&host));
            caller
                .call_and_commit(&plugin, &host, about, reply_handler::Answered(token, lent))
                .await
        }
        Message::NoReply { token } => {
            caller
                .call_and_commit(&plugin, &host, about, reply_handler::TimedOut(token))
                .await
        }
        Message::Timer(name) => {
            caller
                .call_and_commit(&plugin, &host, about, timer_handler::Due(name))
                .await
        }
        Message::Stanza(stanza) => {
            let call = component::Handle {
                stanza: HostStanza::new(stanza.clone(), Arc::clone(&host)),
                token: caller.context.services.tokens.next(),
            };
            let (scope, about) = (plugin.scope(&host), About::Stanza(&stanza));
            let asked = caller.ask_handler(&plugin, scope, about, call, &stanza);
            answer_for_component(&caller.context, &stanza, asked.await);
            Ok(())
        }
    };
    if let Err(fault) = delivered {
        tracing::debug!(
            plugin = plugin.manifest.name,
            "event not delivered: {fault}"
        );
    }
}

/// An event whose plugin is gone. A stanza for its component is answered.
fn undeliverable(context: &Context, event: QueuedEvent) {
    if let Message::Stanza(stanza) = event.message {
        component_is_gone(context, &stanza);
    }
}

/// Acts on what has become due.
fn fire(context: &Context, due: ScheduledEvent) {
    let services = &context.services;
    match due {
        ScheduledEvent::Timer { plugin, name } => {
            if let Some(host) = services.timers.fire(&services.timer_queue, &plugin, &name) {
                send(context, &plugin, host, Message::Timer(name));
            }
        }
        ScheduledEvent::NoReply(id) => {
            if let Some(asked) = services.sent.take_expired(&id) {
                let message = Message::NoReply { token: asked.token };
                send(context, &asked.plugin, asked.host, message);
            }
        }
        ScheduledEvent::NoAnswer(token) => {
            if let Some(deferred) = services.deferred.take_expired(token) {
                answer_request(&*services.server, &deferred.request, Err(failure()));
            }
        }
    }
}

/// Queues an event for a plugin, if it serves.
fn send(context: &Context, plugin: &str, host: Arc<str>, message: Message) {
    if let Some(plugin) = context.registry.now().plugin(plugin) {
        let depth = 0;
        let event = QueuedEvent {
            host,
            message,
            depth,
        };
        context.events.send(plugin, event);
    }
}
