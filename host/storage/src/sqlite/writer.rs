//! The one writer: statements queue, and all that wait together are committed together.
//!
//! A commit costs a flush of the disk, whatever is in it. Statements that arrive during one commit form the next group,
//! so that the number of writes per second does not depend on the number of flushes. Callers are answered after the
//! commit. The writer has a thread and a runtime of its own: it outlives whichever runtime opened the database.

use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot, watch};

use crate::StorageError;

/// Statements that may wait. A caller beyond that waits itself.
const QUEUE: usize = 1024;
/// Statements in one transaction: bounds how long the first of a group waits for the last.
const GROUP: usize = 256;
/// How long a caller waits for a place in the queue.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

/// A change to the database. It may be run more than once, but only one run is committed.
pub(super) trait Statement: Send + Sync + 'static {
    /// What the caller is told.
    type Output: Send + 'static;

    /// Makes the change within a transaction. What the caller should learn, such as a name being taken, is output; an
    /// error means that the database failed.
    fn run(
        &self,
        connection: &mut SqliteConnection,
    ) -> impl Future<Output = Result<Self::Output, sqlx::Error>> + Send;
}

/// A statement with the way back to its caller.
#[async_trait]
trait Job: Send {
    async fn run(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error>;
    fn committed(self: Box<Self>);
    fn failed(self: Box<Self>, error: sqlx::Error);
}

struct Waiting<S: Statement> {
    statement: S,
    output: Option<S::Output>,
    reply: oneshot::Sender<Result<S::Output, StorageError>>,
}

#[async_trait]
impl<S: Statement> Job for Waiting<S> {
    async fn run(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        self.output = Some(self.statement.run(connection).await?);
        Ok(())
    }

    fn committed(self: Box<Self>) {
        // A caller that no longer waits does not mind.
        let _ = self.reply.send(self.output.ok_or(StorageError::Closed));
    }

    fn failed(self: Box<Self>, error: sqlx::Error) {
        let _ = self.reply.send(Err(error.into()));
    }
}

enum Message {
    Job(Box<dyn Job>),
    Close,
}

/// The callers' end of the writer.
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    commits: Arc<AtomicU64>,
    running: watch::Receiver<()>,
}

impl Writer {
    /// Starts the writer on its thread. Fails if the system has no thread or file descriptor left.
    pub(super) fn start(connection: SqliteConnection) -> io::Result<Self> {
        let (queue, messages) = mpsc::channel(QUEUE);
        let (alive, running) = watch::channel(());
        let commits = Arc::new(AtomicU64::new(0));
        let worker = Worker {
            connection,
            messages,
            commits: Arc::clone(&commits),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        std::thread::Builder::new()
            .name("storage-writer".to_owned())
            .spawn(move || {
                runtime.block_on(worker.serve());
                drop(alive);
            })?;
        Ok(Self {
            queue,
            commits,
            running,
        })
    }

    /// Queues a statement and waits until it is committed.
    pub(super) async fn write<S: Statement>(
        &self,
        statement: S,
    ) -> Result<S::Output, StorageError> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Waiting {
            statement,
            output: None,
            reply,
        });
        let place = tokio::time::timeout(QUEUE_TIMEOUT, self.queue.reserve());
        let place = place.await.map_err(|_| StorageError::Overloaded)?;
        place
            .map_err(|_| StorageError::Closed)?
            .send(Message::Job(job));
        answer.await.map_err(|_| StorageError::Closed)?
    }

    /// Transactions committed.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Commits what is queued, closes the connection, and waits for both.
    pub(super) async fn close(&self) {
        // Fails if the writer has ended, which is what is wanted.
        let _ = self.queue.send(Message::Close).await;
        let mut running = self.running.clone();
        while running.changed().await.is_ok() {}
    }
}

/// The writer's end.
struct Worker {
    connection: SqliteConnection,
    messages: mpsc::Receiver<Message>,
    commits: Arc<AtomicU64>,
}

impl Worker {
    /// Until closed, or until nobody is left to close it.
    async fn serve(mut self) {
        while let Some(first) = self.messages.recv().await {
            let group = self.gather(first);
            if !group.is_empty() {
                self.write(group).await;
            }
        }
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "the database did not close cleanly");
        }
    }

    /// `first` and what waits behind it.
    fn gather(&mut self, first: Message) -> Vec<Box<dyn Job>> {
        let mut group = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Job(job) => group.push(job),
                // Nothing more gets in; what is in already still comes out.
                Message::Close => self.messages.close(),
            }
            next = if group.len() < GROUP {
                self.messages.try_recv().ok()
            } else {
                None
            };
        }
        group
    }

    /// Commits a group. If that fails, each statement is tried by itself, so that one bad one takes no other with it.
    async fn write(&mut self, mut group: Vec<Box<dyn Job>>) {
        match self.transaction(&mut group).await {
            Ok(()) => group.into_iter().for_each(Job::committed),
            Err(error) => {
                tracing::debug!(%error, statements = group.len(), "a group of writes failed");
                for job in group {
                    self.write_alone(job).await;
                }
            }
        }
    }

    async fn write_alone(&mut self, mut job: Box<dyn Job>) {
        match self.transaction(std::slice::from_mut(&mut job)).await {
            Ok(()) => job.committed(),
            Err(error) => job.failed(error),
        }
    }

    /// Runs all of `group` in one transaction. Nothing of it has happened if it fails.
    ///
    /// The transaction is begun and ended by plain statements. sqlx counts the depth of those that it begins itself, and
    /// loses count when SQLite has rolled one back of its own accord, as it may on a full disk: no other could be begun.
    async fn transaction(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), sqlx::Error> {
        let result = self.begin_and_commit(group).await;
        if result.is_ok() {
            self.commits.fetch_add(1, Ordering::Relaxed);
        } else {
            // Fails if SQLite has done so already.
            let _ = sqlx::query("ROLLBACK").execute(&mut self.connection).await;
        }
        result
    }

    async fn begin_and_commit(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), sqlx::Error> {
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut self.connection)
            .await?;
        for job in group {
            job.run(&mut self.connection).await?;
        }
        sqlx::query("COMMIT").execute(&mut self.connection).await?;
        Ok(())
    }
}
