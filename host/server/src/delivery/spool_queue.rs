//! The one queue to the spool. Its tasks are done in order, many at once; a message that plugins judge first delays only the tasks of
//! its own account (`offline::lanes`).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use prometheus_client::registry::Registry;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};
use waxwing_storage::{AccountId, StreamNote};
use waxwing_xmpp::jid::BareJid;

use super::{
    envelope::Envelope,
    receipt::DeliveryReceipt,
    spool_claims::{Claim, Claims, Reader},
};
use crate::metrics;

/// How long a message waits for its turn, and for the database to be asked about it. What is asked then has its own time.
const PATIENCE: Duration = Duration::from_secs(5);
/// Tasks that may wait. A database that answers does some thousands a second.
const SPOOL_QUEUE: usize = 65_536;

/// A task of the spool.
#[derive(Debug)]
pub(crate) enum SpoolTask {
    /// Stores a message that no session takes, and tells the sender that waits for it.
    Store {
        message: Envelope,
        waiting: Option<Waiting>,
    },
    /// Stores a copy of a message that is still on its way to a session.
    SpoolCopy(Arc<DeliveryReceipt>),
    /// Removes a message that was delivered.
    Remove { account: AccountId, id: u64 },
    /// Replays what waits for an account to one of its sessions that takes messages, unless a replay runs.
    Give(BareJid),
    /// Saves how many stanzas of a resumable stream were handled.
    SaveStreamPosition(StreamNote),
    /// Saves how many stanzas of a stream were handled whose session is over.
    SaveLastStreamPosition(StreamNote),
    /// Removes what was saved of a resumable stream.
    ForgetStream(String),
    /// Answers when all earlier tasks are done, or all about one account.
    Barrier {
        account: Option<BareJid>,
        done: oneshot::Sender<()>,
    },
}

/// A sender that waits until its message is stored or refused.
#[derive(Debug)]
pub(crate) struct Waiting {
    done: oneshot::Sender<()>,
    since: Instant,
}

impl Waiting {
    /// From now on.
    pub(crate) fn new(done: oneshot::Sender<()>) -> Self {
        Self {
            done,
            since: Instant::now(),
        }
    }

    /// Whether that is too long already, however near an answer may be: it is refused.
    pub(crate) fn is_too_long(&self) -> bool {
        self.since.elapsed() > PATIENCE
    }

    /// Tells, if whoever waited is still there.
    pub(crate) fn tell(self) {
        let _ = self.done.send(());
    }
}

/// The sending half of the queue. Cloning shares it.
#[derive(Debug, Clone)]
pub(crate) struct SpoolQueue {
    tasks: mpsc::Sender<SpoolTask>,
    claims: Claims,
    refused: Arc<AtomicU64>,
}

impl SpoolQueue {
    /// A new queue, with its receiving half.
    pub(crate) fn new() -> (Self, mpsc::Receiver<SpoolTask>) {
        let (tasks, queue) = mpsc::channel(SPOOL_QUEUE);
        let new = Self {
            tasks,
            claims: Claims::default(),
            refused: Arc::default(),
        };
        (new, queue)
    }

    /// Queues a task. Never blocks. A task that does not fit is dropped and counted, which loses no message: one that was not
    /// removed is delivered twice, one that was not copied is acknowledged later.
    pub(crate) fn send(&self, task: SpoolTask) {
        // Sessions are over when the server has stopped.
        let _ = self.try_send(task);
    }

    /// Queues a task, or gives it back: the queue is full, or the server has stopped.
    pub(crate) fn try_send(&self, task: SpoolTask) -> Result<(), Box<SpoolTask>> {
        self.tasks.try_send(task).map_err(|unsent| match unsent {
            TrySendError::Full(task) => {
                if self.refused.fetch_add(1, Ordering::Relaxed) == 0 {
                    tracing::error!("the queue to the spool is full: the database is too slow");
                }
                Box::new(task)
            }
            TrySendError::Closed(task) => Box::new(task),
        })
    }

    /// Claims a message of the spool; `None`: a session has it already, or was given it.
    pub(super) fn claim(&self, account: AccountId, id: u64) -> Option<Claim> {
        self.claims.claim(account, id)
    }

    /// Begins to read an account's spool.
    pub(crate) fn read(&self, account: AccountId) -> Reader {
        self.claims.read(account)
    }

    /// Waits until all tasks queued before are done, or all about one account. Returns at once when the server has stopped.
    pub(crate) async fn barrier(&self, account: Option<BareJid>) {
        let (done, answer) = oneshot::channel();
        let barrier = SpoolTask::Barrier { account, done };
        // The answer is an error either way: the sender is dropped when the tasks are done, or when the server has stopped.
        if self.tasks.send(barrier).await.is_ok() {
            let _ = answer.await;
        }
    }

    /// Registers the queue's metrics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let tasks = self.tasks.clone();
        metrics::gauge(
            registry,
            "waxwing_spool_queue",
            "Tasks of the spool that wait",
            move || metrics::count(tasks.max_capacity().saturating_sub(tasks.capacity())),
        );
        let refused = Arc::clone(&self.refused);
        metrics::counter(
            registry,
            "waxwing_spool_tasks_refused",
            "Tasks of the spool that were refused because their queue was full",
            move || refused.load(Ordering::Relaxed),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_gives_back_what_does_not_fit_and_counts_it() {
        let (queue, _tasks) = SpoolQueue::new();
        let task = || SpoolTask::ForgetStream(String::new());
        for _ in 0..SPOOL_QUEUE {
            queue.try_send(task()).unwrap();
        }
        assert!(queue.try_send(task()).is_err());
        queue.send(task());
        assert_eq!(queue.refused.load(Ordering::Relaxed), 2);
    }
}
