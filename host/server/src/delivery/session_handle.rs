//! A session as the rest of the server sees it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI16, AtomicU8, Ordering},
};

use parking_lot::Mutex;
use waxwing_xmpp::{
    jid::{FullJid, Jid},
    stanza::Stanza,
};

use super::{envelope::Envelope, queued_stanza::QueuedStanza};
use super::{
    liveness::Liveness,
    mailbox::{End, Flow, Mailbox, Push, Weigh as _},
};
use crate::config::bounds::Bounds;

/// Not an available resource: before initial presence, or after unavailable presence.
const CONNECTED: i16 = i16::MIN;
/// The session is at its end and takes nothing.
const GONE: i16 = i16::MAX;

/// No initial state is being sent.
const IDLE: u8 = 0;
/// Initial state is being sent.
const SENDING: u8 = 1;
/// Initial state is being sent; run once more when done.
const SEND_AGAIN: u8 = 2;

/// Bytes of messages that are held by a session at its end. What comes beyond that is kept at once, and so before them.
const MAX_HELD: usize = 1024 * 1024;

/// Messages that came while the session was closing.
#[derive(Debug, Default)]
struct Held {
    stanzas: Vec<Envelope>,
    bytes: usize,
}

/// A bound session.
#[derive(Debug)]
pub(crate) struct SessionHandle {
    /// Unique in the life of the process.
    pub(crate) id: u64,
    /// Its address.
    pub(crate) jid: FullJid,
    /// The same, as it is stamped on stanzas.
    pub(crate) from: Arc<Jid>,
    /// The bare JID of its account.
    pub(crate) account_jid: Arc<Jid>,
    /// What is to be written to the client.
    mailbox: Mailbox<QueuedStanza>,
    /// A priority, or [`CONNECTED`], or [`GONE`].
    availability: AtomicI16,
    /// The client has asked for its roster, and is told of its changes (RFC 6121 §2.2).
    pub(crate) interested: AtomicBool,
    /// Messages that came for the account while the session was closing; `None` once it is closed.
    held_during_close: Mutex<Option<Held>>,
    /// Stanzas that the session could not write before it closed, oldest first.
    undelivered: Mutex<Vec<Envelope>>,
    /// The replay of offline messages.
    replay: Mutex<Replay>,
    /// A copy of `replay.on` that is read without the lock.
    replaying: AtomicBool,
    /// Hibernated: the connection is lost, and the client may resume the session.
    hibernated: AtomicBool,
    /// Whether its initial state is being sent: offline messages, contacts' presence, pending requests.
    initial_state: AtomicU8,
    /// How long its client has been silent.
    pub(crate) liveness: Liveness,
    /// The presence that others have of the session. Held for moments only.
    pub(crate) presence: Mutex<Presence>,
}

/// The replay of a session's offline messages.
#[derive(Debug, Default)]
struct Replay {
    /// Messages from the spool are being delivered; newer ones go to the spool too, behind them.
    on: bool,
    /// A message went to the spool since the replay last read it.
    kept: bool,
    /// Messages that other sessions of the account got meanwhile, and all newer ones: they follow the replay.
    following: Vec<QueuedStanza>,
}

/// The presence that others have of a session.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    /// The last presence without `to`, if the resource is available; addressed to the account.
    pub(crate) last: Option<Stanza>,
    /// Where directed presence went to, and unavailable presence has to follow (RFC 6121 §4.6.3).
    pub(crate) directed: Vec<Jid>,
    /// The session is over, and unavailable presence was sent on its behalf: nothing may be added.
    pub(crate) retired: bool,
}

impl SessionHandle {
    pub(crate) fn new(id: u64, jid: FullJid, bounds: Bounds) -> Self {
        Self {
            id,
            from: Arc::new(Jid::from(jid.clone())),
            account_jid: Arc::new(Jid::from(jid.to_bare())),
            jid,
            mailbox: Mailbox::new(bounds),
            availability: AtomicI16::new(CONNECTED),
            interested: AtomicBool::new(false),
            held_during_close: Mutex::new(Some(Held::default())),
            undelivered: Mutex::default(),
            replay: Mutex::default(),
            replaying: AtomicBool::new(false),
            hibernated: AtomicBool::new(false),
            initial_state: AtomicU8::new(IDLE),
            liveness: Liveness::default(),
            presence: Mutex::default(),
        }
    }

    /// The queue of what is to be written, for the session itself; others use [`push`](Self::push).
    pub(crate) fn mailbox(&self) -> &Mailbox<QueuedStanza> {
        &self.mailbox
    }

    /// Queues a stanza, or gives it back if the session takes no more; it is then no longer found by lookups.
    pub(crate) fn push(&self, delivery: QueuedStanza) -> Push<QueuedStanza> {
        let push = self.mailbox.push(delivery);
        if matches!(push, Push::Refused(_)) {
            self.hide();
        }
        push
    }

    /// Ends the session once what is queued is written. It takes nothing more, and is no longer found by lookups.
    pub(crate) fn end(&self, reason: End) {
        self.hide();
        self.mailbox.end(reason);
    }

    /// Holds a message until it is known what the session was not given; gives it back if that is known, or if there are too
    /// many.
    pub(crate) fn hold(&self, stanza: Envelope) -> Result<(), Envelope> {
        match &mut *self.held_during_close.lock() {
            Some(held) if held.bytes < MAX_HELD => {
                held.bytes = held.bytes.saturating_add(stanza.element().heap_bytes());
                held.stanzas.push(stanza);
                Ok(())
            }
            _ => Err(stanza),
        }
    }

    /// Notes what the session could not write; it goes elsewhere when the session is over.
    pub(crate) fn give_back(&self, delivery: QueuedStanza) {
        self.undelivered.lock().extend(delivery.undelivered());
    }

    /// Ends the mailbox, and gives all that the session was not given, in its order: what it could not write, what it had not
    /// yet taken, what was held meanwhile. Whoever has something newer waits until that is done.
    pub(crate) fn release(&self, mut give: impl FnMut(Envelope)) {
        let mut held = self.held_during_close.lock();
        let returned = std::mem::take(&mut *self.undelivered.lock());
        returned.into_iter().for_each(&mut give);
        let queued = self.mailbox.close().into_iter();
        let behind = self.end_replay();
        let unwritten = queued.chain(behind).filter_map(QueuedStanza::undelivered);
        unwritten.for_each(&mut give);
        let held = held.take().unwrap_or_default();
        held.stanzas.into_iter().for_each(give);
    }

    /// Starts the replay of offline messages: from now on newer messages go to the spool, behind them.
    pub(crate) fn replay_offline(&self) {
        let mut state = self.replay.lock();
        state.on = true;
        state.kept = true;
        self.replaying.store(true, Ordering::Release);
    }

    /// Queues a message that other sessions of the account get too: after the replay, if one runs.
    pub(crate) fn push_after_replay(&self, delivery: QueuedStanza) -> Push<QueuedStanza> {
        if !self.is_replaying() {
            return self.push(delivery);
        }
        let mut state = self.replay.lock();
        if !state.on {
            return self.push(delivery);
        }
        // More would end it from its mailbox too.
        let held = state.following.iter().map(QueuedStanza::weight).sum();
        if self
            .mailbox
            .bounds()
            .are_exceeded(held, state.following.len())
        {
            self.end(End::Overflow);
            return Push::Refused(delivery);
        }
        state.following.push(delivery);
        Push::Queued(Flow::Free)
    }

    /// Ends the replay and delivers the messages held behind it. Returns those that the session does not take.
    #[must_use]
    pub(crate) fn end_replay(&self) -> Vec<QueuedStanza> {
        self.stop_replay(&mut self.replay.lock())
    }

    /// Ends the replay if no message went to the spool since this was last called: newer ones go to the session itself.
    pub(crate) fn is_replay_complete(&self) -> Option<Vec<QueuedStanza>> {
        let mut state = self.replay.lock();
        let caught_up = !std::mem::take(&mut state.kept);
        caught_up.then(|| self.stop_replay(&mut state))
    }

    fn stop_replay(&self, state: &mut Replay) -> Vec<QueuedStanza> {
        state.on = false;
        let behind = std::mem::take(&mut state.following).into_iter();
        let refused = behind.filter_map(|delivery| match self.push(delivery) {
            Push::Queued(_) => None,
            Push::Refused(delivery) => Some(delivery),
        });
        let refused = refused.collect();
        // What comes from now on is newer.
        self.replaying.store(false, Ordering::Release);
        refused
    }

    /// Whether offline messages are being replayed.
    pub(crate) fn is_replaying(&self) -> bool {
        self.replaying.load(Ordering::Acquire)
    }

    /// Has the replay read the spool once more, where a message may have come since. False: no replay runs.
    pub(crate) fn look_again(&self) -> bool {
        let mut state = self.replay.lock();
        state.kept |= state.on;
        state.on
    }

    /// Notes that a message goes to the spool behind those being replayed. False: no replay runs, or an older message is held.
    pub(crate) fn spool_behind(&self) -> bool {
        let mut state = self.replay.lock();
        let is_next = state.on && state.following.is_empty();
        state.kept |= is_next;
        is_next
    }

    /// Whether the caller has to send the initial state. If not, another task is sending it, and will once more.
    pub(crate) fn begin_initial_state(&self) -> bool {
        let next = |now| Some(if now == IDLE { SENDING } else { SEND_AGAIN });
        self.change_initial_state(next) == IDLE
    }

    /// Whether the caller, which has sent the initial state, is done. If not, it has to send it once more.
    pub(crate) fn end_initial_state(&self) -> bool {
        let next = |now| Some(if now == SEND_AGAIN { SENDING } else { IDLE });
        self.change_initial_state(next) != SEND_AGAIN
    }

    fn change_initial_state(&self, next: impl Fn(u8) -> Option<u8>) -> u8 {
        let changed = self
            .initial_state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        changed.unwrap_or_else(|before| before)
    }

    /// Marks the session as hibernated, or as connected again.
    pub(crate) fn set_hibernated(&self, hibernated: bool) {
        self.hibernated.store(hibernated, Ordering::Release);
    }

    /// Whether the session is hibernated.
    pub(crate) fn is_hibernated(&self) -> bool {
        self.hibernated.load(Ordering::Acquire)
    }

    /// True if lookups find the session.
    pub(crate) fn is_there(&self) -> bool {
        self.availability.load(Ordering::Acquire) != GONE
    }

    /// The priority of an available resource.
    pub(crate) fn priority(&self) -> Option<i8> {
        i8::try_from(self.availability.load(Ordering::Acquire)).ok()
    }

    /// From now on it hears of changes of its roster (RFC 6121 §2.2).
    pub(crate) fn become_interested(&self) {
        self.interested.store(true, Ordering::Release);
    }

    /// True if it is an available resource.
    pub(crate) fn is_available(&self) -> bool {
        self.priority().is_some()
    }

    /// True if it takes messages for its account: its priority is not negative.
    pub(crate) fn takes_messages(&self) -> bool {
        self.priority().is_some_and(|priority| priority >= 0)
    }

    /// Makes it an available resource of this priority, or one that is merely connected; nothing if it is gone.
    pub(crate) fn set_priority(&self, priority: Option<i8>) {
        let value = priority.map_or(CONNECTED, i16::from);
        // A failed exchange means that another thread took it from the lookups in between.
        let _ = self
            .availability
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |old| {
                (old != GONE).then_some(value)
            });
    }

    /// Hides it from lookups.
    pub(crate) fn hide(&self) {
        self.availability.store(GONE, Ordering::Release);
    }

    /// The resourcepart.
    pub(crate) fn resource(&self) -> &str {
        self.jid.resource().as_str()
    }
}
