//! Requests without an answer yet: those that plugins sent, and those that plugins answer later. Each is answered once:
//! it is removed from here by the answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use waxwing_xmpp::jid::Jid;
use waxwing_xmpp::stanza::Stanza;

use crate::model::request::NewRequest;
use crate::schedule::event::ScheduledEvent;
use crate::schedule::timer_queue::{TimerKey, TimerQueue};

/// Requests of one plugin that may wait at a time, of each sort.
pub(crate) const MAX_WAITING: usize = 1_000;

/// The longest wait.
pub(crate) const MAX_SECONDS: u32 = 300;

/// Requests that plugins sent.
#[derive(Default)]
pub(crate) struct SentRequests(Mutex<HashMap<String, SentRequest>>);

/// A request that a plugin sent and that was not answered yet.
pub(crate) struct SentRequest {
    pub(crate) plugin: String,
    /// The served domain whose scope of the plugin asked.
    pub(crate) host: Arc<str>,
    pub(crate) token: u64,
    from: Jid,
    to: Jid,
    until: TimerKey,
}

/// Requests that plugins answer later.
#[derive(Default)]
pub(crate) struct DeferredReplies(Mutex<HashMap<u64, DeferredReply>>);

/// A request that a plugin has still to answer.
pub(crate) struct DeferredReply {
    plugin: String,
    pub(crate) request: Stanza,
    until: TimerKey,
}

impl SentRequests {
    /// How many requests of a plugin wait.
    pub(crate) fn count(&self, plugin: &str) -> usize {
        let waiting = self.0.lock();
        waiting.values().filter(|one| one.plugin == plugin).count()
    }

    /// Waits for the answer to a request, which is about to be sent under this id.
    pub(crate) fn add(
        &self,
        queue: &TimerQueue<ScheduledEvent>,
        id: &str,
        request: &NewRequest,
        plugin: &str,
    ) {
        let until = queue.add(request.until, ScheduledEvent::NoReply(id.to_owned()));
        let waiting = SentRequest {
            plugin: plugin.to_owned(),
            host: Arc::clone(&request.host),
            token: request.token,
            from: request.from.clone(),
            to: request.to.clone(),
            until,
        };
        self.0.lock().insert(id.to_owned(), waiting);
    }

    /// Takes the request that this is the answer to: by its id, and from and to the very addresses.
    pub(crate) fn take_answered(
        &self,
        queue: &TimerQueue<ScheduledEvent>,
        reply: &Stanza,
    ) -> Option<SentRequest> {
        let (id, from, to) = (reply.id()?, reply.from()?, reply.to()?);
        let mut waiting = self.0.lock();
        let asked = waiting.get(id)?;
        if asked.to != *from || asked.from != *to {
            return None;
        }
        let asked = waiting.remove(id)?;
        queue.cancel(asked.until);
        Some(asked)
    }

    /// Takes a request that was not answered in time.
    pub(crate) fn take_expired(&self, id: &str) -> Option<SentRequest> {
        self.0.lock().remove(id)
    }
}

impl DeferredReplies {
    /// Records that a plugin answers a request later. False if the plugin has too many such requests already.
    pub(crate) fn add(
        &self,
        queue: &TimerQueue<ScheduledEvent>,
        token: u64,
        plugin: &str,
        request: Stanza,
        seconds: u32,
    ) -> bool {
        let mut replies = self.0.lock();
        if replies
            .values()
            .filter(|reply| reply.plugin == plugin)
            .count()
            >= MAX_WAITING
        {
            return false;
        }
        let until = queue.add(deadline(seconds), ScheduledEvent::NoAnswer(token));
        let plugin = plugin.to_owned();
        replies.insert(
            token,
            DeferredReply {
                plugin,
                request,
                until,
            },
        );
        true
    }

    /// Whether this plugin has still to answer the request.
    pub(crate) fn is_pending(&self, token: u64, plugin: &str) -> bool {
        let replies = self.0.lock();
        replies
            .get(&token)
            .is_some_and(|reply| reply.plugin == plugin)
    }

    /// Takes a request that its plugin now answers.
    pub(crate) fn take(
        &self,
        queue: &TimerQueue<ScheduledEvent>,
        token: u64,
        plugin: &str,
    ) -> Option<DeferredReply> {
        let mut replies = self.0.lock();
        if replies.get(&token)?.plugin != plugin {
            return None;
        }
        let reply = replies.remove(&token)?;
        queue.cancel(reply.until);
        Some(reply)
    }

    /// Takes a request that was not answered in time.
    pub(crate) fn take_expired(&self, token: u64) -> Option<DeferredReply> {
        self.0.lock().remove(&token)
    }
}

/// When a wait of so many seconds ends, within the limits.
pub(crate) fn deadline(seconds: u32) -> Instant {
    let now = Instant::now();
    let wait = Duration::from_secs(seconds.clamp(1, MAX_SECONDS).into());
    now.checked_add(wait).unwrap_or(now)
}

/// Tokens of requests, none given twice: also not after a restart, since plugins may store them.
pub(crate) struct Tokens(AtomicU64);

impl Default for Tokens {
    fn default() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let millis = since.map_or(0, |since| since.as_millis());
        // Room for a thousand names a millisecond.
        let first = u64::try_from(millis).unwrap_or(0).saturating_mul(1_000);
        Self(AtomicU64::new(first))
    }
}

impl Tokens {
    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}
