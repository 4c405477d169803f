//! The limits on hibernated sessions, and which session ends when a limit is exceeded.

use std::collections::{BTreeMap, HashMap};

use crate::config::Limits;

/// The hibernated sessions of the server, the oldest first.
#[derive(Debug)]
pub(super) struct HibernatedSessions<T> {
    bounds: Bounds,
    all: BTreeMap<u64, Hibernated<T>>,
    /// How many there are of each account that has any.
    of_account: HashMap<u64, usize>,
    /// What waits for all of them.
    bytes: usize,
    next: u64,
}

#[derive(Debug)]
struct Hibernated<T> {
    account: u64,
    session: T,
    bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    per_account: usize,
    in_total: usize,
    bytes: usize,
}

impl<T> HibernatedSessions<T> {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            bounds: Bounds {
                per_account: limits.hibernated_sessions_per_account,
                in_total: limits.hibernated_sessions,
                bytes: limits.hibernated_bytes,
            },
            all: BTreeMap::new(),
            of_account: HashMap::new(),
            bytes: 0,
            next: 0,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// What waits for all of them, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a session that has just lost its connection. Returns its place.
    pub(super) fn add(&mut self, account: u64, session: T) -> u64 {
        let place = self.next;
        self.next = self.next.wrapping_add(1);
        let of_account = self.of_account.entry(account).or_default();
        *of_account = of_account.saturating_add(1);
        let session = Hibernated {
            account,
            session,
            bytes: 0,
        };
        self.all.insert(place, session);
        place
    }

    /// So many bytes wait for the one at that place, if it is still hibernated.
    pub(super) fn hold(&mut self, place: u64, bytes: usize) {
        if let Some(session) = self.all.get_mut(&place) {
            let others = self.bytes.saturating_sub(session.bytes);
            self.bytes = others.saturating_add(bytes);
            session.bytes = bytes;
        }
    }

    /// Removes the session at that place: its client is back, or it has ended.
    pub(super) fn remove(&mut self, place: u64) -> Option<T> {
        let session = self.all.remove(&place)?;
        self.bytes = self.bytes.saturating_sub(session.bytes);
        if let Some(of_account) = self.of_account.get_mut(&session.account) {
            *of_account = of_account.saturating_sub(1);
            if *of_account == 0 {
                self.of_account.remove(&session.account);
            }
        }
        Some(session.session)
    }

    /// Takes out the session that has to end, if a limit is exceeded after a session of `account` was added or was given more.
    /// Too many sessions of the account, or of all: the one hibernated longest. Too many bytes: the one that holds most.
    pub(super) fn make_room(&mut self, account: u64) -> Option<T> {
        let Bounds {
            per_account,
            in_total,
            bytes,
        } = self.bounds;
        let of_account = self.of_account.get(&account).copied().unwrap_or_default();
        let mut all = self.all.iter();
        let place = if of_account > per_account {
            all.find(|(_, session)| session.account == account)
        } else if self.all.len() > in_total {
            all.next()
        } else if self.bytes > bytes {
            all.max_by_key(|(_, session)| session.bytes)
        } else {
            None
        };
        let place = place.map(|(place, _)| *place)?;
        self.remove(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hibernated() -> HibernatedSessions<&'static str> {
        HibernatedSessions::new(&Limits {
            hibernated_sessions_per_account: 2,
            hibernated_sessions: 3,
            hibernated_bytes: 100,
            ..Limits::default()
        })
    }

    #[test]
    fn the_session_hibernated_longest_makes_room() {
        let mut hibernated = hibernated();
        for (account, session) in [(1, "a"), (2, "b"), (2, "c")] {
            hibernated.add(account, session);
            assert_eq!(hibernated.make_room(account), None);
        }
        hibernated.add(2, "d");
        assert_eq!(hibernated.make_room(2), Some("b"), "of the account");
        assert_eq!(hibernated.make_room(2), None);
        hibernated.add(3, "e");
        assert_eq!(hibernated.make_room(3), Some("a"), "of all");
        assert_eq!((hibernated.len(), hibernated.make_room(3)), (3, None));
    }

    #[test]
    fn the_session_that_holds_most_makes_room() {
        let mut hibernated = hibernated();
        let [small, large] = [(1, "small"), (2, "large")].map(|(account, name)| {
            let place = hibernated.add(account, name);
            hibernated.hold(place, 10);
            place
        });
        hibernated.hold(large, 60);
        hibernated.hold(large, 90);
        assert_eq!((hibernated.bytes(), hibernated.make_room(2)), (100, None));
        hibernated.hold(small, 11);
        assert_eq!(hibernated.make_room(1), Some("large"));
        assert_eq!((hibernated.bytes(), hibernated.make_room(1)), (11, None));
        hibernated.hold(large, 90);
        assert_eq!(hibernated.bytes(), 11, "it is hibernated no more");
        assert_eq!(hibernated.remove(small), Some("small"));
        assert_eq!((hibernated.len(), hibernated.bytes()), (0, 0));
    }
}
