//! Sessions that can be resumed (XEP-0198 §5), and how another connection gets hold of them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tokio::{sync::oneshot, time::timeout};
use waxwing_xmpp::stream::random_id;

use super::{
    client_state::ClientStateBuffer, hibernation_limits::HibernatedSessions,
    stream_management::StreamManagement,
};
use crate::{
    accounts::secret,
    config::Limits,
    delivery::{mailbox::End, session_handle::SessionHandle},
    metrics::{self, router::Limit},
    router::{Registration, Router},
};

/// Time for the owner of a session to hand it over: it may be in the middle of a stanza.
const PATIENCE: Duration = Duration::from_secs(10);

/// A session without a connection.
#[derive(Debug)]
pub(super) struct DetachedSession {
    pub(super) registration: Registration,
    pub(super) lang: Option<String>,
    pub(super) management: Box<StreamManagement>,
    /// What came for the client when it was away, or when nobody looked at it.
    pub(super) held: ClientStateBuffer,
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
    hibernated: HibernatedSessions<Arc<SessionHandle>>,
}

#[derive(Debug)]
struct Entry {
    account: u64,
    handle: Arc<SessionHandle>,
    /// Who wants to go on with it.
    asker: Option<oneshot::Sender<DetachedSession>>,
    /// Its client is away.
    hibernated: Option<u64>,
}

/// A session's place among them.
#[derive(Debug)]
pub(crate) struct ResumptionId {
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
                hibernated: HibernatedSessions::new(limits),
            }),
        })
    }

    /// Registers its metrics, under their names of version 0.1 as well.
    pub(crate) fn register(self: &Arc<Self>, registry: &mut Registry) {
        for (name, help) in [
            (
                "waxwing_hibernated_sessions",
                "Sessions whose connection is lost and that their client may resume",
            ),
            (
                "waxwing_sessions_asleep",
                "Deprecated: waxwing_hibernated_sessions",
            ),
        ] {
            let own = Arc::clone(self);
            metrics::gauge(registry, name, help, move || {
                metrics::count(own.state.lock().hibernated.len())
            });
        }
        for (name, help) in [
            (
                "waxwing_hibernated_bytes",
                "Bytes that hibernated sessions hold for their clients",
            ),
            (
                "waxwing_sessions_asleep_bytes",
                "Deprecated: waxwing_hibernated_bytes",
            ),
        ] {
            let own = Arc::clone(self);
            metrics::gauge(registry, name, help, move || {
                metrics::count(own.state.lock().hibernated.bytes())
            });
        }
    }

    /// For how many seconds a session can be resumed, if at all.
    pub(super) fn seconds(&self) -> Option<u32> {
        (self.seconds > 0).then_some(self.seconds)
    }

    /// Makes a session known, so that it can be resumed.
    pub(super) fn add(self: &Arc<Self>, account: u64, handle: &Arc<SessionHandle>) -> ResumptionId {
        let id = random_id(secret::random);
        let entry = Entry {
            account,
            handle: Arc::clone(handle),
            asker: None,
            hibernated: None,
        };
        self.state.lock().known.insert(id.clone(), entry);
        ResumptionId {
            id,
            account,
            sessions: Arc::clone(self),
        }
    }

    /// Waits for a session of the account, which its owner hands over. `None`: there is none of that id.
    pub(super) async fn claim(&self, id: &str, account: u64) -> Option<DetachedSession> {
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

impl ResumptionId {
    /// For how many seconds the session can be resumed.
    pub(super) fn seconds(&self) -> Option<u32> {
        self.sessions.seconds()
    }

    /// Who wants to go on with the session. It is awake.
    pub(super) fn asker(&self) -> Option<oneshot::Sender<DetachedSession>> {
        let mut state = self.sessions.state.lock();
        let entry = state.known.get_mut(&self.id)?;
        let asker = entry.asker.take();
        if let Some(place) = entry.hibernated.take() {
            state.hibernated.remove(place);
        }
        asker
    }

    /// The client is away, and so many bytes wait for it.
    pub(super) fn hibernate(&self, bytes: usize) {
        let mut state = self.sessions.state.lock();
        let State { known, hibernated } = &mut *state;
        if let Some(entry) = known.get_mut(&self.id) {
            entry.hibernated = Some(hibernated.add(self.account, Arc::clone(&entry.handle)));
        }
        drop(state);
        self.hold(bytes);
    }

    /// So many bytes wait for the client, which is away. Where that is too much for the server, a session ends.
    pub(super) fn hold(&self, bytes: usize) {
        let mut state = self.sessions.state.lock();
        let State { known, hibernated } = &mut *state;
        let place = known.get(&self.id).and_then(|entry| entry.hibernated);
        let Some(place) = place else { return };
        hibernated.hold(place, bytes);
        let ended = hibernated.make_room(self.account);
        drop(state);
        if let Some(handle) = ended {
            self.sessions
                .router
                .limit_reached(Limit::HibernatedSessions);
            handle.end(End::Closing);
        }
    }
}

impl Drop for ResumptionId {
    fn drop(&mut self) {
        let mut state = self.sessions.state.lock();
        let entry = state.known.remove(&self.id);
        if let Some(place) = entry.and_then(|entry| entry.hibernated) {
            state.hibernated.remove(place);
        }
    }
}
