//! Taking turns: one at a time for each account, where a step has to wait for the database in between.

use std::hash::{BuildHasher as _, RandomState};

use tokio::sync::{Mutex, MutexGuard};
use waxwing_xmpp::jid::BareJid;

/// Locks that accounts share, by hash: enough that two that are busy seldom meet.
const LOCKS: usize = 1_024;

/// The turns of all accounts. Who has one must not wait for another's.
#[derive(Debug)]
pub(crate) struct Turns {
    locks: Box<[Mutex<()>]>,
    hasher: RandomState,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            locks: (0..LOCKS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl Turns {
    /// Waits for the account's turn, which lasts until the guard is dropped. There is always a lock.
    pub(crate) async fn of(&self, account: &BareJid) -> Option<MutexGuard<'_, ()>> {
        let hash = self.hasher.hash_one(account.as_str());
        let index = usize::try_from(hash & 0xffff).unwrap_or(0) % LOCKS;
        match self.locks.get(index) {
            Some(lock) => Some(lock.lock().await),
            None => None,
        }
    }
}
