//! The tasks that work beside the sessions until the server has stopped.

use std::sync::Arc;

use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    context::ServerContext,
    delivery::{roster_job::RosterJob, spool_queue::SpoolTask},
};

/// One task works off the spool queue, one removes what is too old from the spool, one does roster jobs.
pub(super) struct BackgroundTasks {
    spool: JoinHandle<()>,
    expiry: JoinHandle<()>,
    roster_jobs: JoinHandle<()>,
    last: CancellationToken,
}

/// The receiving halves of the queues that the tasks work off.
pub(super) struct Queues {
    pub(super) spool: mpsc::Receiver<SpoolTask>,
    pub(super) roster_jobs: mpsc::Receiver<RosterJob>,
}

impl BackgroundTasks {
    /// Starts them, on a tracker of the server's.
    pub(super) fn start(tasks: &TaskTracker, server: &ServerContext, queues: Queues) -> Self {
        let last = CancellationToken::new();
        let (offline, until) = (Arc::clone(&server.offline), last.clone());
        let spool = tasks.spawn(async move { offline.run(queues.spool, until).await });
        let (offline, until) = (Arc::clone(&server.offline), last.clone());
        let expiry = tasks.spawn(async move { offline.expire_all(until).await });
        let (rosters, until) = (Arc::clone(&server.rosters), last.clone());
        let roster_jobs = tasks.spawn(async move { rosters.work(queues.roster_jobs, until).await });
        Self {
            spool,
            expiry,
            roster_jobs,
            last,
        }
    }

    /// Waits until all that was queued is done.
    pub(super) async fn finish(self) {
        self.last.cancel();
        for (task, what) in [
            (self.spool, "the task of the spool queue"),
            (self.roster_jobs, "the task of roster jobs"),
            (self.expiry, "the task that removes old messages"),
        ] {
            if let Err(error) = task.await {
                tracing::error!(%error, "{what} failed");
            }
        }
    }
}
