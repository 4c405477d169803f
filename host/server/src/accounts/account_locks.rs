//! Taking locks: one at a time for each account, where a step has to wait for the database in between.

use std::hash::{BuildHasher as _, RandomState};

use tokio::sync::{Mutex, MutexGuard};
use waxwing_xmpp::jid::BareJid;

/// Locks that accounts share, by hash: enough that two that are busy seldom meet.
const LOCKS: usize = 1_024;

/// The locks of all accounts. Who has one must not wait for another's: those of two are taken together.
#[derive(Debug)]
pub(crate) struct AccountLocks {
    locks: Box<[Mutex<()>]>,
    hasher: RandomState,
}

impl Default for AccountLocks {
    fn default() -> Self {
        Self {
            locks: (0..LOCKS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl AccountLocks {
    /// Waits for the account's turn, which lasts until the guard is dropped. There is always a lock.
    pub(crate) async fn lock(&self, account: &BareJid) -> Option<MutexGuard<'_, ()>> {
        self.at(self.index(account)).await
    }

    /// Waits for the locks of both, which may be one.
    pub(crate) async fn lock_both(
        &self,
        one: &BareJid,
        other: &BareJid,
    ) -> [Option<MutexGuard<'_, ()>>; 2] {
        let (one, other) = (self.index(one), self.index(other));
        // In the same order by all, so that no two wait for each other.
        let first = self.at(one.min(other)).await;
        let second = if one == other {
            None
        } else {
            self.at(one.max(other)).await
        };
        [first, second]
    }

    fn index(&self, account: &BareJid) -> usize {
        let hash = self.hasher.hash_one(account.as_str());
        usize::try_from(hash & 0xffff).unwrap_or(0) % LOCKS
    }

    async fn at(&self, index: usize) -> Option<MutexGuard<'_, ()>> {
        match self.locks.get(index) {
            Some(lock) => Some(lock.lock().await),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;
    use waxwing_xmpp::jid;

    use super::*;

    #[tokio::test]
    async fn both_turns_are_taken_whether_they_are_one_or_two() {
        let locks = AccountLocks::default();
        let [juliet, romeo] = ["juliet@a", "romeo@a"].map(|jid| jid::parse_bare(jid).unwrap());
        drop(locks.lock_both(&juliet, &juliet).await);
        let both = locks.lock_both(&juliet, &romeo).await;
        for one in [&juliet, &romeo] {
            let lock = timeout(Duration::from_millis(20), locks.lock(one));
            assert!(lock.await.is_err(), "{one}");
        }
        drop(both);
        assert!(locks.lock(&romeo).await.is_some());
    }
}
