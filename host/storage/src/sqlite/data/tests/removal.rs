//! What goes with an account, and with a plugin.

use super::*;
use crate::Accounts;

async fn fill(storage: &Sqlite, plugin: &str, scope: Scope) {
    let mut batch = Batch::new(namespace(plugin), Quota::default());
    batch.put(scope, key("é"), value("1")).unwrap();
    batch.put(scope, key("b"), value("22")).unwrap();
    batch.append(scope, key("log"), value("333")).unwrap();
    storage.commit(batch).await.unwrap();
}

async fn is_empty(storage: &Sqlite, plugin: &str, scope: Scope) -> bool {
    let namespace = namespace(plugin);
    let list = List::default();
    let listed = PluginData::list(storage, &namespace, scope, &list);
    let listed = listed.await.unwrap().items;
    let log = read_log(storage, &namespace, scope, LogRange::default()).await;
    let log = log.items;
    let value = storage.get(&namespace, scope, &key("b")).await.unwrap();
    assert_eq!(listed.is_empty(), log.is_empty());
    assert_eq!(listed.is_empty(), value.is_none());
    listed.is_empty()
}

#[tokio::test]
async fn purges_every_plugins_data_with_the_account() {
    let (_folder, storage) = fresh().await;
    let alice = create(&storage, "alice").await;
    let bob = Scope::Account(create(&storage, "bob").await);
    for plugin in ["notes", "other"] {
        for scope in [OWN, Scope::Account(alice), bob] {
            fill(&storage, plugin, scope).await;
        }
    }
    assert_eq!(usage(&storage).await, (36, 6, 3));
    assert!(storage.remove(alice).await.unwrap());
    for plugin in ["notes", "other"] {
        assert!(is_empty(&storage, plugin, Scope::Account(alice)).await);
        assert!(!is_empty(&storage, plugin, OWN).await);
        assert!(!is_empty(&storage, plugin, bob).await);
        let left = storage.usage(&namespace(plugin)).await.unwrap();
        assert_eq!((left.bytes, left.keys, left.entries), (24, 4, 2));
    }
    assert!(matches!(
        storage.commit(put(Scope::Account(alice), "a", "1")).await,
        Err(CommitError::NoSuchAccount(id)) if id == alice
    ));
    storage.commit(put(OWN, "c", "1")).await.unwrap();
    assert_eq!(usage(&storage).await, (26, 5, 2));
}

#[tokio::test]
async fn purges_what_the_same_group_has_written_before() {
    let (_folder, storage) = fresh().await;
    for round in 0..20 {
        let id = create(&storage, &format!("user{round}")).await;
        let scope = Scope::Account(id);
        let (before, removed, after, own) = tokio::join!(
            storage.commit(put(scope, "a", "1")),
            storage.remove(id),
            storage.commit(put(scope, "b", "1")),
            storage.commit(put(OWN, "own", "1")),
        );
        before.and(own).unwrap();
        assert!(removed.unwrap());
        assert!(matches!(after, Err(CommitError::NoSuchAccount(_))));
        assert_eq!(get(&storage, scope, "a").await, None);
        assert_eq!(usage(&storage).await, (4, 1, 0));
    }
}

#[tokio::test]
async fn gives_a_name_registered_again_nothing_of_the_former_account() {
    let (_folder, storage) = fresh().await;
    let first = create(&storage, "alice").await;
    fill(&storage, "notes", Scope::Account(first)).await;
    storage.remove(first).await.unwrap();
    let second = create(&storage, "alice").await;
    assert!(is_empty(&storage, "notes", Scope::Account(second)).await);
}

#[tokio::test]
async fn purges_a_plugin_and_no_other() {
    let (folder, storage) = fresh().await;
    let alice = Scope::Account(create(&storage, "alice").await);
    for plugin in ["notes", "other"] {
        fill(&storage, plugin, OWN).await;
        fill(&storage, plugin, alice).await;
    }
    storage.purge(&notes()).await.unwrap();
    storage.purge(&namespace("never seen")).await.unwrap();
    for scope in [OWN, alice] {
        assert!(is_empty(&storage, "notes", scope).await);
        assert!(!is_empty(&storage, "other", scope).await);
    }
    assert_eq!(usage(&storage).await, (0, 0, 0));
    storage.commit(put(OWN, "a", "1")).await.unwrap();
    let storage = reopen(&storage, folder.path()).await;
    assert_eq!(usage(&storage).await, (2, 1, 0));
}
