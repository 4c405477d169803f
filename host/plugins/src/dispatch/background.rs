//! Questions to plugins from those who are on no shard, or about accounts of another one: a thread of its own puts them,
//! many at a time. Who asks waits; whoever does not wait uses `notices`.

use std::collections::HashMap;
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use anyhow::Context as _;
use parking_lot::Mutex;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::calls::caller::Caller;
use crate::calls::context::Shared;
use crate::calls::pool::MAX_BUSY;
use crate::engine::CALLERS_STACK;

/// Something to do at the thread's desk. It begins a task there.
type Job = Box<dyn FnOnce(&Rc<Desk>) + Send>;

/// Locks that accounts share, by hash.
const LOCKS: usize = 256;

/// What the thread has.
struct Desk {
    caller: Rc<Caller>,
    /// What is done about one account in order.
    accounts: Box<[Turn]>,
    hasher: RandomState,
}

type Turn = tokio::sync::Mutex<()>;

impl Desk {
    fn new(shared: Arc<Shared>) -> Self {
        Self {
            caller: Rc::new(Caller::new(shared)),
            accounts: (0..LOCKS).map(|_| Turn::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// The account's turn; there always is one.
    async fn turn(&self, account: &str) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let hash = self.hasher.hash_one(account);
        let index = usize::try_from(hash & 0xffff).unwrap_or(0) % LOCKS;
        Some(self.accounts.get(index)?.lock().await)
    }
}

/// The way to the thread. Whoever asks waits for the answer, so that no more questions wait than there are those who ask.
pub(crate) struct Asks {
    jobs: mpsc::UnboundedSender<Job>,
    /// Questions of one sort that are put at a time: no more than a plugin takes at once, so that none is turned away.
    turns: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// The receiving end, before the thread runs.
pub(crate) struct Jobs(mpsc::UnboundedReceiver<Job>);

impl Asks {
    pub(crate) fn new() -> (Self, Jobs) {
        let (jobs, queue) = mpsc::unbounded_channel();
        let turns = Mutex::default();
        (Self { jobs, turns }, Jobs(queue))
    }

    /// Does the work on the thread and gives its result; `None` if the platform stops. Work of one sort (a plugin's name, or
    /// that of a hook point) takes turns with its like alone. Given up midway, work that has begun is still done: what a
    /// call has stored is not taken back.
    pub(crate) async fn ask<T, F>(
        &self,
        sort: &str,
        work: impl FnOnce(Rc<Caller>) -> F + Send + 'static,
    ) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        let turn = self.turns(sort).acquire_owned().await.ok()?;
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |desk| {
            let work = work(Rc::clone(&desk.caller));
            tokio::task::spawn_local(async move {
                let _turn = turn;
                // Whoever asked may be gone.
                let _ = answer.send(work.await);
            });
        });
        self.jobs.send(job).ok()?;
        answered.await.ok()
    }

    /// The same for something about an account that must not get before what was handed in earlier about it. Done also if
    /// nobody waits for the result.
    pub(crate) fn in_turn<T, F>(
        &self,
        account: &str,
        sort: &str,
        work: impl FnOnce(Rc<Caller>) -> F + Send + 'static,
    ) -> oneshot::Receiver<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let (account, turns) = (account.to_owned(), self.turns(sort));
        let job: Job = Box::new(move |desk| {
            let desk = Rc::clone(desk);
            tokio::task::spawn_local(async move {
                let _account = desk.turn(&account).await;
                let _turn = turns.acquire().await;
                let _ = answer.send(work(Rc::clone(&desk.caller)).await);
            });
        });
        // Nobody is there while the platform stops: then nobody answers.
        drop(self.jobs.send(job));
        answered
    }

    fn turns(&self, sort: &str) -> Arc<Semaphore> {
        let mut turns = self.turns.lock();
        if let Some(known) = turns.get(sort) {
            return Arc::clone(known);
        }
        let new = Arc::new(Semaphore::new(MAX_BUSY));
        turns.insert(sort.to_owned(), Arc::clone(&new));
        new
    }
}

/// Starts the thread. It ends when the platform stops.
pub(crate) fn start(shared: &Arc<Shared>, jobs: Jobs) -> anyhow::Result<()> {
    let shared = Arc::clone(shared);
    thread::Builder::new()
        .name("asks".to_owned())
        .stack_size(CALLERS_STACK)
        .spawn(move || {
            let runtime = Builder::new_current_thread()
                .enable_time()
                .build_local(LocalOptions::default());
            match runtime {
                Ok(runtime) => runtime.block_on(serve(shared, jobs)),
                Err(error) => tracing::error!(%error, "plugins are asked nothing"),
            }
        })
        .context("cannot start the thread that asks plugins")?;
    Ok(())
}

async fn serve(shared: Arc<Shared>, mut jobs: Jobs) {
    let stopping = shared.stopping.clone();
    let desk = Rc::new(Desk::new(shared));
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            job = jobs.0.recv() => match job {
                Some(job) => job(&desk),
                None => return,
            },
        }
    }
}
