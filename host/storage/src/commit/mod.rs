//! Group commit, the same for every engine: jobs queue for the one writer, and [`Worker`] commits together all that wait
//! together.
//!
//! A job is a statement or a plugin's [`Work`]. Callers are answered after the commit. Below is an engine's [`Connection`].

mod gates;
mod health;
mod worker;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::{
        OwnedSemaphorePermit,
        mpsc::{self, error::TrySendError},
        oneshot, watch,
    },
    time::{Instant, timeout_at},
};

use crate::{
    CommitError, StorageError,
    ledger::{Cache, Cleared, DataSql, Done, Ledger, Work},
};

use gates::Gates;
pub(crate) use health::{Health, PATIENCE};
pub(crate) use worker::Worker;

/// Jobs that may wait. A caller beyond that waits itself.
const QUEUE: usize = 1024;

/// The connection that an engine writes by, and its transactions.
pub(crate) trait Connection: Send + Sized + 'static {
    /// What statements are run on.
    type Raw: DataSql + 'static;

    /// How long one statement may take before the connection counts as lost.
    const SILENCE: Option<Duration>;

    /// Begins a transaction, on a new connection if the last one was lost.
    fn begin(&mut self) -> impl Future<Output = Result<Begun, sqlx::Error>> + Send;

    /// What statements are run on, between the beginning and the end of a transaction.
    fn raw(&mut self) -> Result<&mut Self::Raw, sqlx::Error>;

    /// Commits the transaction.
    fn commit(&mut self) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Undoes what there may be of a transaction that failed with that error.
    fn rollback(&mut self, error: &sqlx::Error) -> impl Future<Output = ()> + Send;

    /// Ends the connection.
    fn close(self) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Whether an error means that the connection is gone, rather than that a statement failed.
    fn is_lost(error: &sqlx::Error) -> bool;
}

/// How a transaction begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    /// The database is as this writer left it.
    Known,
    /// Others may have changed it since: what is remembered of it no longer holds.
    Anew,
}

/// A change to the database. It may be run more than once, but only one run is committed.
pub(crate) trait Statement<R>: Send + Sync + 'static {
    /// What the caller is told.
    type Output: Send + 'static;

    /// Makes the change within a transaction. What the caller should learn, such as a name being taken, is output; an
    /// error means that the database failed.
    fn run(
        &self,
        connection: &mut R,
    ) -> impl Future<Output = Result<Self::Output, sqlx::Error>> + Send;

    /// What of plugins' data goes by it.
    fn clears(&self) -> Option<Cleared> {
        None
    }

    /// Octets that it writes, where they may be many.
    fn octets(&self) -> usize {
        0
    }

    /// How long its caller waits.
    fn patience(&self) -> Duration {
        PATIENCE
    }
}

/// A statement with the way back to its caller.
#[async_trait]
pub(crate) trait Job<R>: Send {
    async fn run(&mut self, connection: &mut R) -> Result<(), sqlx::Error>;
    fn clears(&self) -> Option<Cleared>;
    fn octets(&self) -> usize;
    fn is_awaited(&self) -> bool;
    fn committed(self: Box<Self>);
    fn failed(self: Box<Self>, error: StorageError);
}

struct Waiting<S, O> {
    statement: S,
    output: Option<O>,
    reply: oneshot::Sender<Result<O, StorageError>>,
}

#[async_trait]
impl<R: Send, S: Statement<R>> Job<R> for Waiting<S, S::Output> {
    async fn run(&mut self, connection: &mut R) -> Result<(), sqlx::Error> {
        self.output = Some(self.statement.run(connection).await?);
        Ok(())
    }

    fn clears(&self) -> Option<Cleared> {
        self.statement.clears()
    }

    fn octets(&self) -> usize {
        self.statement.octets()
    }

    fn is_awaited(&self) -> bool {
        !self.reply.is_closed()
    }

    fn committed(self: Box<Self>) {
        // A caller that no longer waits does not mind.
        let _ = self.reply.send(self.output.ok_or(StorageError::Closed));
    }

    fn failed(self: Box<Self>, error: StorageError) {
        let _ = self.reply.send(Err(error));
    }
}

/// A plugin's work with the way back to its caller.
pub(crate) struct Call {
    work: Work,
    outcome: Option<Result<Done, CommitError>>,
    reply: oneshot::Sender<Result<Done, CommitError>>,
    /// Kept until it is answered, also if its caller no longer waits.
    _passage: Option<OwnedSemaphorePermit>,
}

/// What waits to be committed.
pub(crate) enum Item<R> {
    Statement(Box<dyn Job<R>>),
    Call(Box<Call>),
}

impl<R> Item<R> {
    /// Whether somebody still waits for it. What nobody waits for is not begun: its caller has been told that it failed.
    fn is_awaited(&self) -> bool {
        match self {
            Self::Statement(job) => job.is_awaited(),
            Self::Call(call) => !call.reply.is_closed(),
        }
    }

    fn committed(self) {
        match self {
            Self::Statement(job) => job.committed(),
            Self::Call(call) => {
                // A caller that no longer waits does not mind.
                let closed = Err(StorageError::Closed.into());
                let _ = call.reply.send(call.outcome.unwrap_or(closed));
            }
        }
    }

    fn failed(self, error: StorageError) {
        match self {
            Self::Statement(job) => job.failed(error),
            Self::Call(call) => drop(call.reply.send(Err(error.into()))),
        }
    }
}

pub(crate) enum Message<R> {
    Item(Item<R>),
    Close,
}

/// The callers' end of the writer.
pub(crate) struct Writer<R> {
    queue: mpsc::Sender<Message<R>>,
    gates: Gates,
    commits: Arc<AtomicU64>,
    running: watch::Receiver<()>,
    health: Arc<Health>,
}

impl<R: Send + 'static> Writer<R> {
    /// The writer on that connection, and the worker that is to be served for it.
    pub(crate) fn new<C: Connection<Raw = R>>(
        connection: C,
        cache: Arc<Cache>,
        health: Arc<Health>,
    ) -> (Self, Worker<C>) {
        let (queue, messages) = mpsc::channel(QUEUE);
        let (alive, running) = watch::channel(());
        let commits = Arc::new(AtomicU64::new(0));
        let worker = Worker {
            connection,
            messages,
            commits: Arc::clone(&commits),
            cache,
            ledger: Ledger::default(),
            health: Arc::clone(&health),
            _alive: alive,
        };
        let writer = Self {
            queue,
            gates: Gates::default(),
            commits,
            running,
            health,
        };
        (writer, worker)
    }

    /// Queues a statement and waits until it is committed.
    pub(crate) async fn write<S: Statement<R>>(
        &self,
        statement: S,
    ) -> Result<S::Output, StorageError> {
        let deadline = deadline(self.health.patience(statement.patience()));
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Waiting {
            statement,
            output: None,
            reply,
        });
        self.enqueue(Item::Statement(job), deadline).await?;
        let answer = timeout_at(deadline, answer).await;
        let answer = answer.map_err(|_| self.late())?;
        answer.map_err(|_| StorageError::Closed)?
    }

    /// Queues a plugin's work and waits until it is committed or refused.
    pub(crate) async fn call(&self, work: Work) -> Result<Done, CommitError> {
        let deadline = deadline(self.health.patience(PATIENCE));
        let passage = timeout_at(deadline, self.gates.pass(&work.batch.namespace)).await;
        let passage = passage.map_err(|_| self.overloaded())?;
        let (reply, answer) = oneshot::channel();
        let call = Call {
            work,
            outcome: None,
            reply,
            _passage: passage,
        };
        self.enqueue(Item::Call(Box::new(call)), deadline).await?;
        let answer = timeout_at(deadline, answer).await;
        let answer = answer.map_err(|_| self.late())?;
        answer.map_err(|_| StorageError::Closed)?
    }

    /// Takes a place at once where there is one: to wait for it may yield although there is, and calls that one task
    /// makes together would change places.
    async fn enqueue(&self, item: Item<R>, deadline: Instant) -> Result<(), StorageError> {
        let place = match self.queue.try_reserve() {
            Ok(place) => place,
            Err(TrySendError::Full(())) => self.wait_for_place(deadline).await?,
            Err(TrySendError::Closed(())) => return Err(StorageError::Closed),
        };
        place.send(Message::Item(item));
        Ok(())
    }

    async fn wait_for_place(
        &self,
        deadline: Instant,
    ) -> Result<mpsc::Permit<'_, Message<R>>, StorageError> {
        let place = timeout_at(deadline, self.queue.reserve());
        let place = place.await.map_err(|_| self.overloaded())?;
        place.map_err(|_| StorageError::Closed)
    }

    fn late(&self) -> StorageError {
        self.health.late();
        StorageError::Late
    }

    fn overloaded(&self) -> StorageError {
        self.health.late();
        StorageError::Overloaded
    }

    /// Transactions committed.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Commits what is queued, closes the connection, and waits for both.
    pub(crate) async fn close(&self) {
        // Fails if the writer has ended, which is what is wanted.
        let _ = self.queue.send(Message::Close).await;
        let mut running = self.running.clone();
        while running.changed().await.is_ok() {}
    }
}

fn deadline(patience: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(patience).unwrap_or(now)
}
