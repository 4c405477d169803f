//! Requests that wait for an answer: those that plugins sent, and those that plugins have still to answer. Each is answered
//! once: whoever takes it from here answers it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use waxwing_xmpp::jid::Jid;
use waxwing_xmpp::stanza::Stanza;

use crate::schedule::event::Due;
use crate::schedule::queue::{Agenda, Appointment};

/// Requests of one plugin that may wait at a time, of each sort.
pub(crate) const MAX_WAITING: usize = 1_000;

/// The longest wait.
pub(crate) const MAX_SECONDS: u32 = 300;

/// Requests that plugins sent.
#[derive(Default)]
pub(crate) struct Sent(Mutex<HashMap<String, Waiting>>);

/// A request that a plugin sent and that was not answered yet.
pub(crate) struct Waiting {
    pub(crate) plugin: String,
    /// The served domain whose scope of the plugin asked.
    pub(crate) host: Arc<str>,
    pub(crate) token: u64,
    from: Jid,
    to: Jid,
    until: Appointment,
}

/// Requests that plugins said they would answer later.
#[derive(Default)]
pub(crate) struct Owed(Mutex<HashMap<u64, Debt>>);

/// A request that a plugin has still to answer.
pub(crate) struct Debt {
    plugin: String,
    pub(crate) request: Stanza,
    until: Appointment,
}

impl Sent {
    /// How many requests of a plugin wait.
    pub(crate) fn count(&self, plugin: &str) -> usize {
        let waiting = self.0.lock();
        waiting.values().filter(|one| one.plugin == plugin).count()
    }

    /// Waits for the answer to a request, which is about to be sent under this id.
    pub(crate) fn add(&self, agenda: &Agenda<Due>, id: &str, request: &Asked, plugin: &str) {
        let until = agenda.add(request.until, Due::NoReply(id.to_owned()));
        let waiting = Waiting {
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
    pub(crate) fn answered(&self, agenda: &Agenda<Due>, reply: &Stanza) -> Option<Waiting> {
        let (id, from, to) = (reply.id()?, reply.from()?, reply.to()?);
        let mut waiting = self.0.lock();
        let asked = waiting.get(id)?;
        if asked.to != *from || asked.from != *to {
            return None;
        }
        let asked = waiting.remove(id)?;
        agenda.cancel(asked.until);
        Some(asked)
    }

    /// Takes a request that was not answered in time.
    pub(crate) fn expired(&self, id: &str) -> Option<Waiting> {
        self.0.lock().remove(id)
    }
}

/// What is to be remembered of a request that a plugin sends.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) token: u64,
    pub(crate) from: Jid,
    pub(crate) to: Jid,
    pub(crate) host: Arc<str>,
    pub(crate) until: Instant,
}

impl Owed {
    /// Remembers that a plugin answers a request later. False: the plugin owes too many answers already.
    pub(crate) fn add(
        &self,
        agenda: &Agenda<Due>,
        token: u64,
        plugin: &str,
        request: Stanza,
        seconds: u32,
    ) -> bool {
        let mut debts = self.0.lock();
        if debts.values().filter(|debt| debt.plugin == plugin).count() >= MAX_WAITING {
            return false;
        }
        let until = agenda.add(deadline(seconds), Due::NoAnswer(token));
        let plugin = plugin.to_owned();
        debts.insert(
            token,
            Debt {
                plugin,
                request,
                until,
            },
        );
        true
    }

    /// Whether this plugin still owes the answer.
    pub(crate) fn is_owed(&self, token: u64, plugin: &str) -> bool {
        let debts = self.0.lock();
        debts.get(&token).is_some_and(|debt| debt.plugin == plugin)
    }

    /// Takes a request that its plugin now answers.
    pub(crate) fn settled(&self, agenda: &Agenda<Due>, token: u64, plugin: &str) -> Option<Debt> {
        let mut debts = self.0.lock();
        if debts.get(&token)?.plugin != plugin {
            return None;
        }
        let debt = debts.remove(&token)?;
        agenda.cancel(debt.until);
        Some(debt)
    }

    /// Takes a request that was not answered in time.
    pub(crate) fn expired(&self, token: u64) -> Option<Debt> {
        self.0.lock().remove(&token)
    }
}

/// When a wait of so many seconds ends, within the limits.
pub(crate) fn deadline(seconds: u32) -> Instant {
    let now = Instant::now();
    let wait = Duration::from_secs(seconds.clamp(1, MAX_SECONDS).into());
    now.checked_add(wait).unwrap_or(now)
}

/// Names for requests, none given twice: also not after a restart, since plugins may keep them.
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
