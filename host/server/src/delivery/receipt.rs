//! What is promised to the senders of stanzas: an ack says no more than is true (XEP-0198 §4).
//!
//! A session's [`Ledger`] counts the stanzas that it hands in. Each has a [`Promise`] that goes with it and its copies, and is kept
//! when nobody has it any more: it was acknowledged by the sessions that got it, written to those that acknowledge nothing, answered,
//! dropped by a rule, or kept in the spool. A message that is still on its way may be secured: it is put into the spool as well, and
//! leaves it when it is delivered.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
    task::Waker,
};

use parking_lot::Mutex;
use waxwing_storage::AccountId;
use waxwing_xmpp::stanza::Stanza;

use super::spool_queue::{Keeper, Task};

/// The stanzas that a session has handed in, by numbers that go on at 0 after 2^32-1.
#[derive(Debug)]
pub(crate) struct Ledger {
    state: Mutex<Pages>,
    keeper: Keeper,
}

#[derive(Debug, Default)]
struct Pages {
    /// All up to this number are dealt with.
    settled: u32,
    /// Those after it; `None` for one that is dealt with already.
    open: VecDeque<Option<Weak<Promise>>>,
    /// Of the session, while it owes an ack.
    waker: Option<Waker>,
}

impl Ledger {
    /// A ledger whose first stanza is yet to come.
    pub(crate) fn new(keeper: Keeper) -> Arc<Self> {
        Self::after(keeper, 0)
    }

    /// One that goes on after that number.
    pub(crate) fn after(keeper: Keeper, settled: u32) -> Arc<Self> {
        let pages = Pages {
            settled,
            ..Pages::default()
        };
        Arc::new(Self {
            state: Mutex::new(pages),
            keeper,
        })
    }

    /// Counts one more stanza.
    pub(crate) fn take(self: &Arc<Self>) -> Arc<Promise> {
        let mut pages = self.state.lock();
        Arc::new_cyclic(|promise| {
            pages.open.push_back(Some(Weak::clone(promise)));
            Promise {
                entry: Some((Arc::clone(self), pages.taken())),
                state: Mutex::default(),
            }
        })
    }

    /// The number of the last stanza that was counted.
    pub(crate) fn taken(&self) -> u32 {
        self.state.lock().taken()
    }

    /// The number up to which all are dealt with.
    pub(crate) fn settled(&self) -> u32 {
        self.state.lock().settled
    }

    /// Whether all up to a number are dealt with; if not, `waker` is woken when it may be so.
    pub(crate) fn is_settled(&self, number: u32, waker: &Waker) -> bool {
        let mut pages = self.state.lock();
        let is_settled = pages.index(number).is_none();
        pages.waker = (!is_settled).then(|| waker.clone());
        is_settled
    }

    /// Has the messages up to a number that are still on their way put into the spool.
    pub(crate) fn secure(&self, number: u32) {
        let open: Vec<Arc<Promise>> = {
            let pages = self.state.lock();
            let count = pages
                .index(number)
                .map_or(0, |index| index.saturating_add(1));
            let open = pages.open.iter().take(count).flatten();
            open.filter_map(Weak::upgrade).collect()
        };
        // Not under the lock: a promise that goes meanwhile would want it.
        for promise in open {
            self.keeper.send(Task::Secure(promise));
        }
    }

    fn settle(&self, number: u32) {
        let mut pages = self.state.lock();
        let Some(entry) = pages
            .index(number)
            .and_then(|index| pages.open.get_mut(index))
        else {
            return;
        };
        *entry = None;
        while let Some(None) = pages.open.front() {
            pages.open.pop_front();
            pages.settled = pages.settled.wrapping_add(1);
        }
        if pages.open.is_empty() {
            pages.open = VecDeque::new();
        }
        let waker = pages.waker.take();
        // It may be on another thread, and comes for the lock at once.
        drop(pages);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Pages {
    fn taken(&self) -> u32 {
        let open = u32::try_from(self.open.len()).unwrap_or(u32::MAX);
        self.settled.wrapping_add(open)
    }

    /// Where a number is in `open`; `None`: it is dealt with, or was never given.
    fn index(&self, number: u32) -> Option<usize> {
        let index = number.wrapping_sub(self.settled).checked_sub(1)?;
        let index = usize::try_from(index).ok()?;
        (index < self.open.len()).then_some(index)
    }
}

/// What somebody may rely on about a stanza.
#[derive(Debug, Default)]
pub(crate) struct Promise {
    /// Who is told when it is kept.
    entry: Option<(Arc<Ledger>, u32)>,
    state: Mutex<Standing>,
}

#[derive(Debug, Default)]
struct Standing {
    /// The message, for as long as it may have to be put into the spool. It has no companion: that would be this promise.
    message: Option<Stanza>,
    row: Row,
    /// A session has it for good.
    delivered: bool,
}

/// Whether a message is in the spool.
#[derive(Debug, Default)]
enum Row {
    #[default]
    None,
    /// It is being put there; and whether nobody else has it meanwhile.
    Writing { alone: bool },
    /// It is there.
    Kept(Place),
}

/// A message's place in the spool.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) account: AccountId,
    pub(crate) id: u64,
    pub(crate) keeper: Keeper,
}

impl Promise {
    /// Of a message that is in the spool.
    pub(crate) fn kept_at(place: Place) -> Arc<Self> {
        let promise = Self::default();
        promise.state.lock().row = Row::Kept(place);
        Arc::new(promise)
    }

    /// The one that goes with a message; a message that has none gets one.
    pub(crate) fn of(message: &mut Stanza) -> Arc<Self> {
        message.companion().unwrap_or_else(|| {
            let promise = Arc::new(Self::default());
            promise.go_with(message);
            promise
        })
    }

    /// Lets it go with a message from here on.
    pub(crate) fn go_with(self: &Arc<Self>, message: &mut Stanza) {
        self.state.lock().message = Some(message.clone());
        message.accompany(Arc::clone(self) as _);
    }

    /// A session has the message for good.
    pub(crate) fn delivered(&self) {
        self.state.lock().delivered = true;
    }

    /// The message, if it is to be put into the spool now: it is not there, and may be.
    pub(crate) fn begin(&self) -> Option<Stanza> {
        let mut state = self.state.lock();
        if !matches!(state.row, Row::None) || state.delivered {
            return None;
        }
        let message = state.message.clone()?;
        state.row = Row::Writing { alone: false };
        Some(message)
    }

    /// It is in the spool.
    pub(crate) fn kept(&self, place: Place) {
        let mut state = self.state.lock();
        state.row = Row::Kept(place);
        state.message = None;
        drop(state);
        self.settle();
    }

    /// It could not be put there. Returns the message if nobody else has it.
    pub(crate) fn not_kept(&self) -> Option<Stanza> {
        let mut state = self.state.lock();
        let row = std::mem::take(&mut state.row);
        match row {
            Row::Writing { alone: true } => state.message.take(),
            _ => None,
        }
    }

    /// Nobody but the spool takes the message. True if it is there or on its way there; if not, it is for the caller to put it
    /// there, and for nobody else.
    pub(crate) fn rests(&self) -> bool {
        let mut state = self.state.lock();
        match &mut state.row {
            Row::None => {
                state.row = Row::Writing { alone: true };
                false
            }
            Row::Writing { alone } => {
                *alone = true;
                true
            }
            Row::Kept(_) => true,
        }
    }

    /// Where it is in the spool, if it is there.
    pub(crate) fn place(&self) -> Option<(AccountId, u64)> {
        match &self.state.lock().row {
            Row::Kept(place) => Some((place.account, place.id)),
            Row::None | Row::Writing { .. } => None,
        }
    }

    fn settle(&self) {
        if let Some((ledger, number)) = &self.entry {
            ledger.settle(*number);
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.settle();
        let state = self.state.get_mut();
        // One that was not delivered stays, whatever the reason.
        if let (true, Row::Kept(place)) = (state.delivered, &state.row) {
            let (account, id) = (place.account, place.id);
            place.keeper.send(Task::Remove { account, id });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use tokio::sync::mpsc;
    use waxwing_xml::{Element, Limits};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn ledger() -> (Arc<Ledger>, mpsc::UnboundedReceiver<Task>) {
        let (keeper, tasks) = Keeper::new();
        (Ledger::new(keeper), tasks)
    }

    fn message() -> Stanza {
        let xml = b"<message to='a@b'><body>hi</body></message>";
        let element = Element::parse(xml, waxwing_xmpp::ns::CLIENT, &Limits::stanza()).unwrap();
        Stanza::parse(element).unwrap()
    }

    fn secured(tasks: &mut mpsc::UnboundedReceiver<Task>) -> Arc<Promise> {
        match tasks.try_recv() {
            Ok(Task::Secure(promise)) => promise,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn is_settled_up_to_the_first_that_is_open() {
        let (ledger, _tasks) = ledger();
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let [one, two, three] = [ledger.take(), ledger.take(), ledger.take()];
        assert_eq!((ledger.taken(), ledger.settled()), (3, 0));
        drop(two);
        assert!(!ledger.is_settled(2, &waker));
        assert_eq!(ledger.settled(), 0);
        drop(one);
        assert_eq!(ledger.settled(), 2);
        assert!(ledger.is_settled(2, &waker) && !ledger.is_settled(3, &waker));
        drop(three);
        assert_eq!((ledger.taken(), ledger.settled()), (3, 3));
        assert_eq!(woken.0.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn counts_beyond_the_largest_number() {
        let ledger = Ledger::after(Keeper::new().0, u32::MAX - 1);
        let [one, two] = [ledger.take(), ledger.take()];
        assert_eq!(ledger.taken(), 0);
        drop(one);
        assert_eq!(ledger.settled(), u32::MAX);
        drop(two);
        assert_eq!(ledger.settled(), 0);
    }

    #[test]
    fn waits_for_every_copy() {
        let (ledger, _tasks) = ledger();
        let mut stanza = message();
        let promise = ledger.take();
        promise.go_with(&mut stanza);
        drop(promise);
        let copy = stanza.clone();
        drop(stanza);
        assert_eq!(ledger.settled(), 0);
        drop(copy);
        assert_eq!(ledger.settled(), 1);
    }

    #[test]
    fn one_that_is_secured_is_settled_and_stays_until_it_is_delivered() {
        for delivered in [false, true] {
            let (ledger, mut tasks) = ledger();
            let mut stanza = message();
            let promise = ledger.take();
            promise.go_with(&mut stanza);
            drop(promise);
            ledger.secure(1);
            let promise = secured(&mut tasks);
            assert!(promise.begin().is_some() && promise.begin().is_none());
            promise.kept(Place {
                account: AccountId(1),
                id: 7,
                keeper: ledger.keeper.clone(),
            });
            assert_eq!(ledger.settled(), 1);
            if delivered {
                promise.delivered();
            }
            drop((promise, stanza));
            let removed = matches!(tasks.try_recv(), Ok(Task::Remove { id: 7, .. }));
            assert_eq!(removed, delivered);
        }
    }

    #[test]
    fn one_that_is_being_kept_is_not_secured_as_well() {
        let (ledger, mut tasks) = ledger();
        let mut stanza = message();
        ledger.take().go_with(&mut stanza);
        let promise: Arc<Promise> = stanza.companion().unwrap();
        assert!(!promise.rests());
        ledger.secure(1);
        assert!(secured(&mut tasks).begin().is_none());
    }

    #[test]
    fn gives_back_what_could_not_be_secured_if_nobody_else_has_it() {
        let (ledger, mut tasks) = ledger();
        let mut stanza = message();
        ledger.take().go_with(&mut stanza);
        for alone in [false, true] {
            ledger.secure(1);
            let promise = secured(&mut tasks);
            assert!(promise.begin().is_some());
            if alone {
                assert!(promise.rests());
            }
            assert_eq!(promise.not_kept().is_some(), alone);
        }
    }
}
