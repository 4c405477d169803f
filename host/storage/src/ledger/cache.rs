//! Values in memory, shared by all readers, never older than what is committed.
//!
//! The writer hides the keys of a group before it commits, and publishes their new values after. In between, and for a
//! reader that began before, the database answers and nothing is filled in: a reader takes a ticket when it misses, and
//! what it then read is kept only if no commit has touched its key, or one that shares the ticket's slot, since.

use std::{collections::hash_map::RandomState, hash::BuildHasher};

use parking_lot::Mutex;

use super::{
    Effects,
    generations::{Generations, Unknown},
};
use crate::{Key, Namespace, Scope, Value};

/// Parts with a lock each, so that readers seldom meet and none waits for the eviction of much.
const STRIPES: usize = 16;
/// Tickets' slots in a stripe. Two keys in one slot cost a fill that did not happen.
const SLOTS: usize = 256;

/// A key of any namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    pub(crate) namespace: Namespace,
    pub(crate) account: i64,
    pub(crate) key: Key,
}

impl Address {
    pub(crate) fn new(namespace: &Namespace, scope: Scope, key: &Key) -> Self {
        Self {
            namespace: namespace.clone(),
            account: scope.column(),
            key: key.clone(),
        }
    }
}

/// What vanishes besides single keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cleared {
    Account(i64),
    Namespace(Namespace),
}

impl Cleared {
    pub(super) fn covers(&self, address: &Address) -> bool {
        match self {
            Self::Account(account) => address.account == *account,
            Self::Namespace(namespace) => address.namespace == *namespace,
        }
    }
}

/// What a look-up found.
pub(super) enum Found {
    /// The value, or that there is none.
    Known(Option<Value>),
    /// Ask the database, and hand in the ticket with what it says.
    Unknown(Ticket),
}

/// When a reader missed. Odd stamps are those of keys being written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    slot: u64,
    sweep: u64,
}

struct Stripe {
    values: Generations,
    slots: Vec<u64>,
    sweep: u64,
}

impl Stripe {
    fn ticket(&self, slot: usize) -> Ticket {
        Ticket {
            slot: self.slots.get(slot).copied().unwrap_or(1),
            sweep: self.sweep,
        }
    }
}

/// The cache.
pub(crate) struct Cache {
    stripes: Vec<Mutex<Stripe>>,
    hasher: RandomState,
}

impl Cache {
    /// Holds `capacity` octets, by the count of [`Generations`].
    pub(crate) fn new(capacity: usize) -> Self {
        let stripe = || Stripe {
            values: Generations::new(capacity / STRIPES),
            slots: vec![0; SLOTS],
            sweep: 0,
        };
        Self {
            stripes: (0..STRIPES).map(|_| Mutex::new(stripe())).collect(),
            hasher: RandomState::new(),
        }
    }

    pub(super) fn find(&self, address: &Address) -> Found {
        let missed = Found::Unknown(Ticket { slot: 1, sweep: 1 });
        let found = self.at(address, |stripe, slot| match stripe.values.get(address) {
            Ok(value) => Found::Known(value),
            Err(Unknown) => Found::Unknown(stripe.ticket(slot)),
        });
        found.unwrap_or(missed)
    }

    /// Keeps what the database said after the miss that `ticket` is from, unless it may have changed since.
    pub(super) fn fill(&self, address: Address, value: Option<Value>, ticket: Ticket) {
        self.at(&address.clone(), |stripe, slot| {
            let still = stripe.ticket(slot) == ticket;
            let quiet = ticket.slot.is_multiple_of(2) && ticket.sweep.is_multiple_of(2);
            if still && quiet {
                stripe.values.insert(address, value);
            }
        });
    }

    /// Hides what is about to be committed.
    pub(crate) fn hide(&self, effects: &Effects) {
        for address in effects.written.keys() {
            self.at(address, |stripe, slot| {
                stripe.values.remove(address);
                if let Some(slot) = stripe.slots.get_mut(slot) {
                    *slot |= 1;
                }
            });
        }
        let cleared = |address: &Address| effects.cleared.iter().any(|clear| clear.covers(address));
        if !effects.cleared.is_empty() {
            self.for_each(|stripe| {
                stripe.sweep |= 1;
                stripe.values.retain(|address| !cleared(address));
            });
        }
    }

    /// Shows what was committed: the new values of what was hidden, or nothing if the commit failed.
    pub(crate) fn show(&self, effects: Effects, committed: bool) {
        for (address, value) in effects.written {
            self.at(&address.clone(), |stripe, slot| {
                if let Some(slot) = stripe.slots.get_mut(slot) {
                    *slot = slot.next_multiple_of(2);
                }
                if committed {
                    stripe.values.insert(address, value);
                }
            });
        }
        if !effects.cleared.is_empty() {
            self.for_each(|stripe| stripe.sweep = stripe.sweep.next_multiple_of(2));
        }
    }

    /// Forgets everything and keeps nothing until [`Cache::reset`]: what is committed is not known.
    pub(crate) fn suspend(&self) {
        self.for_each(|stripe| {
            stripe.sweep |= 1;
            stripe.values.retain(|_| false);
        });
    }

    /// Forgets everything, also what readers have asked for so far, and keeps what is read from now on.
    pub(crate) fn reset(&self) {
        self.for_each(|stripe| {
            stripe.sweep = (stripe.sweep | 1).wrapping_add(1);
            stripe.values.retain(|_| false);
            for slot in &mut stripe.slots {
                *slot = slot.next_multiple_of(2);
            }
        });
    }

    fn for_each(&self, mut act: impl FnMut(&mut Stripe)) {
        for stripe in &self.stripes {
            act(&mut stripe.lock());
        }
    }

    /// Acts on the stripe and slot of `address`. There always are both.
    fn at<T>(&self, address: &Address, act: impl FnOnce(&mut Stripe, usize) -> T) -> Option<T> {
        let hash = usize::try_from(self.hasher.hash_one(address) >> 32).ok()?;
        let stripe = self.stripes.get(hash % STRIPES)?;
        let slot = (hash / STRIPES) % SLOTS;
        Some(act(&mut stripe.lock(), slot))
    }
}
