//! What goes with an account, and with a plugin.

use super::*;

async fn fill(storage: &dyn Storage, plugin: &str, scope: Scope) {
    let mut batch = Batch::new(namespace(plugin), Quota::default());
    batch.put(scope, key("é"), value("1")).unwrap();
    batch.put(scope, key("b"), value("22")).unwrap();
    batch.append(scope, key("log"), value("333")).unwrap();
    storage.plugin_data().commit(batch).await.unwrap();
}

async fn is_empty(storage: &dyn Storage, plugin: &str, scope: Scope) -> bool {
    let namespace = namespace(plugin);
    let list = List::default();
    let listed = storage.plugin_data().list(&namespace, scope, &list);
    let listed = listed.await.unwrap().items;
    let log = read_log(storage, &namespace, scope, LogRange::default()).await;
    let log = log.items;
    let value = storage
        .plugin_data()
        .get(&namespace, scope, &key("b"))
        .await
        .unwrap();
    assert_eq!(listed.is_empty(), log.is_empty());
    assert_eq!(listed.is_empty(), value.is_none());
    listed.is_empty()
}

pub(crate) async fn purges_every_plugins_data_with_the_account(database: &mut Database) {
    let storage = database.storage();
    let alice = create(&storage, "alice").await;
    let bob = Scope::Account(create(&storage, "bob").await);
    for plugin in ["notes", "other"] {
        for scope in [OWN, Scope::Account(alice), bob] {
            fill(&storage, plugin, scope).await;
        }
    }
    assert_eq!(usage(&storage).await, (36, 6, 3));
    assert!(storage.accounts().remove(alice).await.unwrap());
    for plugin in ["notes", "other"] {
        assert!(is_empty(&storage, plugin, Scope::Account(alice)).await);
        assert!(!is_empty(&storage, plugin, OWN).await);
        assert!(!is_empty(&storage, plugin, bob).await);
        let left = storage
            .plugin_data()
            .usage(&namespace(plugin))
            .await
            .unwrap();
        assert_eq!((left.bytes, left.keys, left.entries), (24, 4, 2));
    }
    assert!(matches!(
        storage.plugin_data().commit(put(Scope::Account(alice), "a", "1")).await,
        Err(CommitError::NoSuchAccount(id)) if id == alice
    ));
    storage
        .plugin_data()
        .commit(put(OWN, "c", "1"))
        .await
        .unwrap();
    assert_eq!(usage(&storage).await, (26, 5, 2));
}

pub(crate) async fn purges_what_the_same_group_has_written_before(database: &mut Database) {
    let storage = database.storage();
    for round in 0..20 {
        let id = create(&storage, &format!("user{round}")).await;
        let scope = Scope::Account(id);
        let (before, removed, after, own) = tokio::join!(
            storage.plugin_data().commit(put(scope, "a", "1")),
            storage.accounts().remove(id),
            storage.plugin_data().commit(put(scope, "b", "1")),
            storage.plugin_data().commit(put(OWN, "own", "1")),
        );
        before.and(own).unwrap();
        assert!(removed.unwrap());
        assert!(matches!(after, Err(CommitError::NoSuchAccount(_))));
        assert_eq!(get(&storage, scope, "a").await, None);
        assert_eq!(usage(&storage).await, (4, 1, 0));
    }
}

pub(crate) async fn gives_a_name_registered_again_nothing_of_the_former_account(
    database: &mut Database,
) {
    let storage = database.storage();
    let first = create(&storage, "alice").await;
    fill(&storage, "notes", Scope::Account(first)).await;
    storage.accounts().remove(first).await.unwrap();
    let second = create(&storage, "alice").await;
    assert!(is_empty(&storage, "notes", Scope::Account(second)).await);
}

pub(crate) async fn purges_a_plugin_and_no_other(database: &mut Database) {
    let storage = database.storage();
    let alice = Scope::Account(create(&storage, "alice").await);
    for plugin in ["notes", "other"] {
        fill(&storage, plugin, OWN).await;
        fill(&storage, plugin, alice).await;
    }
    storage.plugin_data().purge(&notes()).await.unwrap();
    storage
        .plugin_data()
        .purge(&namespace("never seen"))
        .await
        .unwrap();
    for scope in [OWN, alice] {
        assert!(is_empty(&storage, "notes", scope).await);
        assert!(!is_empty(&storage, "other", scope).await);
    }
    assert_eq!(usage(&storage).await, (0, 0, 0));
    storage
        .plugin_data()
        .commit(put(OWN, "a", "1"))
        .await
        .unwrap();
    let storage = database.reopen().await;
    assert_eq!(usage(&storage).await, (2, 1, 0));
}
