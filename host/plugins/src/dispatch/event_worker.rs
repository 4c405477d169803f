//! What plugins are told, outside of anybody's stream: events, replies to their requests, timers. A thread of its own hands
//! them out: to each plugin one after the other, in order, whoever else is slow.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use anyhow::Context as _;
use parking_lot::Mutex;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;
use waxwing_xmpp::jid::FullJid;
use waxwing_xmpp::stanza::Stanza;

use crate::accounting::trace::About;
use crate::calls::caller::Caller;
use crate::calls::context::Shared;
use crate::engine::CALLERS_STACK;
use crate::exports::account_events::AccountEvent;
use crate::exports::plugin_events::Event;
use crate::exports::{
    account_events, component, plugin_events, presence, reply_handler, session_events,
    timer_handler,
};
use crate::imports::stanzas::HostStanza;
use crate::instance::plugin::Plugin;
use crate::model::effects::{Published, failure};
use crate::schedule::event::Due;

/// Notices that may wait for one plugin. What comes beyond is lost, and counted.
const MAX_QUEUE: usize = 10_000;

/// Something to tell one plugin.
#[derive(Clone)]
pub(crate) struct Notice {
    /// The served domain whose scope it is for.
    pub(crate) host: Arc<str>,
    pub(crate) what: What,
    /// How many events led to it.
    pub(crate) depth: u8,
}

/// What a plugin is told.
#[derive(Clone)]
pub(crate) enum What {
    Account(AccountEvent, String),
    Bound {
        jid: String,
        id: u64,
    },
    Unbound {
        jid: String,
        id: u64,
    },
    /// An available session is gone.
    PresenceEnded {
        jid: String,
        id: u64,
    },
    Event(Event),
    Reply {
        token: u64,
        stanza: Stanza,
    },
    NoReply {
        token: u64,
    },
    Timer(String),
    /// For its component: from another plugin, or from the server itself. Its answer is routed to its sender.
    Stanza(Stanza),
}

/// The way to the thread that hands out notices.
pub(crate) struct Notices {
    queue: mpsc::UnboundedSender<Post>,
    /// How many wait, by plugin.
    waiting: Mutex<HashMap<String, usize>>,
}

enum Post {
    Notice(String, Notice),
    /// A plugin is gone: its last notices are of no use.
    Forget(String),
}

/// The receiving end, before the thread runs.
pub(crate) struct Posts(mpsc::UnboundedReceiver<Post>);

impl Notices {
    pub(crate) fn new() -> (Self, Posts) {
        let (queue, posts) = mpsc::unbounded_channel();
        let waiting = Mutex::default();
        (Self { queue, waiting }, Posts(posts))
    }

    /// Queues a notice for a plugin. Never waits. False: too many wait, and this one is lost.
    pub(crate) fn tell(&self, plugin: &Plugin, notice: Notice) -> bool {
        let name = plugin.manifest.name.as_str();
        {
            let mut waiting = self.waiting.lock();
            let own = waiting.entry(name.to_owned()).or_default();
            if *own >= MAX_QUEUE {
                if plugin.ledger.logs.admits(name, 128) {
                    tracing::warn!(plugin = name, "too slow for its notices: some are lost");
                }
                return false;
            }
            *own = own.saturating_add(1);
        }
        // Nobody receives while the server stops.
        let _ = self.queue.send(Post::Notice(name.to_owned(), notice));
        true
    }

    /// Lets go of what is kept about a plugin that is gone.
    pub(crate) fn forget(&self, plugin: &str) {
        let _ = self.queue.send(Post::Forget(plugin.to_owned()));
    }

    fn taken(&self, plugin: &str) {
        if let Some(own) = self.waiting.lock().get_mut(plugin) {
            *own = own.saturating_sub(1);
        }
    }
}

impl Shared {
    /// Tells the plugins that listen what became of an account.
    pub(crate) fn tell_account(&self, event: AccountEvent, account: &str, depth: u8) {
        let host = self.host(
            account
                .split_once('@')
                .map_or(account, |(_, domain)| domain),
        );
        for plugin in &self.registry.keep().account_listeners {
            let what = What::Account(event, account.to_owned());
            let host = Arc::clone(&host);
            self.notices.tell(plugin, Notice { host, what, depth });
        }
    }

    /// Tells the plugins that listen what another published.
    pub(crate) fn tell_published(
        &self,
        source: &Plugin,
        event: &Published,
        host: &Arc<str>,
        depth: u8,
    ) {
        let name = source.manifest.name.as_str();
        for plugin in &self.registry.keep().event_listeners {
            let wants = plugin.manifest.wants.events.iter();
            if plugin.manifest.name == name
                || !wants.clone().any(|one| one.matches(name, &event.name))
            {
                continue;
            }
            let what = What::Event(Event {
                source: name.to_owned(),
                name: event.name.clone(),
                version: event.version,
                data: event.data.clone(),
            });
            let host = Arc::clone(host);
            self.notices.tell(plugin, Notice { host, what, depth });
        }
    }
}

impl Shared {
    /// Tells a plugin that just came of the sessions that are there. One that comes or goes meanwhile is told in any order,
    /// twice at most: the plugin hears it once.
    pub(crate) fn introduce_sessions(&self, plugin: &Plugin) {
        let tell = |jid: &FullJid, what| {
            let host = self.host(jid.domain().as_str());
            let depth = 0;
            self.notices.tell(plugin, Notice { host, what, depth });
        };
        let there = self.services.all_sessions();
        for (jid, id) in &there {
            let (id, text) = (*id, jid.to_string());
            tell(jid, What::Bound { jid: text, id });
        }
        let still: HashSet<u64> = self
            .services
            .all_sessions()
            .iter()
            .map(|(_, id)| *id)
            .collect();
        for (jid, id) in there.iter().filter(|(_, id)| !still.contains(id)) {
            let (id, text) = (*id, jid.to_string());
            tell(jid, What::Unbound { jid: text, id });
        }
    }
}

/// Starts the thread. It ends when the platform stops.
pub(crate) fn start(shared: &Arc<Shared>, posts: Posts) -> anyhow::Result<()> {
    let shared = Arc::clone(shared);
    thread::Builder::new()
        .name("notices".to_owned())
        .stack_size(CALLERS_STACK)
        .spawn(move || {
            let runtime = Builder::new_current_thread()
                .enable_time()
                .build_local(LocalOptions::default());
            match runtime {
                Ok(runtime) => runtime.block_on(serve(shared, posts)),
                Err(error) => tracing::error!(%error, "plugins get no notices"),
            }
        })
        .context("cannot start the thread of the plugins' notices")?;
    Ok(())
}

/// What a task of one plugin works through.
#[derive(Default)]
struct Desk {
    queue: VecDeque<Notice>,
    /// Sessions that the plugin was told of.
    sessions: HashSet<u64>,
    is_served: bool,
}

type Desks = Rc<RefCell<HashMap<String, Desk>>>;

async fn serve(shared: Arc<Shared>, mut posts: Posts) {
    let desks = Desks::default();
    let caller = Rc::new(Caller::new(Arc::clone(&shared)));
    let stopping = shared.stopping.clone();
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            due = shared.agenda.next() => deal(&shared, due),
            post = posts.0.recv() => match post {
                None => return,
                Some(Post::Forget(plugin)) => forget(&shared, &desks, &plugin),
                Some(Post::Notice(plugin, notice)) => take(&caller, &desks, plugin, notice),
            },
        }
    }
}

/// Clears the desk of a plugin that is gone. Whoever works there goes on when the plugin comes back.
fn forget(shared: &Shared, desks: &Desks, plugin: &str) {
    let mut desks = desks.borrow_mut();
    if let Some(desk) = desks.get_mut(plugin) {
        desk.sessions.clear();
        for notice in desk.queue.drain(..) {
            shared.notices.taken(plugin);
            if let What::Stanza(stanza) = notice.what {
                shared.component_is_gone(&stanza);
            }
        }
    }
}

/// Puts a notice on its plugin's desk, and sees that somebody works there.
fn take(caller: &Rc<Caller>, desks: &Desks, plugin: String, notice: Notice) {
    let is_served = {
        let mut desks = desks.borrow_mut();
        let desk = desks.entry(plugin.clone()).or_default();
        desk.queue.push_back(notice);
        std::mem::replace(&mut desk.is_served, true)
    };
    if !is_served {
        let (caller, desks) = (Rc::clone(caller), Rc::clone(desks));
        tokio::task::spawn_local(work(caller, desks, plugin));
    }
}

async fn work(caller: Rc<Caller>, desks: Desks, plugin: String) {
    loop {
        let notice = {
            let mut desks = desks.borrow_mut();
            let Some(desk) = desks.get_mut(&plugin) else {
                return;
            };
            let Some(notice) = desk.queue.pop_front() else {
                desk.is_served = false;
                return;
            };
            desk.is_news(&notice.what).then_some(notice)
        };
        caller.shared.notices.taken(&plugin);
        if let Some(notice) = notice {
            hand_out(&caller, &plugin, notice).await;
        }
        tokio::task::coop::consume_budget().await;
    }
}

impl Desk {
    /// Whether the plugin does not know it already: around its loading it may be told of a session from two sides.
    fn is_news(&mut self, what: &What) -> bool {
        match what {
            What::Bound { id, .. } => self.sessions.insert(*id),
            What::Unbound { id, .. } => self.sessions.remove(id),
            _ => true,
        }
    }
}

impl What {
    /// The stanza, or else the account, that a notice is about.
    fn is_about(&self) -> (Option<Stanza>, Option<String>) {
        match self {
            Self::Account(_, account) => (None, Some(account.clone())),
            Self::Bound { jid, .. }
            | Self::Unbound { jid, .. }
            | Self::PresenceEnded { jid, .. } => (None, Some(jid.clone())),
            Self::Reply { stanza, .. } | Self::Stanza(stanza) => (Some(stanza.clone()), None),
            Self::Event(_) | Self::NoReply { .. } | Self::Timer(_) => (None, None),
        }
    }
}

/// Tells one plugin one thing, in the version that serves now.
async fn hand_out(caller: &Caller, plugin: &str, notice: Notice) {
    let Some(plugin) = caller.shared.registry.now().plugin(plugin).cloned() else {
        if let What::Stanza(stanza) = notice.what {
            caller.shared.component_is_gone(&stanza);
        }
        return;
    };
    let Notice { host, what, depth } = notice;
    let (stanza, account) = what.is_about();
    let about = match (&stanza, &account) {
        (Some(stanza), _) => About::Stanza(stanza),
        (None, Some(account)) => About::Account(account),
        (None, None) => About::Nobody,
    };
    let told = match what {
        What::Account(event, account) => {
            let call = account_events::Tell {
                event,
                account,
                depth,
            };
            caller.one(&plugin, &host, about, call).await
        }
        What::Bound { jid, id } => {
            let call = session_events::Tell {
                jid,
                id,
                is_bound: true,
            };
            caller.one(&plugin, &host, about, call).await
        }
        What::Unbound { jid, id } => {
            let call = session_events::Tell {
                jid,
                id,
                is_bound: false,
            };
            caller.one(&plugin, &host, about, call).await
        }
        What::PresenceEnded { jid, id } => {
            let call = presence::Ended { jid, id };
            caller.one(&plugin, &host, about, call).await
        }
        What::Event(event) => {
            caller
                .one(&plugin, &host, about, plugin_events::Tell { event, depth })
                .await
        }
        What::Reply { token, stanza } => {
            let lent = HostStanza::new(stanza, Arc::clone(&host));
            caller
                .one(&plugin, &host, about, reply_handler::Answered(token, lent))
                .await
        }
        What::NoReply { token } => {
            caller
                .one(&plugin, &host, about, reply_handler::TimedOut(token))
                .await
        }
        What::Timer(name) => {
            caller
                .one(&plugin, &host, about, timer_handler::Due(name))
                .await
        }
        What::Stanza(stanza) => {
            let call = component::Handle {
                stanza: HostStanza::new(stanza.clone(), Arc::clone(&host)),
                token: caller.shared.tokens.next(),
            };
            let (scope, about) = (plugin.scope(&host), About::Stanza(&stanza));
            let asked = caller.ask_handler(&plugin, scope, about, call, &stanza);
            caller.shared.answer_for_component(&stanza, asked.await);
            Ok(())
        }
    };
    if let Err(fault) = told {
        tracing::debug!(plugin = plugin.manifest.name, "was not told: {fault}");
    }
}

/// Sees to what is due.
fn deal(shared: &Shared, due: Due) {
    match due {
        Due::Timer { plugin, name } => {
            let Some(host) = shared.timers.due(&shared.agenda, &plugin, &name) else {
                return;
            };
            if let Some(plugin) = shared.registry.now().plugin(&plugin) {
                let what = What::Timer(name);
                shared.notices.tell(
                    plugin,
                    Notice {
                        host,
                        what,
                        depth: 0,
                    },
                );
            }
        }
        Due::NoReply(id) => {
            if let Some(asked) = shared.sent.expired(&id)
                && let Some(plugin) = shared.registry.now().plugin(&asked.plugin)
            {
                let (host, what) = (asked.host, What::NoReply { token: asked.token });
                shared.notices.tell(
                    plugin,
                    Notice {
                        host,
                        what,
                        depth: 0,
                    },
                );
            }
        }
        Due::NoAnswer(token) => {
            if let Some(debt) = shared.owed.expired(token) {
                shared.settle(&debt.request, Err(failure()));
            }
        }
    }
}
