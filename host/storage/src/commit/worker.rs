//! The writer's own end: it takes what waits and commits it in one transaction.
//!
//! A commit costs a flush of the disk, whatever is in it. What arrives during one commit forms the next group, so that
//! the number of writes per second does not depend on the number of flushes. Order is kept: calls of plugins that stand
//! together become few statements ([`Ledger::run`]), statements are run between them, each by itself.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

use super::{Begun, Connection, Health, Item, Message};
use crate::{
    StorageError,
    ledger::{Cache, Ledger},
};

/// Items in one transaction: bounds how long the first of a group waits for the last.
const GROUP: usize = 256;
/// Octets to write after which a group takes no more, with so many for each change of a plugin itself.
const GROUP_BYTES: usize = 4 << 20;
const CHANGE_BYTES: usize = 512;
/// How long after a connection was lost a group is tried again.
const AGAIN: Duration = Duration::from_millis(250);

/// Serves one writer.
pub(crate) struct Worker<C: Connection> {
    pub(super) connection: C,
    pub(super) messages: mpsc::Receiver<Message<C::Raw>>,
    pub(super) commits: Arc<AtomicU64>,
    pub(super) cache: Arc<Cache>,
    pub(super) ledger: Ledger,
    pub(super) health: Arc<Health>,
    /// Dropped with the worker, which tells whoever closes.
    pub(super) _alive: watch::Sender<()>,
}

/// Why a transaction did not come about.
enum Failure {
    /// A statement failed. Nothing was done.
    Statement(sqlx::Error),
    /// The connection was lost before the commit. Nothing was done.
    Lost(sqlx::Error),
    /// The connection was lost at the commit: all of it was done or nothing.
    Unknown(sqlx::Error),
}

type Group<C> = Vec<Item<<C as Connection>::Raw>>;

impl<C: Connection> Worker<C> {
    /// Until closed, or until nobody is left to close it.
    pub(crate) async fn serve(mut self) {
        while let Some(first) = self.messages.recv().await {
            let group = self.gather(first);
            self.write(group).await;
        }
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "the database did not close cleanly");
        }
    }

    /// `first` and what waits behind it.
    fn gather(&mut self, first: Message<C::Raw>) -> Group<C> {
        let mut group = Vec::new();
        let mut bytes = 0_usize;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Item(item) => {
                    bytes = bytes.saturating_add(weight(&item));
                    group.push(item);
                }
                // Nothing more gets in; what is in already still comes out.
                Message::Close => self.messages.close(),
            }
            next = if group.len() < GROUP && bytes < GROUP_BYTES {
                self.messages.try_recv().ok()
            } else {
                None
            };
        }
        group
    }

    /// Commits a group. If that fails, each item is tried by itself, so that one bad one takes no other with it.
    async fn write(&mut self, group: Group<C>) {
        let Some((group, error)) = self.attempt(group).await else {
            return;
        };
        tracing::debug!(%error, items = group.len(), "a group of writes failed");
        for item in group {
            if let Some((items, error)) = self.attempt(vec![item]).await {
                let mut error = Some(error);
                for item in items {
                    let error = error.take().map_or(StorageError::Late, StorageError::from);
                    item.failed(error);
                }
            }
        }
    }

    /// Commits all that is awaited of a group, on as many connections as it takes. Gives the group back where a statement
    /// of it failed.
    async fn attempt(&mut self, mut group: Group<C>) -> Option<(Group<C>, sqlx::Error)> {
        loop {
            group.retain(Item::is_awaited);
            if group.is_empty() {
                return None;
            }
            match self.transaction(&mut group).await {
                Ok(()) => {
                    group.into_iter().for_each(Item::committed);
                    return None;
                }
                Err(Failure::Statement(error)) => return Some((group, error)),
                Err(Failure::Lost(error)) => {
                    tracing::debug!(%error, "the connection to the database was lost");
                    sleep(AGAIN).await;
                }
                Err(Failure::Unknown(error)) => {
                    tracing::error!(%error, items = group.len(), "the database did not say whether it committed");
                    for item in group {
                        item.failed(StorageError::Late);
                    }
                    return None;
                }
            }
        }
    }

    /// Runs all of `group` in one transaction. Nothing of it has happened if it fails, but for [`Failure::Unknown`].
    async fn transaction(&mut self, group: &mut [Item<C::Raw>]) -> Result<(), Failure> {
        let result = self.begin_and_commit(group).await;
        match &result {
            Ok(()) => {
                self.commits.fetch_add(1, Ordering::Relaxed);
                self.health.answered();
            }
            Err(Failure::Statement(error)) => {
                self.health.answered();
                self.connection.rollback(error).await;
            }
            Err(Failure::Lost(error) | Failure::Unknown(error)) => {
                self.connection.rollback(error).await;
            }
        }
        let effects = self.ledger.finish(result.is_ok());
        if matches!(result, Err(Failure::Unknown(_))) {
            // Until there is a new connection, when the old one can commit nothing more.
            self.cache.suspend();
        } else {
            self.cache.show(effects, result.is_ok());
        }
        result
    }

    async fn begin_and_commit(&mut self, group: &mut [Item<C::Raw>]) -> Result<(), Failure> {
        self.begin_and_run(group).await.map_err(|error| {
            if C::is_lost(&error) {
                Failure::Lost(error)
            } else {
                Failure::Statement(error)
            }
        })?;
        self.cache.hide(self.ledger.effects());
        let committed = in_time::<C, _>(self.connection.commit()).await;
        committed.map_err(|error| {
            if C::is_lost(&error) {
                Failure::Unknown(error)
            } else {
                Failure::Statement(error)
            }
        })
    }

    async fn begin_and_run(&mut self, group: &mut [Item<C::Raw>]) -> Result<(), sqlx::Error> {
        if self.connection.begin().await? == Begun::Anew {
            self.ledger.forget();
            self.cache.reset();
        }
        self.health.answered();
        for run in group.chunk_by_mut(together) {
            in_time::<C, _>(run_together(&mut self.connection, &mut self.ledger, run)).await?;
            self.health.answered();
        }
        let connection = self.connection.raw()?;
        in_time::<C, _>(self.ledger.persist(connection)).await
    }
}

/// Runs one statement, or calls that stand together.
async fn run_together<C: Connection>(
    connection: &mut C,
    ledger: &mut Ledger,
    run: &mut [Item<C::Raw>],
) -> Result<(), sqlx::Error> {
    let connection = connection.raw()?;
    if let [Item::Statement(job)] = run {
        let clears = job.clears();
        if clears.is_some() {
            ledger.persist(connection).await?;
        }
        job.run(connection).await?;
        if let Some(clears) = clears {
            ledger.clear(clears);
        }
        return Ok(());
    }
    let calls = run.iter_mut().filter_map(|item| match item {
        Item::Call(call) => Some(&mut **call),
        Item::Statement(_) => None,
    });
    let mut calls: Vec<_> = calls.collect();
    let works: Vec<_> = calls.iter().map(|call| &call.work).collect();
    let outcomes = ledger.run(connection, &works).await?;
    for (call, outcome) in calls.iter_mut().zip(outcomes) {
        call.outcome = Some(outcome);
    }
    Ok(())
}

async fn in_time<C: Connection, T>(
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    match C::SILENCE {
        None => work.await,
        Some(silence) => match timeout(silence, work).await {
            Ok(result) => result,
            Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
        },
    }
}

/// Whether `next` can share statements with the item before it. A trim counts what it removes in the database, where the
/// calls before it have to be by then.
fn together<R>(item: &Item<R>, next: &Item<R>) -> bool {
    match (item, next) {
        (Item::Call(_), Item::Call(next)) => !next.work.trims(),
        _ => false,
    }
}

fn weight<R>(item: &Item<R>) -> usize {
    match item {
        Item::Statement(job) => job.octets(),
        Item::Call(call) => {
            let changes = call.work.batch.len().saturating_mul(CHANGE_BYTES);
            call.work.batch.bytes().saturating_add(changes)
        }
    }
}
