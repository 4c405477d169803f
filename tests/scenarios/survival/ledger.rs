//! What each user sent, was told and received, and what must hold between them.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::sync::Barrier;

use super::{
    USERS,
    contacts::{self, Changes, Roster},
    user::User,
};

/// An ack that was sent less than this before a break, or before its message comes again, may not have come to anything: other tests share
/// the machine.
const IN_FLIGHT: Duration = Duration::from_secs(1);

/// What all users know of each other: when something broke, the server or a connection, and who has nothing left to be acknowledged.
pub(super) struct Crowd {
    breaks: Mutex<Vec<(Option<usize>, Instant)>>,
    settled: [AtomicBool; USERS],
    meeting: Barrier,
}

impl Crowd {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            breaks: Mutex::default(),
            settled: Default::default(),
            meeting: Barrier::new(USERS),
        })
    }

    /// Whether a user has nothing left. True if nobody has.
    pub(super) fn is_settled(&self, index: usize, settled: bool) -> bool {
        self.settled[index].store(settled, Ordering::Relaxed);
        let mut all = self.settled.iter();
        all.all(|settled| settled.load(Ordering::Relaxed))
    }

    /// Waits until all have come as far.
    pub(super) async fn meet(&self) {
        self.meeting.wait().await;
    }

    /// Something broke now: a user's connection, or the server, for all.
    pub(super) fn note(&self, user: Option<usize>) {
        self.breaks().push((user, Instant::now()));
    }

    /// Whether something broke for a user between two moments.
    fn broke(&self, user: usize, from: Instant, to: Instant) -> bool {
        let breaks = self.breaks();
        let mut breaks = breaks
            .iter()
            .filter(|(who, _)| who.is_none_or(|who| who == user));
        breaks.any(|(_, at)| (from..=to).contains(at))
    }

    fn breaks(&self) -> MutexGuard<'_, Vec<(Option<usize>, Instant)>> {
        self.breaks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message: whom from, whom to, and its number between these two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Message {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) number: u32,
}

impl Message {
    pub(super) fn id(self) -> String {
        format!("{}-{}-{}", self.from, self.to, self.number)
    }

    pub(super) fn parse(id: &str) -> Option<Self> {
        let mut parts = id.split('-').map(str::parse);
        let mut next = || parts.next()?.ok();
        let (from, to, number) = (next()?, next()?, next()?);
        Some(Self {
            from,
            to,
            number: u32::try_from(number).ok()?,
        })
    }
}

/// A message as it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Receipt {
    pub(super) message: Message,
    pub(super) at: Instant,
    /// When its receiver acknowledged it.
    pub(super) acked: Option<Instant>,
}

/// What a user knows.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Messages that were sent.
    pub(super) sent: u32,
    /// Those that the server acknowledged.
    pub(super) acked: HashSet<Message>,
    /// Those that were sent again, since they were not.
    pub(super) again: HashSet<Message>,
    pub(super) received: Vec<Receipt>,
    pub(super) changes: Changes,
    /// The roster in the end.
    pub(super) roster: Roster,
    /// Users whose last presence came.
    pub(super) seen: HashSet<usize>,
    /// Sessions that went on.
    pub(super) resumed: u32,
    /// Sessions that could not.
    pub(super) refused: u32,
}

/// All of them together.
#[derive(Debug, Default)]
pub(super) struct Total {
    pub(super) sent: u32,
    acked: usize,
    again: usize,
    twice: u32,
    changes: usize,
    seen: usize,
    resumed: u32,
    refused: u32,
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            sent,
            acked,
            again,
            twice,
            changes,
            seen,
            resumed,
            refused,
        } = self;
        write!(
            f,
            "{sent} messages sent, {acked} acknowledged, none of them lost, {again} sent again by clients, {twice} received twice; \
             {changes} changes of rosters confirmed; {seen} see another; {resumed} sessions resumed, {refused} begun anew"
        )
    }
}

/// Compares the ledgers: nothing acknowledged is missing, nothing came twice that need not have, the order is kept, and the rosters go
/// together.
pub(super) fn compare(users: &[User], breaks: &Crowd) -> Result<Total> {
    let mut total = Total::default();
    let again: HashSet<Message> = users
        .iter()
        .flat_map(|user| user.ledger.again.iter().copied())
        .collect();
    for user in users {
        let ledger = &user.ledger;
        total.sent += ledger.sent;
        total.acked += ledger.acked.len();
        total.again += ledger.again.len();
        total.changes += ledger.changes.confirmed();
        total.resumed += ledger.resumed;
        total.refused += ledger.refused;
        for message in &ledger.acked {
            let receiver = users.get(message.to).context("nobody")?;
            let mut received = receiver.ledger.received.iter();
            ensure!(
                received.any(|receipt| receipt.message == *message),
                "{message:?} was acknowledged and is lost"
            );
        }
        ledger.changes.check(&ledger.roster)?;
        total.twice += in_order_and_once(user, &again, breaks)?;
    }
    total.seen = contacts::of_one_mind(users)?;
    Ok(total)
}

/// Looks at what one user received. Returns how much came twice for a good reason.
fn in_order_and_once(user: &User, again: &HashSet<Message>, breaks: &Crowd) -> Result<u32> {
    let mut last: HashMap<usize, u32> = HashMap::new();
    let mut first: HashMap<Message, Receipt> = HashMap::new();
    let mut twice = 0;
    for receipt in &user.ledger.received {
        let message = receipt.message;
        if let Some(before) = first.get(&message) {
            twice += 1;
            let was_taken = before.acked.is_some_and(|acked| {
                let taken = acked + IN_FLIGHT;
                taken < receipt.at && !breaks.broke(user.index, before.at, taken)
            });
            ensure!(
                !was_taken || again.contains(&message),
                "{message:?} came twice, although its receiver had acknowledged it: {before:?}, {receipt:?}"
            );
            continue;
        }
        first.insert(message, *receipt);
        let last = last.entry(message.from).or_insert(0);
        ensure!(*last < message.number, "{message:?} came after {last}");
        *last = message.number;
    }
    Ok(twice)
}
