//! Which sessions an account has.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher as _,
    sync::Arc,
};

use parking_lot::RwLock;

use crate::delivery::session_handle::SessionHandle;

/// Parts with a lock each, so that shards seldom meet at one, or at two that lie in one line of the processor's cache.
const PARTS: usize = 1_024;

pub(super) type Part = RwLock<HashMap<Box<str>, Vec<Arc<SessionHandle>>>>;

/// The sessions by the bare JIDs of their accounts.
#[derive(Debug)]
pub(super) struct Registry {
    /// Most sessions of an account. A client that opens more gets resource-constraint (RFC 6120 §7.6.2.1).
    most: usize,
    parts: Box<[Part]>,
    hasher: RandomState,
}

/// What came of adding a session.
pub(super) enum Added {
    /// It is there. The session that had the resource before is over, and its owner is to be told.
    Done {
        replaced: Option<Arc<SessionHandle>>,
    },
    /// Another session has the resource, and keeps it.
    Taken,
    /// The account has too many.
    TooMany,
}

impl Registry {
    /// Of so many sessions an account at most.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            parts: (0..PARTS).map(|_| Part::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Adds a session. One with the same full JID makes room if it is over or asleep, or if the new one
    /// `replaces` it.
    pub(super) fn add(&self, account: &str, handle: &Arc<SessionHandle>, replaces: bool) -> Added {
        let Some(part) = self.part(account) else {
            return Added::TooMany;
        };
        let mut part = part.write();
        let sessions = part.entry(account.into()).or_default();
        let same = sessions
            .iter_mut()
            .find(|other| other.resource() == handle.resource());
        if let Some(old) = same {
            // One whose client is not connected, though it might come back for it (XEP-0198), keeps nobody out.
            if !replaces && old.is_there() && !old.is_hibernated() {
                return Added::Taken;
            }
            let replaced = Some(std::mem::replace(old, Arc::clone(handle)));
            return Added::Done { replaced };
        }
        if sessions.len() >= self.most {
            return Added::TooMany;
        }
        sessions.push(Arc::clone(handle));
        Added::Done { replaced: None }
    }

    /// Removes a session, if it was not replaced.
    pub(super) fn remove(&self, account: &str, handle: &SessionHandle) {
        let Some(part) = self.part(account) else {
            return;
        };
        let mut part = part.write();
        if let Some(sessions) = part.get_mut(account) {
            sessions.retain(|other| other.id != handle.id);
            if sessions.is_empty() {
                part.remove(account);
            }
        }
    }

    /// Lets `look` see an account's sessions, none if it has none. A lock is held meanwhile: `look` must not come back here.
    pub(super) fn look<T>(
        &self,
        account: &str,
        look: impl FnOnce(&[Arc<SessionHandle>]) -> T,
    ) -> T {
        match self.part(account) {
            Some(part) => look(part.read().get(account).map_or(&[], Vec::as_slice)),
            None => look(&[]),
        }
    }

    /// All sessions of an account.
    pub(super) fn sessions(&self, account: &str) -> Vec<Arc<SessionHandle>> {
        self.look(account, <[_]>::to_vec)
    }

    /// All sessions.
    pub(super) fn all(&self) -> Vec<Arc<SessionHandle>> {
        let parts = self.parts.iter();
        parts
            .flat_map(|part| part.read().values().flatten().cloned().collect::<Vec<_>>())
            .collect()
    }

    /// The parts, so that whoever goes through all sessions can give way to others between two of them.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter()
    }

    /// The part that an account is in; there always is one.
    fn part(&self, account: &str) -> Option<&Part> {
        let hash = self.hasher.hash_one(account);
        // The low bits choose the part; the map inside, whose hasher has other keys, uses all of its own.
        let index = usize::try_from(hash & 0xffff).ok()? % PARTS;
        self.parts.get(index)
    }
}
