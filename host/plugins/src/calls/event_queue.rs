//! Events, replies and timers on their way to plugins: what concerns no stream is queued here, and delivered by one
//! thread (`dispatch::event_worker`). The queue of each plugin is bounded, and so is the sum; what does not fit is lost
//! and counted.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use waxwing_xmpp::stanza::Stanza;

use crate::exports::plugin_events::Event;
use crate::instance::plugin::Plugin;
use crate::model::account_event::AccountEvent;

/// Events that may wait for one plugin.
const MAX_QUEUE: usize = 10_000;
/// Events that may wait for all plugins together.
const MAX_ALL: usize = 200_000;

/// An event for one plugin.
#[derive(Clone)]
pub(crate) struct QueuedEvent {
    /// The served domain whose scope it is for.
    pub(crate) host: Arc<str>,
    pub(crate) message: Message,
    /// How many events led to it.
    pub(crate) depth: u8,
}

/// What an event says.
#[derive(Clone)]
pub(crate) enum Message {
    /// Something happened to the account of that bare JID.
    Account(AccountEvent, String),
    /// A resource was bound.
    Bound { jid: String, id: u64 },
    /// A session ended.
    Unbound { jid: String, id: u64 },
    /// A session that was an available resource ended.
    PresenceEnded { jid: String, id: u64 },
    /// Another plugin published an event.
    Event(Event),
    /// A request of the plugin was answered.
    Reply { token: u64, stanza: Stanza },
    /// A request of the plugin was not answered in time.
    NoReply { token: u64 },
    /// The timer of that name is due.
    Timer(String),
    /// A stanza for the plugin's component, from another plugin or the server. The answer is routed to its sender.
    Stanza(Stanza),
}

/// The sending half.
pub(crate) struct EventQueue {
    sender: mpsc::Sender<PostedEvent>,
    queues: Mutex<HashMap<String, Queue>>,
}

/// The receiving half, for one thread.
pub(crate) struct EventReceiver(pub(crate) mpsc::Receiver<PostedEvent>);

/// An event with the plugin that it is for.
pub(crate) struct PostedEvent {
    pub(crate) plugin: String,
    /// The plugin's stay at which it was queued: see [`EventQueue::forget`].
    pub(crate) stay: u64,
    pub(crate) event: QueuedEvent,
}

/// What waits for one plugin.
#[derive(Default)]
struct Queue {
    events: usize,
    /// How often the plugin was removed.
    stay: u64,
}

impl EventQueue {
    /// An empty queue.
    pub(crate) fn new() -> (Self, EventReceiver) {
        let (sender, receiver) = mpsc::channel(MAX_ALL);
        let queues = Mutex::default();
        (Self { sender, queues }, EventReceiver(receiver))
    }

    /// Queues an event for a plugin. Never waits: where too many wait already, it is lost and counted, and this is false.
    pub(crate) fn send(&self, plugin: &Plugin, event: QueuedEvent) -> bool {
        let name = plugin.manifest.name.as_str();
        if self.try_send(name, event) {
            return true;
        }
        plugin.counters.events_lost.add(1);
        if plugin.counters.logs.admits(name, 128) {
            tracing::warn!(plugin = name, "too slow for its events: some are lost");
        }
        false
    }

    /// Queues an event for the plugin of that name; false if too many wait.
    fn try_send(&self, plugin: &str, event: QueuedEvent) -> bool {
        let Some(stay) = self.admit(plugin) else {
            return false;
        };
        let posted = PostedEvent {
            plugin: plugin.to_owned(),
            stay,
            event,
        };
        match self.sender.try_send(posted) {
            // The receiver is gone while the server stops.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.received(plugin);
                false
            }
        }
    }

    /// Counts one more event of a plugin. Its stay, if there is room.
    fn admit(&self, plugin: &str) -> Option<u64> {
        let mut queues = self.queues.lock();
        let own = queues.entry(plugin.to_owned()).or_default();
        if own.events >= MAX_QUEUE {
            return None;
        }
        own.events = own.events.saturating_add(1);
        Some(own.stay)
    }

    /// The plugin was removed: events that wait for it are dropped, also if it is loaded again before they are
    /// delivered.
    pub(crate) fn forget(&self, plugin: &str) {
        if let Some(own) = self.queues.lock().get_mut(plugin) {
            own.stay = own.stay.wrapping_add(1);
        }
    }

    /// An event of the plugin was taken from its queue. The plugin's current stay.
    pub(crate) fn received(&self, plugin: &str) -> u64 {
        let mut queues = self.queues.lock();
        queues.get_mut(plugin).map_or(0, |own| {
            own.events = own.events.saturating_sub(1);
            own.stay
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timer() -> QueuedEvent {
        QueuedEvent {
            host: Arc::from("localhost"),
            message: Message::Timer("t".to_owned()),
            depth: 0,
        }
    }

    #[test]
    fn a_plugin_that_is_too_slow_loses_its_own_events_alone() {
        let (queue, mut receiver) = EventQueue::new();
        for _ in 0..MAX_QUEUE {
            assert!(queue.try_send("slow", timer()));
        }
        assert!(!queue.try_send("slow", timer()));
        assert!(queue.try_send("other", timer()));
        let first = receiver.0.try_recv().unwrap();
        queue.received(&first.plugin);
        assert!(queue.try_send("slow", timer()));
        assert!(!queue.try_send("slow", timer()));
    }

    #[test]
    fn an_event_for_a_plugin_that_was_removed_is_of_an_earlier_stay() {
        let (queue, mut receiver) = EventQueue::new();
        assert!(queue.try_send("a", timer()));
        queue.forget("a");
        assert!(queue.try_send("a", timer()));
        let (old, new) = (
            receiver.0.try_recv().unwrap(),
            receiver.0.try_recv().unwrap(),
        );
        assert_ne!(queue.received("a"), old.stay);
        assert_eq!(queue.received("a"), new.stay);
    }
}
