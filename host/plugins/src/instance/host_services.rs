//! What imports reach of the server and of the platform.

use std::sync::Arc;

use crate::model::effects::Reservations;
use crate::model::services::Services;
use crate::schedule::event::ScheduledEvent;
use crate::schedule::pending_requests::{DeferredReplies, SentRequests, Tokens};
use crate::schedule::timer_queue::TimerQueue;
use crate::schedule::timers::Timers;
use crate::wit::bindings::waxwing::plugin::manifest::DiscoNode;

/// Handed down to every store. One for each process.
pub(crate) struct HostServices {
    /// The server's part.
    pub(crate) server: Arc<dyn Services>,
    /// The domains served, prepared.
    pub(crate) hosts: Vec<Arc<str>>,
    /// What the plugins that serve announce.
    pub(crate) directory: Arc<dyn Directory>,
    /// Names of accounts that calls under way create.
    pub(crate) reservations: Arc<Reservations>,
    pub(crate) timer_queue: TimerQueue<ScheduledEvent>,
    pub(crate) timers: Timers,
    /// Requests that plugins sent.
    pub(crate) sent: SentRequests,
    /// Requests that plugins answer later.
    pub(crate) deferred: DeferredReplies,
    pub(crate) tokens: Tokens,
}

/// What the plugins that serve announce, all together.
pub(crate) trait Directory: Send + Sync {
    /// Whether that plugin serves the domain as a component.
    fn is_component_of(&self, domain: &str, plugin: &str) -> bool;

    /// Shows the nodes of service discovery, by the names of their plugins.
    fn each_node(&self, look: &mut dyn FnMut(&DiscoNode));

    /// The domains below a served one that plugins serve.
    fn components_of(&self, host: &str) -> Vec<String>;

    /// The features that service discovery announces, sorted.
    fn features(&self) -> Vec<String>;

    /// The features that service discovery announces for accounts, sorted.
    fn account_features(&self) -> Vec<String>;
}

impl HostServices {
    /// Nothing waits yet and no timer runs.
    pub(crate) fn new(server: Arc<dyn Services>, directory: Arc<dyn Directory>) -> Self {
        Self {
            hosts: server.hosts().into_iter().map(Arc::from).collect(),
            server,
            directory,
            reservations: Arc::default(),
            timer_queue: TimerQueue::default(),
            timers: Timers::default(),
            sent: SentRequests::default(),
            deferred: DeferredReplies::default(),
            tokens: Tokens::default(),
        }
    }

    /// Whether a domain is served here.
    pub(crate) fn serves(&self, domain: &str) -> bool {
        self.hosts.iter().any(|host| **host == *domain)
    }

    /// A domain to hand on; one that is served is shared.
    pub(crate) fn host(&self, domain: &str) -> Arc<str> {
        let served = self.hosts.iter().find(|host| ***host == *domain);
        served.map_or_else(|| Arc::from(domain), Arc::clone)
    }
}
