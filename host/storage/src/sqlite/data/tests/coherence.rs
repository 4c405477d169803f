//! The cache never shows what is older than the database.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use super::*;
use crate::{Accounts as _, ledger::Cache, sqlite::setup};

const KEYS: u64 = 40;
const ROUNDS: u64 = 300;

/// A cache that forgets almost at once, so that readers fill it all the time.
async fn open_forgetful(folder: &Path) -> Arc<Sqlite> {
    let path = setup::path("sqlite:test.db", folder).unwrap();
    Arc::new(Sqlite::open_with(path, Cache::new(0)).await.unwrap())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap().block_on(future)
}

/// Counts each key up. `done` says, for each, what is committed for certain.
async fn count_up(storage: &Sqlite, done: &[AtomicU64]) {
    for round in 1..=ROUNDS {
        let mut batch = batch();
        for (n, _) in done.iter().enumerate() {
            let name = n.to_string();
            batch
                .put(OWN, key(&name), value(&round.to_string()))
                .unwrap();
        }
        storage.commit(batch).await.unwrap();
        for done in done {
            done.store(round, Ordering::SeqCst);
        }
    }
}

async fn number(storage: &Sqlite, name: &str) -> u64 {
    let found = get(storage, OWN, name).await;
    found.map_or(0, |number| number.parse().unwrap())
}

/// Reads until all is counted up: nothing is ever less than what was committed, or than what was read before.
async fn watch(storage: &Sqlite, done: &[AtomicU64]) {
    let mut seen = vec![0; done.len()];
    while seen.iter().any(|seen| *seen < ROUNDS) {
        for (n, done) in done.iter().enumerate() {
            let committed = done.load(Ordering::SeqCst);
            let number = number(storage, &n.to_string()).await;
            assert!(
                number >= committed,
                "{number} after {committed} was committed"
            );
            assert!(number >= seen[n], "{number} after {} was read", seen[n]);
            seen[n] = number;
        }
    }
}

#[test]
fn never_reads_what_is_older_than_committed() {
    let folder = TempDir::new().unwrap();
    let storage = block_on(open_forgetful(folder.path()));
    let done: Vec<_> = (0..KEYS).map(|_| AtomicU64::new(0)).collect();
    thread::scope(|scope| {
        scope.spawn(|| block_on(count_up(&storage, &done)));
        for _ in 0..3 {
            scope.spawn(|| block_on(watch(&storage, &done)));
        }
    });
}

#[test]
fn reads_nothing_of_an_account_that_was_removed() {
    let folder = TempDir::new().unwrap();
    let storage = block_on(open(folder.path()));
    for round in 0..50 {
        let id = block_on(create(&storage, &format!("user{round}")));
        let scope = Scope::Account(id);
        block_on(storage.commit(put(scope, "a", "1"))).unwrap();
        thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| {
                    block_on(async { while get(&storage, scope, "a").await.is_some() {} });
                });
            }
            assert!(block_on(storage.remove(id)).unwrap());
            assert_eq!(block_on(get(&storage, scope, "a")), None);
        });
        assert_eq!(block_on(get(&storage, scope, "a")), None);
    }
}
