//! Quotas.

use super::*;
use crate::Measure;

fn small() -> Batch {
    let quota = Quota {
        bytes: 20,
        keys: 3,
        entries: 2,
    };
    Batch::new(notes(), quota)
}

fn with(puts: &[(&str, &str)], appends: &[&str]) -> Batch {
    let mut batch = small();
    for (name, content) in puts {
        batch.put(OWN, key(name), value(content)).unwrap();
    }
    for entry in appends {
        batch.append(OWN, key("log"), value(entry)).unwrap();
    }
    batch
}

async fn refused(storage: &dyn Storage, batch: Batch) -> (Measure, u64) {
    let before = usage(storage).await;
    let refused = storage.plugin_data().commit(batch).await;
    let Err(CommitError::Quota { measure, limit }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(usage(storage).await, before);
    (measure, limit)
}

pub(crate) async fn names_the_limit_that_would_be_exceeded(database: &mut Database) {
    let storage = database.storage();
    let many = with(&[("a", ""), ("b", ""), ("c", ""), ("d", "")], &[]);
    assert_eq!(refused(&storage, many).await, (Measure::Keys, 3));
    let large = with(&[("a", "1"), ("b", "0123456789abcdefgh")], &[]);
    assert_eq!(refused(&storage, large).await, (Measure::Bytes, 20));
    let long = with(&[("a", "1")], &["1", "2", "3"]);
    assert_eq!(refused(&storage, long).await, (Measure::Entries, 2));
    assert_eq!(get(&storage, OWN, "a").await, None);
    let error = CommitError::Quota {
        measure: Measure::Entries,
        limit: 2,
    };
    let wanted = "the storage quota of 2 log entries would be exceeded";
    assert_eq!(error.to_string(), wanted);
}

pub(crate) async fn takes_what_just_fits(database: &mut Database) {
    let storage = database.storage();
    let full = with(&[("a", "123"), ("b", ""), ("c", "4567")], &["", "8901"]);
    storage.plugin_data().commit(full).await.unwrap();
    assert_eq!(usage(&storage).await, (20, 3, 2));
    assert_eq!(
        refused(&storage, with(&[("b", "1")], &[])).await,
        (Measure::Bytes, 20)
    );
    // As large as before, and smaller.
    storage
        .plugin_data()
        .commit(with(&[("a", "321")], &[]))
        .await
        .unwrap();
    storage
        .plugin_data()
        .commit(with(&[("a", "")], &[]))
        .await
        .unwrap();
    assert_eq!(usage(&storage).await, (17, 3, 2));
}

pub(crate) async fn counts_what_a_batch_gives_back_for_what_it_takes(database: &mut Database) {
    let storage = database.storage();
    let full = with(&[("a", "123"), ("b", "1"), ("c", "1")], &["1", "1"]);
    storage.plugin_data().commit(full).await.unwrap();
    let mut batch = with(&[("d", "1"), ("e", "1")], &["22", "33"]);
    batch.delete(OWN, key("a")).unwrap();
    batch.delete(OWN, key("b")).unwrap();
    batch.trim(OWN, key("log"), u64::MAX).unwrap();
    storage.plugin_data().commit(batch).await.unwrap();
    assert_eq!(usage(&storage).await, (16, 3, 2));
}

pub(crate) async fn takes_what_shrinks_a_namespace_that_holds_too_much(database: &mut Database) {
    let storage = database.storage();
    let content = "x".repeat(100);
    let mut large = put(OWN, "a", &content);
    for name in ["b", "c", "d", "e"] {
        large.put(OWN, key(name), value(&content)).unwrap();
    }
    storage.plugin_data().commit(large).await.unwrap();
    storage
        .plugin_data()
        .commit(with(&[("a", "1")], &[]))
        .await
        .unwrap();
    let mut batch = small();
    batch.delete(OWN, key("b")).unwrap();
    storage.plugin_data().commit(batch).await.unwrap();
    let more = with(&[("f", "")], &[]);
    assert_eq!(refused(&storage, more).await, (Measure::Bytes, 20));
}

pub(crate) async fn holds_swaps_to_the_quota(database: &mut Database) {
    let storage = database.storage();
    let swap = Swap {
        quota: Quota {
            keys: 0,
            ..Quota::default()
        },
        ..swap(None, Some("1"))
    };
    assert!(matches!(
        storage.plugin_data().compare_and_set(swap).await,
        Err(CommitError::Quota {
            measure: Measure::Keys,
            limit: 0
        })
    ));
}

pub(crate) async fn shares_the_limit_among_the_batches_of_a_group(database: &mut Database) {
    let storage = database.storage();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..40 {
        let storage = Arc::clone(&storage);
        let batch = with(&[(&n.to_string(), "")], &[]);
        tasks.spawn(async move { storage.plugin_data().commit(batch).await.is_ok() });
    }
    let taken = tasks.join_all().await;
    assert_eq!(taken.into_iter().filter(|taken| *taken).count(), 3);
    assert_eq!(usage(&storage).await.1, 3);
}

pub(crate) async fn counts_as_adding_up_would(database: &mut Database) {
    let storage = database.storage();
    let id = create(&storage, "alice").await;
    for n in 0..200_usize {
        let scope = if n % 3 == 0 { Scope::Account(id) } else { OWN };
        let name = format!("é{}", n * 7 % 11);
        let mut batch = batch();
        match n % 5 {
            0 => batch.delete(scope, key(&name)).unwrap(),
            1 => batch.append(scope, key(&name), value(&name)).unwrap(),
            2 => batch.trim(scope, key(&name), (n / 3) as u64).unwrap(),
            _ => batch
                .put(scope, key(&name), value(&"ü".repeat(n % 13)))
                .unwrap(),
        }
        storage.plugin_data().commit(batch).await.unwrap();
        assert_eq!(
            usage(&storage).await,
            added_up(&storage, [OWN, Scope::Account(id)]).await,
            "{n}"
        );
    }
}

async fn added_up(storage: &dyn Storage, scopes: [Scope; 2]) -> (u64, u64, u64) {
    let (mut bytes, mut keys, mut entries) = (0, 0, 0);
    let data = storage.plugin_data();
    for scope in scopes {
        let list = List {
            values: true,
            ..List::default()
        };
        for item in data.list(&notes(), scope, &list).await.unwrap().items {
            bytes += item.key.as_str().len() + item.value.unwrap().len();
            keys += 1;
        }
        for n in 0..11 {
            let log = key(&format!("é{n}"));
            let log_page = data.range(&notes(), scope, &log, LogRange::default()).await;
            for entry in log_page.unwrap().items {
                bytes += log.as_str().len() + entry.value.len();
                entries += 1;
            }
        }
    }
    (bytes as u64, keys, entries)
}
