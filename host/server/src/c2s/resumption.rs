//! Sessions that can be resumed (XEP-0198 §5), and how another connection gets hold of them.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use parking_lot::Mutex;
use prometheus_client::{
    collector::Collector, encoding::DescriptorEncoder, metrics::MetricType, registry::Registry,
};
use tokio::{sync::oneshot, time::timeout};
use waxwing_xmpp::stream::random_id;

use super::{client_state::Quiet, hibernation_limits::Sleepers, stream_management::Managed};
use crate::{
    accounts::secret,
    config::Limits,
    delivery::{mailbox::End, session_handle::Handle},
    metrics::router::Limit,
    router::{Registration, Router},
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
    router: Arc<Router>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    known: HashMap<String, Entry>,
    sleepers: Sleepers<Arc<Handle>>,
}

#[derive(Debug)]
struct Entry {
    account: u64,
    handle: Arc<Handle>,
    /// Who wants to go on with it.
    asker: Option<oneshot::Sender<Parcel>>,
    /// Its client is away.
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
    /// Within these limits; the router counts how often they are reached.
    pub(crate) fn new(limits: &Limits, router: Arc<Router>) -> Arc<Self> {
        Arc::new(Self {
            seconds: limits.resume_seconds,
            router,
            state: Mutex::new(State {
                known: HashMap::new(),
                sleepers: Sleepers::new(limits),
            }),
        })
    }

    /// Registers its figures.
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
        self.state.lock().known.insert(id.clone(), entry);
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
            let mut state = self.state.lock();
            let known = &mut state.known;
            let entry = known.get_mut(id).filter(|entry| entry.account == account)?;
            entry.asker = Some(ask);
            entry.handle.mailbox().call();
        }
        timeout(PATIENCE, answer).await.ok()?.ok()
    }
}

impl Ticket {
    /// Who wants to go on with the session. It is awake.
    pub(super) fn asker(&self) -> Option<oneshot::Sender<Parcel>> {
        let mut state = self.sessions.state.lock();
        let entry = state.known.get_mut(&self.id)?;
        let asker = entry.asker.take();
        if let Some(place) = entry.asleep.take() {
            state.sleepers.remove(place);
        }
        asker
    }

    /// The client is away, and so many bytes wait for it.
    pub(super) fn sleep(&self, bytes: usize) {
        let mut state = self.sessions.state.lock();
        let State { known, sleepers } = &mut *state;
        if let Some(entry) = known.get_mut(&self.id) {
            entry.asleep = Some(sleepers.add(self.account, Arc::clone(&entry.handle)));
        }
        drop(state);
        self.hold(bytes);
    }

    /// So many bytes wait for the client, which is away. Where that is too much for the server, a session ends.
    pub(super) fn hold(&self, bytes: usize) {
        let mut state = self.sessions.state.lock();
        let State { known, sleepers } = &mut *state;
        let asleep = known.get(&self.id).and_then(|entry| entry.asleep);
        let Some(place) = asleep else { return };
        sleepers.hold(place, bytes);
        let ended = sleepers.make_room(self.account);
        drop(state);
        if let Some(handle) = ended {
            self.sessions.router.reached(Limit::SleepingSessions);
            handle.end(End::Closing);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.sessions.state.lock();
        let entry = state.known.remove(&self.id);
        if let Some(place) = entry.and_then(|entry| entry.asleep) {
            state.sleepers.remove(place);
        }
    }
}

#[derive(Debug)]
struct Figure(Arc<Resumptions>);

impl Collector for Figure {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let (asleep, bytes) = {
            let state = self.0.state.lock();
            (state.sleepers.len(), state.sleepers.bytes())
        };
        for (name, help, value) in [
            (
                "waxwing_sessions_asleep",
                "Sessions whose connection is lost and whose client may come back",
                asleep,
            ),
            (
                "waxwing_sessions_asleep_bytes",
                "Bytes that wait for their clients",
                bytes,
            ),
        ] {
            let mut gauge = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
            gauge.encode_gauge(&u64::try_from(value).unwrap_or(u64::MAX))?;
        }
        Ok(())
    }
}
