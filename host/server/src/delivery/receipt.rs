//! Receipts for the senders of stanzas: an ack acknowledges only what was dealt with (XEP-0198 §4).
//!
//! A session's [`AckTracker`] counts the stanzas that it hands in. Each has a [`DeliveryReceipt`] that goes with it and its copies, and is kept
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

use super::{
    spool_claims::Claim,
    spool_queue::{SpoolQueue, SpoolTask},
    worth_keeping::can_be_spooled,
};

/// The stanzas that a session has handed in, by numbers that go on at 0 after 2^32-1.
#[derive(Debug)]
pub(crate) struct AckTracker {
    state: Mutex<TrackerState>,
    spool: SpoolQueue,
}

#[derive(Debug, Default)]
struct TrackerState {
    /// All up to this number are dealt with.
    completed: u32,
    /// Those after it; `None` for one that is dealt with already.
    open: VecDeque<Option<Weak<DeliveryReceipt>>>,
    /// Of the session, while it owes an ack.
    waker: Option<Waker>,
}

impl AckTracker {
    /// A tracker whose first stanza is yet to come.
    pub(crate) fn new(spool: SpoolQueue) -> Arc<Self> {
        Self::after(spool, 0)
    }

    /// One that goes on after that number.
    pub(crate) fn after(spool: SpoolQueue, completed: u32) -> Arc<Self> {
        let state = TrackerState {
            completed,
            ..TrackerState::default()
        };
        Arc::new(Self {
            state: Mutex::new(state),
            spool,
        })
    }

    /// Counts one more stanza.
    pub(crate) fn begin(self: &Arc<Self>) -> Arc<DeliveryReceipt> {
        let mut state = self.state.lock();
        Arc::new_cyclic(|receipt| {
            state.open.push_back(Some(Weak::clone(receipt)));
            DeliveryReceipt {
                entry: Some((Arc::clone(self), state.received())),
                state: Mutex::default(),
            }
        })
    }

    /// The number of the last stanza that was counted.
    pub(crate) fn received(&self) -> u32 {
        self.state.lock().received()
    }

    /// The number up to which all are dealt with.
    pub(crate) fn completed(&self) -> u32 {
        self.state.lock().completed
    }

    /// Whether all up to a number are dealt with; if not, `waker` is woken when it may be so.
    pub(crate) fn is_completed(&self, number: u32, waker: &Waker) -> bool {
        let mut state = self.state.lock();
        let is_completed = state.index(number).is_none();
        state.waker = (!is_completed).then(|| waker.clone());
        is_completed
    }

    /// Has the messages up to a number that are still on their way put into the spool.
    pub(crate) fn spool_pending(&self, number: u32) {
        let open: Vec<Arc<DeliveryReceipt>> = {
            let state = self.state.lock();
            let count = state
                .index(number)
                .map_or(0, |index| index.saturating_add(1));
            let open = state.open.iter().take(count).flatten();
            open.filter_map(Weak::upgrade).collect()
        };
        // Not under the lock: a receipt that goes meanwhile would want it.
        for receipt in open {
            self.spool.send(SpoolTask::SpoolCopy(receipt));
        }
    }

    fn complete(&self, number: u32) {
        let mut state = self.state.lock();
        let Some(entry) = state
            .index(number)
            .and_then(|index| state.open.get_mut(index))
        else {
            return;
        };
        *entry = None;
        while let Some(None) = state.open.front() {
            state.open.pop_front();
            state.completed = state.completed.wrapping_add(1);
        }
        if state.open.is_empty() {
            state.open = VecDeque::new();
        }
        let waker = state.waker.take();
        // It may be on another thread, and comes for the lock at once.
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl TrackerState {
    fn received(&self) -> u32 {
        let open = u32::try_from(self.open.len()).unwrap_or(u32::MAX);
        self.completed.wrapping_add(open)
    }

    /// Where a number is in `open`; `None`: it is dealt with, or was never given.
    fn index(&self, number: u32) -> Option<usize> {
        let index = number.wrapping_sub(self.completed).checked_sub(1)?;
        let index = usize::try_from(index).ok()?;
        (index < self.open.len()).then_some(index)
    }
}

/// Says that a stanza was dealt with. Dropping the last clone of the receipt tells the sender's [`AckTracker`].
#[derive(Debug, Default)]
pub(crate) struct DeliveryReceipt {
    /// Who is told when it is kept.
    entry: Option<(Arc<AckTracker>, u32)>,
    state: Mutex<ReceiptState>,
}

#[derive(Debug, Default)]
struct ReceiptState {
    /// The message, for as long as it may have to be put into the spool.
    message: Option<Stanza>,
    spool: SpoolState,
    /// A session has it for good.
    delivered: bool,
}

/// Whether a message is in the spool.
#[derive(Debug, Default)]
enum SpoolState {
    #[default]
    None,
    /// It is being put there; and whether nobody else has it meanwhile.
    Writing { only_copy: bool },
    /// It is there.
    Stored(SpoolPosition),
}

/// A message's place in the spool, claimed for those who have the message. When it is dropped the message is free to be given to others.
#[derive(Debug)]
pub(crate) struct SpoolPosition {
    claim: Claim,
    spool: SpoolQueue,
}

impl SpoolPosition {
    /// Claims a message of the spool. `None`: a session has it already, or was given it.
    pub(crate) fn claim(spool: &SpoolQueue, account: AccountId, id: u64) -> Option<Self> {
        let claim = spool.claim(account, id)?;
        let spool = spool.clone();
        Some(Self { claim, spool })
    }

    /// Removes the message, which was delivered.
    fn remove(self) {
        let (account, id) = (self.claim.account(), self.claim.id());
        // First: whoever begins to read when the claim has ended finds it removed.
        self.spool.send(SpoolTask::Remove { account, id });
        self.claim.delivered();
    }
}

impl DeliveryReceipt {
    /// The receipt of a message that is in the spool.
    pub(crate) fn spooled_at(position: SpoolPosition) -> Arc<Self> {
        let receipt = Self::default();
        receipt.state.lock().spool = SpoolState::Stored(position);
        Arc::new(receipt)
    }

    /// Keeps the message, which may have to be put into the spool.
    pub(crate) fn set_message(&self, message: Stanza) {
        self.state.lock().message = Some(message);
    }

    /// A session has the message for good. It leaves the spool at once, whoever else has yet to get a copy.
    pub(crate) fn delivered(&self) {
        let mut state = self.state.lock();
        state.delivered = true;
        if matches!(state.spool, SpoolState::Stored(_))
            && let SpoolState::Stored(position) = std::mem::take(&mut state.spool)
        {
            position.remove();
        }
    }

    /// The message, if it is to be put into the spool now: it is not there, and may be. One that a session has for good, or that is of
    /// the moment only, is not: nothing more can be done for it, and its sender need not wait for other copies.
    pub(crate) fn take_for_spooling(&self) -> Option<Stanza> {
        let mut state = self.state.lock();
        if state.delivered || state.message.as_ref().is_some_and(|it| !can_be_spooled(it)) {
            drop(state);
            self.complete();
            return None;
        }
        if !matches!(state.spool, SpoolState::None) {
            return None;
        }
        let message = state.message.clone()?;
        state.spool = SpoolState::Writing { only_copy: false };
        Some(message)
    }

    /// It is in the spool; `None`: a session was given it from there.
    pub(crate) fn mark_spooled(&self, position: Option<SpoolPosition>) {
        let mut state = self.state.lock();
        state.message = None;
        state.spool = match position {
            Some(position) if state.delivered => {
                position.remove();
                SpoolState::None
            }
            Some(position) => SpoolState::Stored(position),
            None => SpoolState::None,
        };
        drop(state);
        self.complete();
    }

    /// It could not be put there. Returns the message if nobody else has it.
    pub(crate) fn spool_failed(&self) -> Option<Stanza> {
        let mut state = self.state.lock();
        let spool = std::mem::take(&mut state.spool);
        match spool {
            SpoolState::Writing { only_copy: true } => state.message.take(),
            _ => None,
        }
    }

    /// Claims the message for the spool. Returns false exactly once: that caller must write it.
    pub(crate) fn claim_for_spool(&self) -> bool {
        let mut state = self.state.lock();
        match &mut state.spool {
            SpoolState::None => {
                state.spool = SpoolState::Writing { only_copy: true };
                false
            }
            SpoolState::Writing { only_copy } => {
                *only_copy = true;
                true
            }
            SpoolState::Stored(_) => true,
        }
    }

    /// Where it is in the spool, if it is there.
    pub(crate) fn position(&self) -> Option<(AccountId, u64)> {
        match &self.state.lock().spool {
            SpoolState::Stored(position) => Some((position.claim.account(), position.claim.id())),
            SpoolState::None | SpoolState::Writing { .. } => None,
        }
    }

    fn complete(&self) {
        if let Some((tracker, number)) = &self.entry {
            tracker.complete(*number);
        }
    }
}

impl Drop for DeliveryReceipt {
    fn drop(&mut self) {
        // A message in the spool that was not delivered stays there, whatever the reason, and is free from now on.
        self.complete();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;
    use waxwing_xmpp::content::ContentNamespace;

    use tokio::sync::mpsc;
    use waxwing_xml::{Element, Limits};

    use super::*;
    use crate::delivery::envelope::Envelope;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn tracker() -> (Arc<AckTracker>, mpsc::Receiver<SpoolTask>) {
        let (spool, tasks) = SpoolQueue::new();
        (AckTracker::new(spool), tasks)
    }

    fn message() -> Envelope {
        let xml = b"<message to='a@b'><body>hi</body></message>";
        let element = Element::parse(xml, waxwing_xmpp::ns::CLIENT, &Limits::stanza()).unwrap();
        Stanza::parse(element, ContentNamespace::Client)
            .unwrap()
            .into()
    }

    fn spool_copy(tasks: &mut mpsc::Receiver<SpoolTask>) -> Arc<DeliveryReceipt> {
        match tasks.try_recv() {
            Ok(SpoolTask::SpoolCopy(receipt)) => receipt,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn is_settled_up_to_the_first_that_is_open() {
        let (tracker, _tasks) = tracker();
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let [one, two, three] = [tracker.begin(), tracker.begin(), tracker.begin()];
        assert_eq!((tracker.received(), tracker.completed()), (3, 0));
        drop(two);
        assert!(!tracker.is_completed(2, &waker));
        assert_eq!(tracker.completed(), 0);
        drop(one);
        assert_eq!(tracker.completed(), 2);
        assert!(tracker.is_completed(2, &waker) && !tracker.is_completed(3, &waker));
        drop(three);
        assert_eq!((tracker.received(), tracker.completed()), (3, 3));
        assert_eq!(woken.0.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn counts_beyond_the_largest_number() {
        let tracker = AckTracker::after(SpoolQueue::new().0, u32::MAX - 1);
        let [one, two] = [tracker.begin(), tracker.begin()];
        assert_eq!(tracker.received(), 0);
        drop(one);
        assert_eq!(tracker.completed(), u32::MAX);
        drop(two);
        assert_eq!(tracker.completed(), 0);
    }

    #[test]
    fn waits_for_every_copy() {
        let (tracker, _tasks) = tracker();
        let mut stanza = message();
        let receipt = tracker.begin();
        stanza.attach(Arc::clone(&receipt));
        drop(receipt);
        let copy = stanza.clone();
        drop(stanza);
        assert_eq!(tracker.completed(), 0);
        drop(copy);
        assert_eq!(tracker.completed(), 1);
    }

    #[test]
    fn one_that_is_secured_is_settled_and_stays_until_it_is_delivered() {
        for delivered in [false, true] {
            let (tracker, mut tasks) = tracker();
            let mut stanza = message();
            let receipt = tracker.begin();
            stanza.attach(Arc::clone(&receipt));
            drop(receipt);
            tracker.spool_pending(1);
            let receipt = spool_copy(&mut tasks);
            assert!(receipt.take_for_spooling().is_some() && receipt.take_for_spooling().is_none());
            receipt.mark_spooled(SpoolPosition::claim(&tracker.spool, AccountId(1), 7));
            assert_eq!(tracker.completed(), 1);
            if delivered {
                receipt.delivered();
            }
            drop((receipt, stanza));
            let removed = matches!(tasks.try_recv(), Ok(SpoolTask::Remove { id: 7, .. }));
            assert_eq!(removed, delivered);
        }
    }

    #[test]
    fn one_that_is_being_kept_is_not_secured_as_well() {
        let (tracker, mut tasks) = tracker();
        let mut stanza = message();
        stanza.attach(tracker.begin());
        let receipt = Arc::clone(stanza.receipt().unwrap());
        assert!(!receipt.claim_for_spool());
        tracker.spool_pending(1);
        assert!(spool_copy(&mut tasks).take_for_spooling().is_none());
    }

    #[test]
    fn gives_back_what_could_not_be_secured_if_nobody_else_has_it() {
        let (tracker, mut tasks) = tracker();
        let mut stanza = message();
        stanza.attach(tracker.begin());
        for only_copy in [false, true] {
            tracker.spool_pending(1);
            let receipt = spool_copy(&mut tasks);
            assert!(receipt.take_for_spooling().is_some());
            if only_copy {
                assert!(receipt.claim_for_spool());
            }
            assert_eq!(receipt.spool_failed().is_some(), only_copy);
        }
    }
}
