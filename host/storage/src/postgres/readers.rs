//! Reading: a few connections, each held by a task that takes what is asked from one queue.
//!
//! A task makes its connection before it takes anything, so that none is held up by one that has none. What was asked on a
//! connection that turned out to be lost is asked once more.

use std::{future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use parking_lot::Mutex;
use sqlx::PgConnection;
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot,
    },
    task::JoinSet,
    time::{sleep, timeout},
};

use super::setup::{self, Address};
use crate::{
    StorageError,
    commit::{Health, PATIENCE},
};

/// Connections.
const READERS: usize = 4;
/// Questions that may wait.
const QUEUE: usize = 1024;
/// How long an answer may take before the connection counts as lost.
const SILENCE: Duration = Duration::from_secs(10);
/// How long after an attempt to connect that failed there is another.
const AGAIN: Duration = Duration::from_millis(500);

/// A question. It may be asked more than once.
pub(super) trait Read: Send + Sync + 'static {
    /// The answer.
    type Output: Send + 'static;

    /// Asks it.
    fn run(
        &self,
        connection: &mut PgConnection,
    ) -> impl Future<Output = Result<Self::Output, sqlx::Error>> + Send;
}

/// A question with the way back to whoever asks.
#[async_trait]
trait Job: Send {
    async fn run(&mut self, connection: &mut PgConnection) -> Result<(), sqlx::Error>;
    fn is_awaited(&self) -> bool;
    fn failed(self: Box<Self>, error: StorageError);
}

struct Waiting<R: Read> {
    read: R,
    reply: Option<oneshot::Sender<Result<R::Output, StorageError>>>,
}

#[async_trait]
impl<R: Read> Job for Waiting<R> {
    async fn run(&mut self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let output = self.read.run(connection).await?;
        if let Some(reply) = self.reply.take() {
            // Whoever no longer waits does not mind.
            let _ = reply.send(Ok(output));
        }
        Ok(())
    }

    fn is_awaited(&self) -> bool {
        let reply = self.reply.as_ref();
        reply.is_some_and(|reply| !reply.is_closed())
    }

    fn failed(self: Box<Self>, error: StorageError) {
        if let Some(reply) = self.reply {
            let _ = reply.send(Err(error));
        }
    }
}

type Jobs = Arc<tokio::sync::Mutex<mpsc::Receiver<Box<dyn Job>>>>;

/// Where questions are asked.
pub(super) struct Readers {
    /// `None`: closed.
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    health: Arc<Health>,
}

impl Readers {
    /// Starts the tasks that read from the database at `address`.
    pub(super) fn start(address: &Address, health: &Arc<Health>, tasks: &mut JoinSet<()>) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let jobs = Arc::new(tokio::sync::Mutex::new(jobs));
        for _ in 0..READERS {
            let reader = Reader {
                address: address.clone(),
                health: Arc::clone(health),
                jobs: Arc::clone(&jobs),
            };
            tasks.spawn(reader.serve());
        }
        Self {
            queue: Mutex::new(Some(queue)),
            health: Arc::clone(health),
        }
    }

    /// Asks, and waits for the answer.
    pub(super) async fn read<R: Read>(&self, read: R) -> Result<R::Output, StorageError> {
        let (reply, answer) = oneshot::channel();
        let job = Waiting {
            read,
            reply: Some(reply),
        };
        let queue = self.queue.lock().clone().ok_or(StorageError::Closed)?;
        queue.try_send(Box::new(job)).map_err(|error| match error {
            TrySendError::Full(_) => StorageError::Overloaded,
            TrySendError::Closed(_) => StorageError::Closed,
        })?;
        drop(queue);
        let answer = timeout(self.health.patience(PATIENCE), answer).await;
        let answer = answer.map_err(|_| {
            self.health.late();
            StorageError::Late
        })?;
        answer.map_err(|_| StorageError::Closed)?
    }

    /// Takes no more questions.
    pub(super) fn close(&self) {
        self.queue.lock().take();
    }
}

/// One of the tasks.
struct Reader {
    address: Address,
    health: Arc<Health>,
    jobs: Jobs,
}

impl Reader {
    /// Until nobody is left to ask.
    async fn serve(self) {
        let mut connection = self.connect().await;
        loop {
            let job = self.jobs.lock().await.recv().await;
            let Some(mut job) = job else { return };
            // Idle connections are lost unnoticed: the first answer may be that.
            for last in [false, true] {
                if !job.is_awaited() {
                    break;
                }
                let result = timeout(SILENCE, job.run(&mut connection)).await;
                let lost = match &result {
                    Ok(result) => result.as_ref().is_err_and(setup::is_lost),
                    Err(_) => true,
                };
                if lost {
                    connection = self.connect().await;
                } else {
                    self.health.answered();
                }
                match result {
                    Ok(Ok(())) => break,
                    Ok(Err(_)) if lost && !last => {}
                    Ok(Err(error)) => {
                        job.failed(error.into());
                        break;
                    }
                    Err(_) => {
                        job.failed(StorageError::Late);
                        break;
                    }
                }
            }
        }
    }

    /// A connection, however long it takes.
    async fn connect(&self) -> PgConnection {
        loop {
            match self.address.connect("waxwing").await {
                Ok(connection) => {
                    self.health.answered();
                    return connection;
                }
                Err(error) => self.health.is_silent(&error.to_string()),
            }
            sleep(AGAIN).await;
        }
    }
}
