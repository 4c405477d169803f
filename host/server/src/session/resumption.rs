//! Sessions that can be resumed (XEP-0198 §5), and how another connection gets hold of them.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use prometheus_client::{
    collector::Collector, encoding::DescriptorEncoder, metrics::MetricType, registry::Registry,
};
use tokio::{sync::oneshot, time::timeout};
use waxwing_xmpp::stream::random_id;

use super::{managed::Managed, quiet::Quiet};
use crate::{
    config::Limits,
    mailbox::End,
    router::{Handle, Registration},
    secret,
};

/// Time for the owner of a session to hand it over: it may be in the middle of a stanza.
const PATIENCE: Duration = Duration::from_secs(10);

/// A session without a connection.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) registration: Registration,
    pub(super) lang: Option<String>,
    pub(super) managed: Box<Managed>,
    /// What came for the client when it was away, or when nobody looked at it.
    pub(super) held: Quiet,
}

/// All sessions that can be resumed, by their ids.
#[derive(Debug)]
pub(crate) struct Resumptions {
    seconds: u32,
    per_account: usize,
    in_total: usize,
    known: Mutex<HashMap<String, Entry>>,
    order: AtomicU64,
}

#[derive(Debug)]
struct Entry {
    account: u64,
    handle: Arc<Handle>,
    /// Who wants to go on with it.
    asker: Option<oneshot::Sender<Parcel>>,
    /// Its client is away; the less, the longer.
    asleep: Option<u64>,
}

/// A session's place among them.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(super) id: String,
    pub(super) account: u64,
    sessions: Arc<Resumptions>,
}

impl Resumptions {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            seconds: limits.resume_seconds,
            per_account: limits.sleeping_sessions_per_account,
            in_total: limits.sleeping_sessions,
            known: Mutex::default(),
            order: AtomicU64::new(0),
        })
    }

    /// Registers its figure.
    pub(crate) fn register(self: &Arc<Self>, registry: &mut Registry) {
        registry.register_collector(Box::new(Figure(Arc::clone(self))));
    }

    /// For how many seconds a session can be resumed, if at all.
    pub(super) fn seconds(&self) -> Option<u32> {
        (self.seconds > 0).then_some(self.seconds)
    }

    /// Makes a session known, so that it can be resumed.
    pub(super) fn add(self: &Arc<Self>, account: u64, handle: &Arc<Handle>) -> Ticket {
        let id = random_id(secret::random);
        let entry = Entry {
            account,
            handle: Arc::clone(handle),
            asker: None,
            asleep: None,
        };
        self.known.lock().insert(id.clone(), entry);
        Ticket {
            id,
            account,
            sessions: Arc::clone(self),
        }
    }

    /// Waits for a session of the account, which its owner hands over. `None`: there is none of that id.
    pub(super) async fn claim(&self, id: &str, account: u64) -> Option<Parcel> {
        let (ask, answer) = oneshot::channel();
        {
            let mut known = self.known.lock();
            let entry = known.get_mut(id).filter(|entry| entry.account == account)?;
            entry.asker = Some(ask);
            entry.handle.mailbox().call();
        }
        timeout(PATIENCE, answer).await.ok()?.ok()
    }

    /// Ends those that have slept longest where there are too many: of the account, or of all. Says whether there were.
    fn make_room(&self, account: u64) -> bool {
        let known = self.known.lock();
        let sleeping = || known.values().filter(|entry| entry.asleep.is_some());
        let of_account = || sleeping().filter(|entry| entry.account == account);
        let end_oldest = |entry: Option<&Entry>| {
            if let Some(entry) = entry {
                entry.handle.end(End::Closing);
            }
        };
        if of_account().count() > self.per_account {
            end_oldest(of_account().min_by_key(|entry| entry.asleep));
        } else if sleeping().count() > self.in_total {
            end_oldest(sleeping().min_by_key(|entry| entry.asleep));
        } else {
            return false;
        }
        true
    }
}

impl Ticket {
    /// Who wants to go on with the session.
    pub(super) fn asker(&self) -> Option<oneshot::Sender<Parcel>> {
        let mut known = self.sessions.known.lock();
        let entry = known.get_mut(&self.id)?;
        entry.asleep = None;
        entry.asker.take()
    }

    /// The client is away. True if another session had to make room.
    pub(super) fn sleep(&self) -> bool {
        let order = self.sessions.order.fetch_add(1, Ordering::Relaxed);
        if let Some(entry) = self.sessions.known.lock().get_mut(&self.id) {
            entry.asleep = Some(order);
        }
        self.sessions.make_room(self.account)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.sessions.known.lock().remove(&self.id);
    }
}

#[derive(Debug)]
struct Figure(Arc<Resumptions>);

impl Collector for Figure {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let (name, help) = (
            "waxwing_sessions_asleep",
            "Sessions whose connection is lost and whose client may come back",
        );
        let mut gauge = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
        let known = self.0.known.lock();
        let asleep = known
            .values()
            .filter(|entry| entry.asleep.is_some())
            .count();
        gauge.encode_gauge(&u64::try_from(asleep).unwrap_or(u64::MAX))
    }
}
