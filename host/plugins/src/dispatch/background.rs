//! Calls that belong to no shard, or concern accounts of another shard. One thread makes them, many at a time. The
//! caller waits for the answer; what needs no answer goes through `calls::event_queue`.

use std::collections::HashMap;
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use anyhow::Context as _;
use parking_lot::Mutex;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::accounting::units::Count;
use crate::calls::caller::Caller;
use crate::calls::context::Context;
use crate::calls::pool::MAX_BUSY;
use crate::engine::configuration::CALLERS_STACK;

/// Makes a task of the thread.
type Job = Box<dyn FnOnce(&Rc<Worker>) -> Task + Send>;
type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Jobs that may wait for the thread. It takes them at once, and their tasks wait elsewhere.
const MAX_JOBS: usize = 65_536;
/// Locks that accounts share, by hash.
const LOCKS: usize = 256;

/// What the thread has.
struct Worker {
    caller: Rc<Caller>,
    /// What is done about one account in order.
    accounts: Box<[tokio::sync::Mutex<()>]>,
    hasher: RandomState,
}

impl Worker {
    fn new(context: Arc<Context>) -> Self {
        Self {
            caller: Rc::new(Caller::new(context)),
            accounts: (0..LOCKS).map(|_| tokio::sync::Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// The account's lock; there always is one.
    async fn lock(&self, account: &str) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let hash = self.hasher.hash_one(account);
        let index = usize::try_from(hash & 0xffff).unwrap_or(0) % LOCKS;
        Some(self.accounts.get(index)?.lock().await)
    }
}

/// The way to the thread.
pub(crate) struct BackgroundCalls {
    jobs: mpsc::Sender<Job>,
    /// Calls of one sort that run at a time: no more than a plugin takes at once, so that none is turned away.
    permits: Mutex<HashMap<String, Arc<Semaphore>>>,
    /// Jobs that were not taken, since too many waited.
    pub(crate) refused: Count,
}

impl BackgroundCalls {
    /// Starts the thread. It ends when the platform stops.
    pub(crate) fn start(context: &Arc<Context>) -> anyhow::Result<Self> {
        let (jobs, queue) = mpsc::channel(MAX_JOBS);
        let context = Arc::clone(context);
        thread::Builder::new()
            .name("background-calls".to_owned())
            .stack_size(CALLERS_STACK)
            .spawn(move || {
                let runtime = Builder::new_current_thread()
                    .enable_time()
                    .build_local(LocalOptions::default());
                match runtime {
                    Ok(runtime) => runtime.block_on(serve(context, queue)),
                    Err(error) => {
                        tracing::error!(%error, "cannot start the thread of background calls");
                    }
                }
            })
            .context("cannot start the thread of background calls")?;
        Ok(Self {
            jobs,
            permits: Mutex::default(),
            refused: Count::default(),
        })
    }

    /// Does the work on the thread and gives its result; `None` if the platform stops or too many jobs wait. At most 64
    /// jobs of one sort (a plugin's name, or that of a hook point) run at a time. If the caller gives up, work that has
    /// begun is still done: what a call has stored is not taken back.
    pub(crate) async fn call<T, F>(
        &self,
        sort: &str,
        work: impl FnOnce(Rc<Caller>) -> F + Send + 'static,
    ) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        let permit = self.permits(sort).acquire_owned().await.ok()?;
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |worker| {
            let work = work(Rc::clone(&worker.caller));
            Box::pin(async move {
                let _permit = permit;
                // The caller may be gone.
                let _ = answer.send(work.await);
            })
        });
        self.send(job)?;
        answered.await.ok()
    }

    /// Like [`Self::call`], in order with all other work about that account. The work is done also if the caller does
    /// not wait for its result. `None` if it cannot be queued.
    pub(crate) fn serialized_by_account<T, F>(
        &self,
        account: &str,
        sort: &str,
        work: impl FnOnce(Rc<Caller>) -> F + Send + 'static,
    ) -> Option<oneshot::Receiver<T>>
    where
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let (account, permits) = (account.to_owned(), self.permits(sort));
        let job: Job = Box::new(move |worker| {
            let worker = Rc::clone(worker);
            Box::pin(async move {
                let _account = worker.lock(&account).await;
                let _permit = permits.acquire().await;
                let _ = answer.send(work(Rc::clone(&worker.caller)).await);
            })
        });
        self.send(job)?;
        Some(answered)
    }

    fn send(&self, job: Job) -> Option<()> {
        match self.jobs.try_send(job) {
            Ok(()) => Some(()),
            // The thread has ended: the platform stops.
            Err(mpsc::error::TrySendError::Closed(_)) => None,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.refused.add(1);
                tracing::error!("too many background calls wait: one was not made");
                None
            }
        }
    }

    fn permits(&self, sort: &str) -> Arc<Semaphore> {
        let mut permits = self.permits.lock();
        if let Some(known) = permits.get(sort) {
            return Arc::clone(known);
        }
        let new = Arc::new(Semaphore::new(MAX_BUSY));
        permits.insert(sort.to_owned(), Arc::clone(&new));
        new
    }
}

/// Runs the jobs' tasks until the platform stops; then those under way are cancelled.
async fn serve(context: Arc<Context>, mut jobs: mpsc::Receiver<Job>) {
    let stopping: CancellationToken = context.stopping.clone();
    let worker = Rc::new(Worker::new(context));
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            Some(_) = tasks.join_next() => {}
            job = jobs.recv() => match job {
                Some(job) => {
                    tasks.spawn_local(job(&worker));
                }
                None => return,
            },
        }
    }
}
