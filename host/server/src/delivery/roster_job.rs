//! The queue of roster work that nobody waits for: what plugins' calls ask for, and changes of who keeps a host's rosters.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use prometheus_client::registry::Registry;
use tokio::sync::mpsc::{self, error::TrySendError};
use waxwing_plugins::FollowUp;

use crate::metrics;

/// Jobs that may wait. More are refused, counted and logged.
const ROSTER_JOB_QUEUE: usize = 10_000;

/// One piece of roster work.
#[derive(Debug)]
pub(crate) enum RosterJob {
    /// A plugin's call asked for it.
    FollowUp(FollowUp),
    /// Rosters of these domains are kept by another plugin now, or by the database again.
    ProviderChanged(Vec<String>),
}

/// The sending half of the queue. Cloning shares it.
#[derive(Debug, Clone)]
pub(crate) struct RosterJobs {
    queue: mpsc::Sender<RosterJob>,
    refused: Arc<AtomicU64>,
}

impl RosterJobs {
    /// A new queue, with its receiving half.
    pub(crate) fn new() -> (Self, mpsc::Receiver<RosterJob>) {
        let (queue, jobs) = mpsc::channel(ROSTER_JOB_QUEUE);
        let refused = Arc::default();
        (Self { queue, refused }, jobs)
    }

    /// Queues a job. Never blocks: a job that does not fit is refused and counted. After the server stopped nothing happens.
    pub(crate) fn send(&self, job: RosterJob) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(job)
            && self.refused.fetch_add(1, Ordering::Relaxed) == 0
        {
            tracing::warn!(
                "the queue of roster jobs is full: some of what plugins ask for is not done"
            );
        }
    }

    /// Registers the queue's metrics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let queue = self.queue.clone();
        metrics::gauge(
            registry,
            "waxwing_roster_job_queue",
            "Roster jobs of plugins that wait",
            move || metrics::count(queue.max_capacity().saturating_sub(queue.capacity())),
        );
        let refused = Arc::clone(&self.refused);
        metrics::counter(
            registry,
            "waxwing_roster_jobs_refused",
            "Roster jobs of plugins that were refused because their queue was full",
            move || refused.load(Ordering::Relaxed),
        );
    }
}
