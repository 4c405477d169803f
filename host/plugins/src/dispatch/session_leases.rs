//! Which providers were told of which session: each is told once that the session has ended.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// The sessions that providers were told of, by the sessions' ids.
#[derive(Default)]
pub(crate) struct SessionLeases {
    known: Mutex<HashMap<u64, Lease>>,
    /// Notified when the providers of a session that ended were told.
    gone: Notify,
}

/// The names of the plugins that were told of a session.
#[derive(Clone, Default)]
pub(crate) struct Lease {
    pub(crate) sessions: Option<String>,
    pub(crate) rosters: Option<String>,
    /// Its provider of sessions was not loaded when its presence changed: since then the server's own record counts.
    unrecorded: bool,
    /// It has ended, and its providers are being told.
    ending: bool,
}

impl SessionLeases {
    /// Waits until all providers were told of all ends.
    pub(crate) async fn all_gone(&self) {
        loop {
            let told = self.gone.notified();
            if !self.known.lock().values().any(|lease| lease.ending) {
                return;
            }
            told.await;
        }
    }

    pub(crate) fn note(&self, id: u64, note: impl FnOnce(&mut Lease)) {
        note(self.known.lock().entry(id).or_default());
    }

    /// The provider that bound a session and has its record.
    pub(crate) fn bound_by(&self, id: u64) -> Option<String> {
        let known = self.known.lock();
        let lease = known.get(&id)?;
        let has_record = !lease.ending && !lease.unrecorded;
        lease.sessions.clone().filter(|_| has_record)
    }

    /// Marks a session whose presence its provider does not record.
    pub(crate) fn mark_unrecorded(&self, id: u64) {
        if let Some(lease) = self.known.lock().get_mut(&id) {
            lease.unrecorded = true;
        }
    }

    /// Marks a session that ends. True once, if a provider may have to be told.
    pub(crate) fn end(&self, id: u64) -> bool {
        let mut known = self.known.lock();
        if known.is_empty() {
            return false;
        }
        let lease = known.get_mut(&id).filter(|lease| !lease.ending);
        lease.is_some_and(|lease| {
            lease.ending = true;
            true
        })
    }

    pub(crate) fn of(&self, id: u64) -> Lease {
        self.known.lock().get(&id).cloned().unwrap_or_default()
    }

    /// Whether no provider was told of any session.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.lock().is_empty()
    }

    pub(crate) fn forget(&self, id: u64) {
        self.known.lock().remove(&id);
        self.gone.notify_waiters();
    }
}
