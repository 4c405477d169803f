//! The bounded queue of a session.
//!
//! Any thread may push, and a push never blocks. A full mailbox means that the client does not read fast enough: the session is ended, and
//! the pusher gets its item back, as for a session that is gone. An empty mailbox holds no memory but itself.

use std::{mem, task::Waker};

use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;

use super::wakeup::{self, CrossShardWaker};
use crate::config::bounds::Bounds;

/// Items in the order of pushing. One alone, as it is nearly always, takes no memory of its own.
pub(crate) type Items<T> = SmallVec<[T; 1]>;

/// Why a session ends, or its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Another session took the resource (RFC 6120 §7.7.2.2).
    Conflict,
    /// The account was removed or disabled.
    AccountGone,
    /// A plugin ends it.
    Policy,
    /// More was queued than a session may hold.
    Overflow,
    /// The server stops.
    Shutdown,
    /// The session is at its end by itself.
    Closing,
    /// The connection is at its end: another one goes on with the session (XEP-0198 §5). The mailbox stays open.
    Taken,
}

/// What is counted against the limit of bytes.
pub(crate) trait Weigh {
    /// Bytes that the item holds while it is queued; the same at every call.
    fn weight(&self) -> usize;
}

/// What became of an item.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Push<T> {
    /// It is queued. It is handed over, or comes back from [`Mailbox::close`].
    Queued(Flow),
    /// The session is at its end and takes no more; here is the item.
    Refused(T),
}

/// How full a mailbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Flow {
    /// There is room.
    Free,
    /// Whoever pushes much does well to let the owner have its turn before pushing more.
    Pressed,
}

/// What is queued in a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Queued {
    /// By [`Weigh`].
    pub(crate) bytes: usize,
    pub(crate) items: usize,
}

/// What the owner found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken<T> {
    /// In the order of pushing; empty if there was nothing.
    pub(crate) items: Items<T>,
    /// True if more is left: what was taken reached the quota.
    pub(crate) more: bool,
    /// The session is to end. Given only when nothing is left to take, so that what was queued before goes out first;
    /// at once with [`End::Overflow`], where there is no use in writing more.
    pub(crate) end: Option<End>,
}

/// A bounded queue of weighed items, with one reader and any number of writers.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    bounds: Bounds,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    queue: Items<T>,
    bytes: usize,
    end: Option<End>,
    /// The owner is to hand over to another.
    called: bool,
    closed: bool,
    /// Of the owner, while it waits.
    waker: Option<Waker>,
    /// Of the thread on which it waits.
    owner_shard: Option<&'static CrossShardWaker>,
    /// The owner can write nothing just now: it waits for the end alone.
    stuck: bool,
}

impl<T: Weigh> Mailbox<T> {
    /// An empty one.
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: Mutex::new(State {
                queue: Items::new(),
                bytes: 0,
                end: None,
                called: false,
                closed: false,
                waker: None,
                owner_shard: None,
                stuck: false,
            }),
        }
    }

    /// How much it may hold.
    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Queues an item and wakes the owner. When that would exceed a limit, the owner's session is told to
    /// end by [`End::Overflow`]. One item is taken whatever it weighs, if it is the only one.
    pub(crate) fn push(&self, item: T) -> Push<T> {
        let mut state = self.state.lock();
        if state.closed || state.end.is_some() {
            return Push::Refused(item);
        }
        let bytes = state.bytes.saturating_add(item.weight());
        let items = state.queue.len().saturating_add(1);
        if items > 1 && self.bounds.are_exceeded(bytes, items) {
            state.end = Some(End::Overflow);
            wake(state);
            return Push::Refused(item);
        }
        state.bytes = bytes;
        state.queue.push(item);
        if !state.stuck {
            wake(state);
        }
        Push::Queued(if self.bounds.are_near(bytes) {
            Flow::Pressed
        } else {
            Flow::Free
        })
    }

    /// Tells the owner to end the session when it has written what is queued; nothing more is taken. The first reason stays.
    pub(crate) fn end(&self, reason: End) {
        let mut state = self.state.lock();
        if !state.closed && state.end.is_none() {
            state.end = Some(reason);
            wake(state);
        }
    }

    /// Tells the owner to hand over to another, who begins with [`begin`](Self::begin).
    pub(crate) fn call(&self) {
        let mut state = self.state.lock();
        state.called = true;
        wake(state);
    }

    /// Wakes the owner, so that it looks around.
    pub(crate) fn rouse(&self) {
        wake(self.state.lock());
    }

    /// For a new owner: nobody has called it.
    pub(crate) fn begin(&self) {
        let mut state = self.state.lock();
        state.called = false;
        state.waker = None;
        state.stuck = false;
    }

    /// True once the session was told to end, or is over.
    pub(crate) fn is_ending(&self) -> bool {
        let state = self.state.lock();
        state.closed || state.end.is_some()
    }

    /// True if the owner is to stop: it is to end, or to hand over.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.state.lock();
        state.called || state.end.is_some()
    }

    /// Takes what is queued, at least one item if there is any, and no more once `quota` bytes are reached. `waker` is
    /// woken by the next push or end if nothing was there.
    pub(crate) fn take(&self, quota: usize, waker: &Waker) -> Taken<T> {
        let mut state = self.state.lock();
        let overflow = state.end.filter(|end| *end == End::Overflow);
        let called = state.called && state.end.is_none();
        if overflow.is_some() || called || state.queue.is_empty() {
            let end = state.reason();
            state.watch(waker, false);
            return Taken {
                items: Items::new(),
                more: false,
                end,
            };
        }
        let items = state.take(quota);
        Taken {
            items,
            more: !state.queue.is_empty(),
            end: None,
        }
    }

    /// For an owner who can write nothing just now: the reason to end, whatever is queued, or a wake-up when there is one.
    pub(crate) fn watch_end(&self, waker: &Waker) -> Option<End> {
        let mut state = self.state.lock();
        state.watch(waker, true);
        state.reason()
    }

    /// Closes the mailbox and gives back what was not taken. Pushes are refused from now on.
    pub(crate) fn close(&self) -> Vec<T> {
        let mut state = self.state.lock();
        state.closed = true;
        state.bytes = 0;
        state.waker = None;
        mem::take(&mut state.queue).into_vec()
    }

    /// Bytes queued.
    pub(crate) fn bytes(&self) -> usize {
        self.state.lock().bytes
    }

    /// How much is queued.
    pub(crate) fn queued(&self) -> Queued {
        let state = self.state.lock();
        Queued {
            bytes: state.bytes,
            items: state.queue.len(),
        }
    }
}

/// Wakes the owner when the lock is free: it may be on another thread, and comes for the lock at once.
fn wake<T>(mut state: MutexGuard<'_, State<T>>) {
    let (waker, owner_shard) = (state.waker.take(), state.owner_shard);
    drop(state);
    if let Some(waker) = waker {
        wakeup::wake(waker, owner_shard);
    }
}

impl<T: Weigh> State<T> {
    /// Why the owner is to stop.
    fn reason(&self) -> Option<End> {
        self.end.or_else(|| self.called.then_some(End::Taken))
    }

    fn watch(&mut self, waker: &Waker, stuck: bool) {
        self.stuck = stuck;
        self.owner_shard = CrossShardWaker::own();
        if !self
            .waker
            .as_ref()
            .is_some_and(|known| known.will_wake(waker))
        {
            self.waker = Some(waker.clone());
        }
    }

    fn take(&mut self, quota: usize) -> Items<T> {
        if self.bytes <= quota {
            self.bytes = 0;
            return mem::take(&mut self.queue);
        }
        let (mut count, mut taken) = (0_usize, 0_usize);
        for item in &self.queue {
            if taken >= quota {
                break;
            }
            taken = taken.saturating_add(item.weight());
            count = count.saturating_add(1);
        }
        self.bytes = self.bytes.saturating_sub(taken);
        self.queue.drain(..count).collect()
    }
}

#[cfg(test)]
#[path = "mailbox_tests.rs"]
mod tests;
