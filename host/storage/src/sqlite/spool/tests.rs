//! What is SQLite's own matter about spools; the rest every engine promises.

use tempfile::TempDir;

use super::{ADD, EXPIRE, READ, REMOVE, USAGE};
use crate::{
    Spool, SpoolOutcome, Storage,
    conformance::spool::{ROOMY, add, read},
    sqlite::tests::{create, in_a_group_that_fails, open, plan},
};

#[tokio::test]
async fn keeps_spools_when_it_is_opened_again() {
    let folder = TempDir::new().unwrap();
    let storage = open(folder.path()).await;
    let alice = create(&storage, "alice").await;
    let first = add(&*storage, alice, b"a").await;
    let last = add(&*storage, alice, b"bb").await;
    Spool::remove(&*storage, alice, &[last]).await.unwrap();
    storage.close().await;

    let storage = open(folder.path()).await;
    let kept = read(&*storage, alice).await;
    assert_eq!((kept.len(), kept[0].id), (1, first));
    assert_eq!(Spool::usage(&*storage, alice).await.unwrap(), (1, 1));
    assert!(add(&*storage, alice, b"c").await > last);
}

#[tokio::test]
async fn counts_once_although_the_group_failed() {
    let folder = TempDir::new().unwrap();
    let storage = open(folder.path()).await;
    let alice = create(&storage, "alice").await;
    let spool = storage.spool();
    let stanza = || b"abc".to_vec();
    let adds = async {
        tokio::join!(
            spool.add(alice, 1, stanza(), ROOMY),
            spool.add(alice, 2, stanza(), ROOMY),
        )
    };
    let (first, second) = in_a_group_that_fails(&storage, adds).await;
    let kept = read(&*storage, alice).await;
    let ids: Vec<_> = kept
        .iter()
        .map(|kept| SpoolOutcome::Kept(kept.id))
        .collect();
    assert_eq!(ids, [first.unwrap(), second.unwrap()]);
    assert_eq!(spool.usage(alice).await.unwrap(), (2, 6));
}

#[tokio::test]
async fn finds_everything_by_an_index() {
    let folder = TempDir::new().unwrap();
    let storage = open(folder.path()).await;
    for (statement, wanted) in [
        (ADD, "SEARCH spool USING INTEGER PRIMARY KEY"),
        (READ, "SEARCH spooled USING INDEX spooled_by_account"),
        (REMOVE, "SEARCH spooled USING INTEGER PRIMARY KEY"),
        (USAGE, "SEARCH spool USING INTEGER PRIMARY KEY"),
        (
            EXPIRE,
            "SEARCH spooled USING COVERING INDEX spooled_by_time",
        ),
    ] {
        let plan = plan(&storage, statement).await;
        let found = plan.iter().any(|line| line.starts_with(wanted));
        let scans = plan.iter().any(|line| line.starts_with("SCAN spool"));
        assert!(found && !scans, "{statement}\n{plan:#?}");
    }
}
