//! Which messages of the spool sessions have, or are being given: nobody else is given those from the spool.
//!
//! A row of the spool is a message's safety copy while sessions hold the message in memory: it waits to be written, to be acknowledged, or
//! for a hibernated session to be resumed (XEP-0198 §5). Whoever reads the spool for another session of the account passes such rows by.
//! When the last holder gives the message up undelivered, the claim ends and the row is free again; when it is delivered, the row is
//! removed.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use parking_lot::Mutex;
use waxwing_storage::AccountId;

/// The claims on all spools.
#[derive(Debug, Clone, Default)]
pub(crate) struct Claims(Arc<Mutex<HashMap<AccountId, Account>>>);

/// Those on one account's spool.
#[derive(Debug, Default)]
struct Account {
    claimed: HashSet<u64>,
    readers: usize,
    /// Delivered since the first of the present readers began: a page that was read before the row's removal still shows it.
    delivered: HashSet<u64>,
}

/// A right to hold one message of the spool. Dropping it frees the row.
#[derive(Debug)]
pub(crate) struct Claim {
    claims: Claims,
    account: AccountId,
    id: u64,
    delivered: bool,
}

/// Somebody who reads an account's spool, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Reader {
    claims: Claims,
    account: AccountId,
}

impl Claims {
    /// Claims a row; `None`: another has it, or it was delivered while a present reader was reading.
    pub(crate) fn claim(&self, account: AccountId, id: u64) -> Option<Claim> {
        let mut accounts = self.0.lock();
        let state = accounts.entry(account).or_default();
        if state.delivered.contains(&id) || !state.claimed.insert(id) {
            return None;
        }
        Some(Claim {
            claims: self.clone(),
            account,
            id,
            delivered: false,
        })
    }

    /// Begins to read. What is delivered from now on is not claimed again until the reader is done.
    pub(crate) fn read(&self, account: AccountId) -> Reader {
        let mut accounts = self.0.lock();
        let state = accounts.entry(account).or_default();
        state.readers = state.readers.saturating_add(1);
        Reader {
            claims: self.clone(),
            account,
        }
    }

    /// Changes what is known of an account, and forgets it when that is nothing.
    fn change(&self, account: AccountId, change: impl FnOnce(&mut Account)) {
        let mut accounts = self.0.lock();
        if let Some(state) = accounts.get_mut(&account) {
            change(state);
            if state.readers == 0 {
                state.delivered = HashSet::new();
                if state.claimed.is_empty() {
                    accounts.remove(&account);
                }
            }
        }
    }
}

impl Claim {
    /// Whose spool it is.
    pub(crate) fn account(&self) -> AccountId {
        self.account
    }

    /// The row.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Ends the claim on a message that was delivered; its row is being removed.
    pub(crate) fn delivered(mut self) {
        self.delivered = true;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let (id, delivered) = (self.id, self.delivered);
        self.claims.change(self.account, |state| {
            state.claimed.remove(&id);
            if delivered && state.readers > 0 {
                state.delivered.insert(id);
            }
        });
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.claims.change(self.account, |state| {
            state.readers = state.readers.saturating_sub(1);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: AccountId = AccountId(1);

    #[test]
    fn a_row_has_one_holder_at_a_time() {
        let claims = Claims::default();
        let claim = claims.claim(ACCOUNT, 7).unwrap();
        assert!(claims.claim(ACCOUNT, 7).is_none());
        assert!(claims.claim(ACCOUNT, 8).is_some() && claims.claim(AccountId(2), 7).is_some());
        drop(claim);
        assert!(claims.claim(ACCOUNT, 7).is_some());
        assert!(claims.0.lock().is_empty(), "nothing is remembered");
    }

    #[test]
    fn what_is_delivered_is_not_claimed_while_somebody_reads() {
        let claims = Claims::default();
        let claim = claims.claim(ACCOUNT, 7).unwrap();
        let (one, other) = (claims.read(ACCOUNT), claims.read(ACCOUNT));
        claim.delivered();
        assert!(claims.claim(ACCOUNT, 7).is_none());
        drop(one);
        assert!(claims.claim(ACCOUNT, 7).is_none());
        drop(other);
        assert!(claims.0.lock().is_empty(), "nothing is remembered");
    }
}
