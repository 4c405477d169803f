//! Sessions whose clients are away, and which of them makes room where there are too many, or too much waits for them.

use std::collections::{BTreeMap, HashMap};

use crate::config::Limits;

/// Sleeping sessions, longest first. Nothing waits longer for its client than what fell asleep before it.
#[derive(Debug)]
pub(super) struct Sleepers<T> {
    bounds: Bounds,
    all: BTreeMap<u64, Sleeper<T>>,
    /// How many there are of each account that has any.
    of_account: HashMap<u64, usize>,
    /// What waits for all of them.
    bytes: usize,
    next: u64,
}

#[derive(Debug)]
struct Sleeper<T> {
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

impl<T> Sleepers<T> {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            bounds: Bounds {
                per_account: limits.sleeping_sessions_per_account,
                in_total: limits.sleeping_sessions,
                bytes: limits.sleeping_bytes,
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

    /// A session falls asleep. Returns its place.
    pub(super) fn add(&mut self, account: u64, session: T) -> u64 {
        let place = self.next;
        self.next = self.next.wrapping_add(1);
        let of_account = self.of_account.entry(account).or_default();
        *of_account = of_account.saturating_add(1);
        let sleeper = Sleeper {
            account,
            session,
            bytes: 0,
        };
        self.all.insert(place, sleeper);
        place
    }

    /// So many bytes wait for the one at that place, if it still sleeps.
    pub(super) fn hold(&mut self, place: u64, bytes: usize) {
        if let Some(sleeper) = self.all.get_mut(&place) {
            let others = self.bytes.saturating_sub(sleeper.bytes);
            self.bytes = others.saturating_add(bytes);
            sleeper.bytes = bytes;
        }
    }

    /// The one at that place wakes, or is at its end.
    pub(super) fn remove(&mut self, place: u64) -> Option<T> {
        let sleeper = self.all.remove(&place)?;
        self.bytes = self.bytes.saturating_sub(sleeper.bytes);
        if let Some(of_account) = self.of_account.get_mut(&sleeper.account) {
            *of_account = of_account.saturating_sub(1);
            if *of_account == 0 {
                self.of_account.remove(&sleeper.account);
            }
        }
        Some(sleeper.session)
    }

    /// Takes one out that has to make room, after one of that account fell asleep or was given more: where there are too many of
    /// the account or of all, the one that has slept longest; where too much waits for all, the one for which most does.
    pub(super) fn make_room(&mut self, account: u64) -> Option<T> {
        let Bounds {
            per_account,
            in_total,
            bytes,
        } = self.bounds;
        let of_account = self.of_account.get(&account).copied().unwrap_or_default();
        let mut all = self.all.iter();
        let place = if of_account > per_account {
            all.find(|(_, sleeper)| sleeper.account == account)
        } else if self.all.len() > in_total {
            all.next()
        } else if self.bytes > bytes {
            all.max_by_key(|(_, sleeper)| sleeper.bytes)
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

    fn sleepers() -> Sleepers<&'static str> {
        Sleepers::new(&Limits {
            sleeping_sessions_per_account: 2,
            sleeping_sessions: 3,
            sleeping_bytes: 100,
            ..Limits::default()
        })
    }

    #[test]
    fn the_one_that_has_slept_longest_makes_room() {
        let mut sleepers = sleepers();
        for (account, session) in [(1, "a"), (2, "b"), (2, "c")] {
            sleepers.add(account, session);
            assert_eq!(sleepers.make_room(account), None);
        }
        sleepers.add(2, "d");
        assert_eq!(sleepers.make_room(2), Some("b"), "of the account");
        assert_eq!(sleepers.make_room(2), None);
        sleepers.add(3, "e");
        assert_eq!(sleepers.make_room(3), Some("a"), "of all");
        assert_eq!((sleepers.len(), sleepers.make_room(3)), (3, None));
    }

    #[test]
    fn the_one_for_which_most_waits_makes_room() {
        let mut sleepers = sleepers();
        let [small, large] = [(1, "small"), (2, "large")].map(|(account, name)| {
            let place = sleepers.add(account, name);
            sleepers.hold(place, 10);
            place
        });
        sleepers.hold(large, 60);
        sleepers.hold(large, 90);
        assert_eq!((sleepers.bytes(), sleepers.make_room(2)), (100, None));
        sleepers.hold(small, 11);
        assert_eq!(sleepers.make_room(1), Some("large"));
        assert_eq!((sleepers.bytes(), sleepers.make_room(1)), (11, None));
        sleepers.hold(large, 90);
        assert_eq!(sleepers.bytes(), 11, "it sleeps no more");
        assert_eq!(sleepers.remove(small), Some("small"));
        assert_eq!((sleepers.len(), sleepers.bytes()), (0, 0));
    }
}
