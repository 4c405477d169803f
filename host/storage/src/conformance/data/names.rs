//! Names are names, and nothing of one namespace or scope is reached from another.

use std::slice;

use super::*;
use crate::{Invalid, MAX_BATCH_CHANGES, MAX_KEY, MAX_VALUE};

#[test]
fn refuses_what_is_no_name_or_value() {
    for bad in ["", "a\0b", "\0", &"x".repeat(MAX_KEY + 1)] {
        let length = bad.len();
        assert_eq!(Key::new(bad), Err(Invalid::Key { length }));
    }
    assert!(Key::new(&"x".repeat(MAX_KEY)).is_ok());
    assert_eq!(Namespace::new(""), Err(Invalid::Namespace));
    let length = MAX_VALUE + 1;
    assert_eq!(Value::new(vec![0; length]), Err(Invalid::Value { length }));
    assert!(Value::new(vec![0; MAX_VALUE]).is_ok());
}

#[test]
fn bounds_a_batch() {
    let mut batch = batch();
    for _ in 0..MAX_BATCH_CHANGES {
        batch.delete(OWN, key("a")).unwrap();
    }
    assert_eq!(batch.delete(OWN, key("a")), Err(Invalid::BatchFull));
    let mut batch = super::batch();
    let large = Value::new(vec![0; MAX_VALUE]).unwrap();
    for _ in 0..15 {
        batch.put(OWN, key("a"), large.clone()).unwrap();
    }
    assert_eq!(batch.append(OWN, key("a"), large), Err(Invalid::BatchFull));
    assert_eq!(batch.len(), 15);
}

const ODD: [&str; 9] = [
    "../other/a",
    "/etc/passwd",
    "'; DROP TABLE plugin_value; --",
    "%",
    "_",
    "\"",
    "?1",
    "a\nb\u{1b}",
    "\u{202e}\u{10FFFF}",
];

pub(crate) async fn takes_odd_keys_as_they_are(database: &mut Database) {
    let storage = database.storage();
    let mut batch = batch();
    for odd in ODD {
        batch.put(OWN, key(odd), value(odd)).unwrap();
        batch.append(OWN, key(odd), value(odd)).unwrap();
    }
    storage.plugin_data().commit(batch).await.unwrap();
    let storage = database.reopen().await;
    for odd in ODD {
        assert_eq!(get(&storage, OWN, odd).await.unwrap(), odd);
        let range = LogRange::default();
        let log = storage
            .plugin_data()
            .range(&notes(), OWN, &key(odd), range)
            .await;
        assert_eq!(log.unwrap().items[0].value, value(odd));
        assert!(Key::new(&format!("{odd}\0")).is_err());
    }
    let listed = storage
        .plugin_data()
        .list(&notes(), OWN, &List::default())
        .await;
    assert_eq!(listed.unwrap().items.len(), ODD.len());
}

/// All that `scope` of `namespace` holds under one name, by each way of reading.
async fn everything(storage: &dyn Storage, namespace: &Namespace, scope: Scope) -> Vec<Value> {
    let name = key("a");
    let mut found = Vec::new();
    found.extend(
        storage
            .plugin_data()
            .get(namespace, scope, &name)
            .await
            .unwrap(),
    );
    let many = storage
        .plugin_data()
        .get_many(namespace, scope, slice::from_ref(&name))
        .await;
    found.extend(many.unwrap().into_iter().flatten());
    let list = List {
        values: true,
        ..List::default()
    };
    let listed = storage
        .plugin_data()
        .list(namespace, scope, &list)
        .await
        .unwrap();
    found.extend(listed.items.into_iter().filter_map(|item| item.value));
    let range = LogRange::default();
    let log = storage
        .plugin_data()
        .range(namespace, scope, &name, range)
        .await
        .unwrap();
    found.extend(log.items.into_iter().map(|entry| entry.value));
    found
}

pub(crate) async fn keeps_namespaces_and_scopes_apart(database: &mut Database) {
    let mut storage = database.storage();
    let alice = Scope::Account(create(&storage, "alice").await);
    let bob = Scope::Account(create(&storage, "bob").await);
    let mut wanted = Vec::new();
    for plugin in [
        "notes",
        "note",
        "notes/",
        "../notes",
        "NOTES",
        "*",
        "' OR 1=1 --",
    ] {
        for scope in [OWN, alice, bob] {
            let content = value(&format!("{plugin} {scope:?}"));
            let mut batch = Batch::new(namespace(plugin), Quota::default());
            batch.put(scope, key("a"), content.clone()).unwrap();
            batch.append(scope, key("a"), content.clone()).unwrap();
            storage.plugin_data().commit(batch).await.unwrap();
            wanted.push((namespace(plugin), scope, content));
        }
    }
    for _ in 0..2 {
        for (namespace, scope, content) in &wanted {
            let found = everything(&storage, namespace, *scope).await;
            assert_eq!(found, vec![content.clone(); 4]);
        }
        storage = database.reopen().await;
    }
    let stranger = namespace("stranger");
    assert!(everything(&storage, &stranger, OWN).await.is_empty());
}

pub(crate) async fn has_no_account_that_is_the_plugin_itself(database: &mut Database) {
    let storage = database.storage();
    let mut batch = put(OWN, "a", "own");
    batch.append(OWN, key("a"), value("own")).unwrap();
    storage.plugin_data().commit(batch).await.unwrap();
    for id in [0, -1, i64::MIN] {
        let scope = Scope::Account(AccountId(id));
        assert!(everything(&storage, &notes(), scope).await.is_empty());
        assert!(matches!(
            storage.plugin_data().commit(put(scope, "a", "1")).await,
            Err(CommitError::NoSuchAccount(AccountId(found))) if found == id
        ));
    }
}
