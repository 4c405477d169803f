//! What is SQLite's own matter about rosters; the rest every engine promises.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tempfile::TempDir;

use super::{ENTRY, HOLDERS, LOAD, REQUESTS, SINCE, edit::FORGET};
use crate::{
    Edited, RosterChange, RosterEntry, Rosters, Storage,
    conformance::{
        roster::{ROOMY, add, drop_all, item, load, put, with_item},
        since::since,
    },
    roster::REMEMBERED,
    sqlite::tests::{create, in_a_group_that_fails, open, plan, rows_of_accounts},
};

#[tokio::test]
async fn keeps_rosters_when_it_is_opened_again() {
    let folder = TempDir::new().unwrap();
    let storage = open(folder.path()).await;
    let alice = create(&storage, "alice").await;
    let kept = RosterEntry {
        request: Some(vec![1]),
        ..with_item(item("a@x"))
    };
    let first = put(&*storage, alice, "a@x", kept.clone()).await;
    add(&*storage, alice, "b@x").await;
    let now = drop_all(&*storage, alice, "b@x").await;
    storage.close().await;

    let storage = open(folder.path()).await;
    let roster = load(&*storage, alice).await;
    assert_eq!((roster.version, roster.items), (now, vec![item("a@x")]));
    assert_eq!(storage.entry(alice, "a@x").await.unwrap(), kept);
    let gone = vec![RosterChange::Removed("b@x".to_owned())];
    assert_eq!(since(&*storage, alice, first).await, Some((now, gone)));
    assert_eq!(add(&*storage, alice, "c@x").await, now + 1);
}

/// Statements that fail take no edit with them, and an edit that was tried twice is done once.
#[tokio::test]
async fn edits_once_although_the_group_failed() {
    let folder = TempDir::new().unwrap();
    let storage = open(folder.path()).await;
    let alice = create(&storage, "alice").await;
    let before = load(&*storage, alice).await.version;
    let calls = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&calls);
    let edit = Arc::new(move |before: &RosterEntry| {
        counting.fetch_add(1, Ordering::Relaxed);
        let mut after = before.clone();
        let item = after.item.get_or_insert_default();
        item.groups.push("A".to_owned());
        Some(after)
    });
    let edited = storage.edit(alice, "a@x", ROOMY, edit);
    let edited = in_a_group_that_fails(&storage, edited).await;
    let Edited::Done { version, .. } = edited.unwrap() else {
        panic!("not done")
    };
    assert_eq!(version.checked_sub(before), Some(1));
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    let roster = load(&*storage, alice).await;
    assert_eq!(roster.version, version);
    assert_eq!(roster.items[0].groups, ["A"]);
}

#[tokio::test]
async fn leaves_no_row_of_an_account_that_was_removed() {
    let folder = TempDir::new().unwrap();
    let storage = open(folder.path()).await;
    let alice = create(&storage, "alice").await;
    let all = RosterEntry {
        request: Some(vec![1]),
        ..with_item(item("a@x"))
    };
    put(&*storage, alice, "a@x", all).await;
    add(&*storage, alice, "b@x").await;
    drop_all(&*storage, alice, "b@x").await;
    crate::conformance::spool::add(&*storage, alice, b"a").await;
    let rows = rows_of_accounts(&storage).await;
    assert!(rows.iter().all(|(_, rows)| *rows == 1), "{rows:?}");
    crate::conformance::remove(&*storage, alice).await;
    let rows = rows_of_accounts(&storage).await;
    assert!(rows.iter().all(|(_, rows)| *rows == 0), "{rows:?}");
}

#[tokio::test]
async fn keeps_no_more_removals_than_it_remembers() {
    let folder = TempDir::new().unwrap();
    let storage = open(folder.path()).await;
    let alice = create(&storage, "alice").await;
    for n in 0..=REMEMBERED {
        let contact = format!("{n}@x");
        add(&*storage, alice, &contact).await;
        drop_all(&*storage, alice, &contact).await;
    }
    let rows = rows_of_accounts(&storage).await;
    let wanted = ("roster_removal".to_owned(), i64::from(REMEMBERED));
    assert!(rows.contains(&wanted), "{rows:?}");
}

#[tokio::test]
async fn finds_everything_by_an_index() {
    let folder = TempDir::new().unwrap();
    let storage = open(folder.path()).await;
    for statement in [LOAD, SINCE, ENTRY, REQUESTS, HOLDERS, FORGET] {
        let plan = plan(&storage, statement).await;
        let scans = plan.iter().filter(|line| line.starts_with("SCAN"));
        // What a part of the statement has found.
        let found = |line: &str| line == "SCAN c LEFT-JOIN" || line == "SCAN old";
        let scans: Vec<_> = scans.filter(|line| !found(line)).collect();
        assert!(scans.is_empty(), "{statement}\n{plan:#?}");
    }
}
