//! Batches, single keys, listings, compare-and-set.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

pub(crate) async fn gives_back_what_it_was_given(database: &mut Database) {
    let storage = database.storage();
    let id = create(&storage, "alice").await;
    let mut batch = put(OWN, "a", "1");
    batch.put(Scope::Account(id), key("a"), value("2")).unwrap();
    batch.put(OWN, key("empty"), value("")).unwrap();
    assert!(
        storage
            .plugin_data()
            .commit(batch)
            .await
            .unwrap()
            .is_empty()
    );
    let again = database.reopen().await;
    // From the database, then from the cache.
    for _ in 0..2 {
        assert_eq!(get(&again, OWN, "a").await.unwrap(), "1");
        assert_eq!(get(&again, Scope::Account(id), "a").await.unwrap(), "2");
        assert_eq!(get(&again, OWN, "empty").await.unwrap(), "");
        assert_eq!(get(&again, OWN, "b").await, None);
    }
}

pub(crate) async fn gets_many_in_the_order_asked_for(database: &mut Database) {
    let storage = database.storage();
    let mut batch = batch();
    for n in 0..600 {
        let n = n.to_string();
        batch.put(OWN, key(&n), value(&n)).unwrap();
    }
    storage.plugin_data().commit(batch).await.unwrap();
    let storage = database.reopen().await;
    let asked: Vec<_> = (0..700).rev().map(|n| n.to_string()).collect();
    let keys: Vec<_> = asked.iter().map(|n| key(n)).collect();
    let wanted: Vec<_> = (0..700)
        .rev()
        .map(|n| (n < 600).then(|| value(&n.to_string())))
        .collect();
    for _ in 0..2 {
        let found = storage
            .plugin_data()
            .get_many(&notes(), OWN, &keys)
            .await
            .unwrap();
        assert_eq!(found, wanted);
    }
}

pub(crate) async fn lets_the_last_write_of_a_batch_win(database: &mut Database) {
    let storage = database.storage();
    let mut batch = put(OWN, "a", "1");
    batch.delete(OWN, key("a")).unwrap();
    batch.put(OWN, key("b"), value("1")).unwrap();
    batch.put(OWN, key("b"), value("22")).unwrap();
    batch.delete(OWN, key("absent")).unwrap();
    storage.plugin_data().commit(batch).await.unwrap();
    assert_eq!(get(&storage, OWN, "a").await, None);
    assert_eq!(get(&storage, OWN, "b").await.unwrap(), "22");
    assert_eq!(usage(&storage).await, (3, 1, 0));
}

pub(crate) async fn keeps_the_order_of_batches_in_a_group(database: &mut Database) {
    let storage = database.storage();
    for round in 0..20 {
        let last = format!("{round}-last");
        let (first, second, third) = tokio::join!(
            storage.plugin_data().commit(put(OWN, "a", "first")),
            storage.plugin_data().commit({
                let mut batch = batch();
                batch.delete(OWN, key("a")).unwrap();
                batch
            }),
            storage.plugin_data().commit(put(OWN, "a", &last)),
        );
        first.and(second).and(third).unwrap();
        assert_eq!(get(&storage, OWN, "a").await.unwrap(), last);
    }
    let storage = database.reopen().await;
    assert_eq!(get(&storage, OWN, "a").await.unwrap(), "19-last");
}

pub(crate) async fn commits_concurrent_batches_and_accounts_in_groups(database: &mut Database) {
    let storage = database.storage();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..1000_u32 {
        let storage = Arc::clone(&storage);
        tasks.spawn(async move {
            let name = format!("user{n}");
            if n % 5 == 0 {
                create(&storage, &name).await;
            } else {
                storage
                    .plugin_data()
                    .commit(put(OWN, &name, "1"))
                    .await
                    .unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert!(storage.commits() <= 200, "{} commits", storage.commits());
    assert_eq!(usage(&storage).await.1, 800);
}

pub(crate) async fn refuses_one_batch_and_spares_its_neighbours(database: &mut Database) {
    let storage = database.storage();
    let mut bad = put(OWN, "bad", "1");
    let nobody = Scope::Account(AccountId(7));
    bad.put(nobody, key("a"), value("1")).unwrap();
    bad.append(OWN, key("bad"), value("1")).unwrap();
    let (first, bad, _, second) = tokio::join!(
        storage.plugin_data().commit(put(OWN, "first", "1")),
        storage.plugin_data().commit(bad),
        create(&storage, "alice"),
        storage.plugin_data().commit(put(OWN, "second", "1")),
    );
    first.unwrap();
    second.unwrap();
    assert!(matches!(bad, Err(CommitError::NoSuchAccount(AccountId(7)))));
    assert_eq!(get(&storage, OWN, "bad").await, None);
    assert!(get(&storage, OWN, "first").await.is_some());
    assert_eq!(usage(&storage).await, (13, 2, 0));
}

pub(crate) async fn pages_through_keys(database: &mut Database) {
    let storage = database.storage();
    let mut batch = batch();
    let names = ["a", "a/", "a/1", "a/2", "a/\u{10FFFF}", "a0", "b", "é", "ü"];
    for name in names.iter().rev() {
        batch.put(OWN, key(name), value(name)).unwrap();
    }
    batch.append(OWN, key("a/log"), value("1")).unwrap();
    storage.plugin_data().commit(batch).await.unwrap();
    for (prefix, wanted) in [
        ("", &names[..]),
        ("a", &names[..6]),
        ("a/", &names[1..5]),
        ("a/\u{10FFFF}", &names[4..5]),
        ("\u{10FFFF}", &[]),
        ("é", &names[7..8]),
        ("%", &[]),
        ("a_", &[]),
    ] {
        for limit in [1, 2, 100] {
            assert_eq!(list_all(&storage, prefix, limit).await, wanted, "{prefix}");
        }
    }
}

/// The keys of all pages, each with at most `limit`.
async fn list_all(storage: &dyn Storage, prefix: &str, limit: u32) -> Vec<String> {
    let mut list = List {
        prefix: prefix.to_owned(),
        limit,
        values: true,
        ..List::default()
    };
    let mut keys = Vec::new();
    loop {
        let page = storage
            .plugin_data()
            .list(&notes(), OWN, &list)
            .await
            .unwrap();
        assert!(page.items.len() <= limit as usize);
        for item in page.items {
            let name = item.key.as_str().to_owned();
            assert_eq!(item.value, Some(value(&name)));
            keys.push(name);
            list.after = Some(item.key);
        }
        if !page.more {
            return keys;
        }
    }
}

pub(crate) async fn lists_keys_alone_unless_asked_for_values(database: &mut Database) {
    let storage = database.storage();
    storage
        .plugin_data()
        .commit(put(OWN, "a", "1"))
        .await
        .unwrap();
    let list = List::default();
    let page = storage
        .plugin_data()
        .list(&notes(), OWN, &list)
        .await
        .unwrap();
    assert_eq!((page.items[0].value.clone(), page.more), (None, false));
}

pub(crate) async fn ends_a_page_of_large_values_early(database: &mut Database) {
    let storage = database.storage();
    let large = Value::new(vec![0; 600_000]).unwrap();
    for name in ["a", "b", "c"] {
        let mut batch = batch();
        batch.put(OWN, key(name), large.clone()).unwrap();
        storage.plugin_data().commit(batch).await.unwrap();
    }
    let list = List {
        values: true,
        ..List::default()
    };
    let page = storage
        .plugin_data()
        .list(&notes(), OWN, &list)
        .await
        .unwrap();
    assert_eq!((page.items.len(), page.more), (2, true));
}

pub(crate) async fn sets_a_key_only_if_it_is_as_expected(database: &mut Database) {
    let storage = database.storage();
    for (expected, new, applied) in [
        (Some("1"), Some("2"), false),
        (None, Some("1"), true),
        (None, Some("2"), false),
        (Some("2"), None, false),
        (Some("1"), Some("3"), true),
        (Some("3"), None, true),
        (None, None, true),
        (None, Some("4"), true),
    ] {
        let swap = swap(expected, new);
        let done = storage.plugin_data().compare_and_set(swap).await.unwrap();
        assert_eq!(done, applied, "{expected:?} {new:?}");
    }
    assert_eq!(get(&storage, OWN, "a").await.unwrap(), "4");
    let storage = database.reopen().await;
    assert_eq!(get(&storage, OWN, "a").await.unwrap(), "4");
    assert_eq!(usage(&storage).await, (2, 1, 0));
}

pub(crate) async fn lets_one_of_many_swaps_win(database: &mut Database) {
    let storage = database.storage();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..50 {
        let storage = Arc::clone(&storage);
        let new = n.to_string();
        tasks.spawn(async move {
            storage
                .plugin_data()
                .compare_and_set(swap(None, Some(&new)))
                .await
        });
    }
    let won = tasks.join_all().await;
    let won = won.into_iter().filter(|done| *done.as_ref().unwrap());
    assert_eq!(won.count(), 1);
}

pub(crate) async fn keeps_one_plugins_flood_from_the_queue_of_others(database: &mut Database) {
    let storage = database.storage();
    let done = Arc::new(AtomicUsize::new(0));
    let mut flood = tokio::task::JoinSet::new();
    for n in 0..3000 {
        let (storage, done) = (Arc::clone(&storage), Arc::clone(&done));
        flood.spawn(async move {
            storage
                .plugin_data()
                .commit(put(OWN, &n.to_string(), "1"))
                .await
                .unwrap();
            done.fetch_add(1, Ordering::Relaxed);
        });
    }
    // All of the flood is under way.
    tokio::task::yield_now().await;
    create(&storage, "alice").await;
    let before = done.load(Ordering::Relaxed);
    assert!(before < 1500, "{before} went before");
    flood.join_all().await;
}
