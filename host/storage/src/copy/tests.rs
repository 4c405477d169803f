//! A copy is the same database, on whichever engine.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "numbers that do not add up are to stop a test"
)]

use std::path::Path;

use tempfile::TempDir;
use waxwing_test_cluster::Cluster;

use super::{CopyError, Progress, copy};
use crate::{
    AccountId, RosterEntry, Scope, Storage, StorageError, StreamNote,
    conformance::{
        account,
        accounts::{create, find},
        data::{OWN, batch, get, key, put, usage, value},
        hostile_texts, roster, spool,
    },
    open,
};

/// Some of everything: hostile names, empty things, and ids that were given and are gone.
async fn fill(storage: &dyn Storage) {
    let alice = create(storage, "alice").await;
    account(storage, "bob").await;
    for text in hostile_texts() {
        let item = crate::RosterItem {
            name: Some(text.clone()),
            groups: vec![text.clone()],
            ..roster::item(&text)
        };
        let entry = RosterEntry {
            request: Some(text.clone().into_bytes()),
            ..roster::with_item(item)
        };
        roster::put(storage, alice, &text, entry).await;
        spool::add(storage, alice, text.as_bytes()).await;
    }
    roster::add(storage, alice, "gone@x").await;
    roster::drop_all(storage, alice, "gone@x").await;
    let mut some = batch();
    for n in 0..1200 {
        let name = format!("é{n}");
        some.put(Scope::Account(alice), key(&name), value(&name))
            .unwrap();
        some.append(OWN, key("log"), value(&name)).unwrap();
    }
    storage.plugin_data().commit(some).await.unwrap();
    storage
        .plugin_data()
        .commit(put(OWN, "a", "own"))
        .await
        .unwrap();
    let note = StreamNote {
        account: alice,
        id: "stream".to_owned(),
        handled: 7,
        at: 5,
    };
    storage.streams().note(vec![note]).await.unwrap();
    let gone = create(storage, "gone").await;
    spool::add(storage, gone, b"gone").await;
    assert!(storage.accounts().remove(gone).await.unwrap());
}

/// That the database goes on where the other was.
async fn check(storage: &dyn Storage) {
    let alice = find(storage, "alice").await.unwrap().id;
    assert_eq!(find(storage, "bob").await.unwrap().keys, None);
    let loaded = roster::load(storage, alice).await;
    let mut wanted = hostile_texts();
    wanted.sort();
    let contacts: Vec<_> = loaded
        .items
        .iter()
        .map(|item| item.contact.clone())
        .collect();
    assert_eq!(contacts, wanted);
    assert!(
        loaded
            .items
            .iter()
            .all(|item| item.name.as_ref() == Some(&item.contact))
    );
    let requests = storage.rosters().requests(alice).await.unwrap();
    assert_eq!(requests.len(), wanted.len());
    let before = spool::read(storage, alice).await;
    assert_eq!(before.len(), wanted.len());
    assert_eq!(get(storage, OWN, "a").await.unwrap(), "own");
    let (bytes, keys, entries) = usage(storage).await;
    assert_eq!((keys, entries), (1201, 1200));
    assert!(bytes > 0);
    assert_eq!(
        storage.streams().handled(alice, "stream").await.unwrap(),
        Some(7)
    );
    // Nothing has the id of what is gone.
    let carol = create(storage, "carol").await;
    assert!(carol > AccountId(alice.0 + 2), "{carol:?}");
    let last = before.last().unwrap().id;
    assert!(spool::add(storage, alice, b"new").await > last + 1);
    roster::put(
        storage,
        carol,
        "new@x",
        RosterEntry {
            item: None,
            request: Some(vec![1]),
        },
    )
    .await;
    storage
        .plugin_data()
        .commit(put(Scope::Account(carol), "a", "1"))
        .await
        .unwrap();
    assert!(storage.accounts().remove(alice).await.unwrap());
    assert_eq!(usage(storage).await.1, 2);
}

async fn open_at(url: &str, folder: &Path) -> std::sync::Arc<dyn Storage> {
    open(url, folder).await.unwrap()
}

async fn copies(from: &str, to: &str, folder: &Path) {
    let storage = open_at(from, folder).await;
    fill(&storage).await;
    storage.close().await;
    let mut compared = 0;
    let mut count = |progress: Progress<'_>| {
        if let Progress::Compared { rows, .. } = progress {
            compared += u32::from(rows > 0);
        }
    };
    copy(from, to, folder, &mut count).await.unwrap();
    assert_eq!(compared, 12, "not every table held something");
    for url in [to, from] {
        let storage = open_at(url, folder).await;
        check(&storage).await;
        storage.close().await;
    }
}

#[tokio::test]
async fn copies_everything_from_sqlite_to_postgresql() {
    let folder = TempDir::new().unwrap();
    let to = Cluster::shared().database().unwrap();
    copies("sqlite:a.db", &to, folder.path()).await;
}

#[tokio::test]
async fn copies_everything_from_postgresql_to_sqlite() {
    let folder = TempDir::new().unwrap();
    let from = Cluster::shared().database().unwrap();
    copies(&from, "sqlite:a.db", folder.path()).await;
}

#[tokio::test]
async fn copies_everything_within_an_engine() {
    let folder = TempDir::new().unwrap();
    copies("sqlite:a.db", "sqlite:b.db", folder.path()).await;
    let (from, to) = (Cluster::shared().database(), Cluster::shared().database());
    copies(&from.unwrap(), &to.unwrap(), folder.path()).await;
}

async fn refusal(from: &str, to: &str, folder: &Path) -> String {
    let error = copy(from, to, folder, &mut |_| {})
        .await
        .unwrap_err()
        .to_string();
    for secret in Cluster::secrets() {
        assert!(!error.contains(secret), "{error}");
    }
    error
}

#[tokio::test]
async fn copies_nothing_to_where_something_is() {
    let folder = TempDir::new().unwrap();
    let postgres = Cluster::shared().database().unwrap();
    for url in ["sqlite:a.db", &*postgres] {
        let storage = open_at(url, folder.path()).await;
        account(&storage, "alice").await;
        storage.close().await;
    }
    for (from, to) in [("sqlite:a.db", &*postgres), (&postgres, "sqlite:a.db")] {
        let error = refusal(from, to, folder.path()).await;
        assert!(error.contains("is not empty"), "{error}");
        // It can be used as before.
        open_at(to, folder.path()).await.close().await;
    }
    let same = refusal("sqlite:a.db", "sqlite:a.db", folder.path()).await;
    assert_eq!(same, "FROM and TO are the same database");
    let empty = refusal("sqlite:absent.db", &postgres, folder.path()).await;
    assert!(empty.starts_with("cannot open the database"), "{empty}");
    assert!(!folder.path().join("absent.db").exists());
}

#[tokio::test]
async fn copies_nothing_from_or_to_what_is_in_use() {
    let folder = TempDir::new().unwrap();
    let url = Cluster::shared().database().unwrap();
    let storage = open_at("sqlite:a.db", folder.path()).await;
    fill(&storage).await;
    storage.close().await;
    let serving = open_at(&url, folder.path()).await;
    let error = refusal("sqlite:a.db", &url, folder.path()).await;
    assert!(error.contains("is in use by another waxwing"), "{error}");
    drop(serving);
}

/// A copy that was ended halfway: where it was to be, nothing is served and nothing is copied to.
#[tokio::test]
async fn a_copy_that_was_not_finished_cannot_be_used() {
    let folder = TempDir::new().unwrap();
    let postgres = Cluster::shared().database().unwrap();
    let storage = open_at("sqlite:a.db", folder.path()).await;
    fill(&storage).await;
    storage.close().await;
    for to in [&*postgres, "sqlite:b.db"] {
        let mut stop = |progress: Progress<'_>| {
            if let Progress::Copying {
                table: "roster_item",
                ..
            } = progress
            {
                panic!("ended here");
            }
        };
        let copying =
            std::panic::AssertUnwindSafe(copy("sqlite:a.db", to, folder.path(), &mut stop));
        let ended = futures_util::FutureExt::catch_unwind(copying).await;
        assert!(ended.is_err());
        let opened = open(to, folder.path()).await.err().unwrap();
        assert!(
            matches!(opened, StorageError::Incomplete { .. }),
            "{opened}"
        );
        let again = copy("sqlite:a.db", to, folder.path(), &mut |_| {}).await;
        assert!(matches!(
            again,
            Err(CopyError::Storage(StorageError::Incomplete { .. }))
        ));
    }
}
