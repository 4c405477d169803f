//! The writer's own end: it takes what waits and commits it in one transaction.
//!
//! A commit costs a flush of the disk, whatever is in it. What arrives during one commit forms the next group, so that
//! the number of writes per second does not depend on the number of flushes. Order is kept: calls of plugins that stand
//! together become few statements ([`Ledger::run`]), statements are run between them, each by itself.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use sqlx::{Connection, SqliteConnection};
use tokio::sync::mpsc;

use super::{
    data::{Cache, Ledger},
    writer::{Item, Message},
};

/// Items in one transaction: bounds how long the first of a group waits for the last.
const GROUP: usize = 256;
/// Octets to write after which a group takes no more, with so many for each change of a plugin itself.
const GROUP_BYTES: usize = 4 << 20;
const CHANGE_BYTES: usize = 512;

pub(super) struct Worker {
    connection: SqliteConnection,
    messages: mpsc::Receiver<Message>,
    commits: Arc<AtomicU64>,
    cache: Arc<Cache>,
    ledger: Ledger,
}

impl Worker {
    pub(super) fn new(
        connection: SqliteConnection,
        messages: mpsc::Receiver<Message>,
        commits: Arc<AtomicU64>,
        cache: Arc<Cache>,
    ) -> Self {
        Self {
            connection,
            messages,
            commits,
            cache,
            ledger: Ledger::default(),
        }
    }

    /// Until closed, or until nobody is left to close it.
    pub(super) async fn serve(mut self) {
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
    fn gather(&mut self, first: Message) -> Vec<Item> {
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
    async fn write(&mut self, mut group: Vec<Item>) {
        match self.transaction(&mut group).await {
            Ok(()) => group.into_iter().for_each(committed),
            Err(error) => {
                tracing::debug!(%error, items = group.len(), "a group of writes failed");
                for item in group {
                    self.write_alone(item).await;
                }
            }
        }
    }

    async fn write_alone(&mut self, mut item: Item) {
        match self.transaction(std::slice::from_mut(&mut item)).await {
            Ok(()) => committed(item),
            Err(error) => failed(item, error),
        }
    }

    /// Runs all of `group` in one transaction. Nothing of it has happened if it fails.
    ///
    /// The transaction is begun and ended by plain statements. sqlx counts the depth of those that it begins itself, and
    /// loses count when SQLite has rolled one back of its own accord, as it may on a full disk: no other could be begun.
    async fn transaction(&mut self, group: &mut [Item]) -> Result<(), sqlx::Error> {
        let result = self.begin_and_commit(group).await;
        if result.is_ok() {
            self.commits.fetch_add(1, Ordering::Relaxed);
        } else {
            // Fails if SQLite has done so already.
            let _ = sqlx::query("ROLLBACK").execute(&mut self.connection).await;
        }
        let effects = self.ledger.finish(result.is_ok());
        self.cache.show(effects, result.is_ok());
        result
    }

    async fn begin_and_commit(&mut self, group: &mut [Item]) -> Result<(), sqlx::Error> {
        let begin = sqlx::query("BEGIN IMMEDIATE");
        begin.execute(&mut self.connection).await?;
        for run in group.chunk_by_mut(together) {
            self.run(run).await?;
        }
        self.ledger.persist(&mut self.connection).await?;
        self.cache.hide(self.ledger.effects());
        sqlx::query("COMMIT").execute(&mut self.connection).await?;
        Ok(())
    }

    /// Runs one statement, or calls that stand together.
    async fn run(&mut self, run: &mut [Item]) -> Result<(), sqlx::Error> {
        if let [Item::Statement(job)] = run {
            let clears = job.clears();
            if clears.is_some() {
                self.ledger.persist(&mut self.connection).await?;
            }
            job.run(&mut self.connection).await?;
            if let Some(clears) = clears {
                self.ledger.clear(clears);
            }
            return Ok(());
        }
        let calls = run.iter_mut().filter_map(|item| match item {
            Item::Call(call) => Some(&mut **call),
            Item::Statement(_) => None,
        });
        let mut calls: Vec<_> = calls.collect();
        let works: Vec<_> = calls.iter().map(|call| &call.work).collect();
        let outcomes = self.ledger.run(&mut self.connection, &works).await?;
        for (call, outcome) in calls.iter_mut().zip(outcomes) {
            call.outcome = Some(outcome);
        }
        Ok(())
    }
}

/// Whether `next` can share statements with the item before it. A trim counts what it removes in the database, where the
/// calls before it have to be by then.
fn together(item: &Item, next: &Item) -> bool {
    match (item, next) {
        (Item::Call(_), Item::Call(next)) => !next.work.trims(),
        _ => false,
    }
}

fn weight(item: &Item) -> usize {
    match item {
        Item::Statement(job) => job.octets(),
        Item::Call(call) => {
            let changes = call.work.batch.len().saturating_mul(CHANGE_BYTES);
            call.work.batch.bytes().saturating_add(changes)
        }
    }
}

fn committed(item: Item) {
    match item {
        Item::Statement(job) => job.committed(),
        Item::Call(call) => call.committed(),
    }
}

fn failed(item: Item, error: sqlx::Error) {
    match item {
        Item::Statement(job) => job.failed(error),
        Item::Call(call) => call.failed(error),
    }
}
