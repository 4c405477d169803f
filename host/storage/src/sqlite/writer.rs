//! The callers' end of the one writer: jobs queue, and [`Worker`] commits together all that wait together.
//!
//! A job is a statement or a plugin's [`Work`]. Callers are answered after the commit. The writer has a thread and a
//! runtime of its own: it outlives whichever runtime opened the database.

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
use sqlx::SqliteConnection;
use tokio::sync::{
    OwnedSemaphorePermit,
    mpsc::{self, error::TrySendError},
    oneshot, watch,
};

use super::{
    data::{Cache, Cleared, Done, Work},
    gates::Gates,
    worker::Worker,
};
use crate::{CommitError, StorageError};

/// Jobs that may wait. A caller beyond that waits itself.
const QUEUE: usize = 1024;
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

    /// What of plugins' data goes by it.
    fn clears(&self) -> Option<Cleared> {
        None
    }

    /// Octets that it writes, where they may be many.
    fn octets(&self) -> usize {
        0
    }
}

/// A statement with the way back to its caller.
#[async_trait]
pub(super) trait Job: Send {
    async fn run(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error>;
    fn clears(&self) -> Option<Cleared>;
    fn octets(&self) -> usize;
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

    fn clears(&self) -> Option<Cleared> {
        self.statement.clears()
    }

    fn octets(&self) -> usize {
        self.statement.octets()
    }

    fn committed(self: Box<Self>) {
        // A caller that no longer waits does not mind.
        let _ = self.reply.send(self.output.ok_or(StorageError::Closed));
    }

    fn failed(self: Box<Self>, error: sqlx::Error) {
        let _ = self.reply.send(Err(error.into()));
    }
}

/// A plugin's work with the way back to its caller.
pub(super) struct Call {
    pub(super) work: Work,
    pub(super) outcome: Option<Result<Done, CommitError>>,
    reply: oneshot::Sender<Result<Done, CommitError>>,
    /// Kept until it is answered, also if its caller no longer waits.
    _passage: Option<OwnedSemaphorePermit>,
}

impl Call {
    pub(super) fn committed(self) {
        // A caller that no longer waits does not mind.
        let closed = Err(StorageError::Closed.into());
        let _ = self.reply.send(self.outcome.unwrap_or(closed));
    }

    pub(super) fn failed(self, error: sqlx::Error) {
        let _ = self.reply.send(Err(StorageError::from(error).into()));
    }
}

/// What waits to be committed.
pub(super) enum Item {
    Statement(Box<dyn Job>),
    Call(Box<Call>),
}

pub(super) enum Message {
    Item(Item),
    Close,
}

/// The callers' end of the writer.
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    gates: Gates,
    commits: Arc<AtomicU64>,
    running: watch::Receiver<()>,
}

impl Writer {
    /// Starts the writer on its thread. Fails if the system has no thread or file descriptor left.
    pub(super) fn start(connection: SqliteConnection, cache: Arc<Cache>) -> io::Result<Self> {
        let (queue, messages) = mpsc::channel(QUEUE);
        let (alive, running) = watch::channel(());
        let commits = Arc::new(AtomicU64::new(0));
        let worker = Worker::new(connection, messages, Arc::clone(&commits), cache);
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
            gates: Gates::default(),
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
        self.enqueue(Item::Statement(job)).await?;
        answer.await.map_err(|_| StorageError::Closed)?
    }

    /// Queues a plugin's work and waits until it is committed or refused.
    pub(super) async fn call(&self, work: Work) -> Result<Done, CommitError> {
        let passage = self.gates.pass(&work.batch.namespace);
        let passage = tokio::time::timeout(QUEUE_TIMEOUT, passage).await;
        let passage = passage.map_err(|_| StorageError::Overloaded)?;
        let (reply, answer) = oneshot::channel();
        let call = Call {
            work,
            outcome: None,
            reply,
            _passage: passage,
        };
        self.enqueue(Item::Call(Box::new(call))).await?;
        answer.await.map_err(|_| StorageError::Closed)?
    }

    /// Takes a place at once where there is one: to wait for it may yield although there is, and calls that one task
    /// makes together would change places.
    async fn enqueue(&self, item: Item) -> Result<(), StorageError> {
        let place = match self.queue.try_reserve() {
            Ok(place) => place,
            Err(TrySendError::Full(())) => self.wait_for_place().await?,
            Err(TrySendError::Closed(())) => return Err(StorageError::Closed),
        };
        place.send(Message::Item(item));
        Ok(())
    }

    async fn wait_for_place(&self) -> Result<mpsc::Permit<'_, Message>, StorageError> {
        let place = tokio::time::timeout(QUEUE_TIMEOUT, self.queue.reserve());
        let place = place.await.map_err(|_| StorageError::Overloaded)?;
        place.map_err(|_| StorageError::Closed)
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
