//! Accounts.

use std::sync::Arc;

use super::Database;
use crate::{Account, AccountId, AccountKeys, Creation, NewAccount, ScramKeys, Storage};

pub(crate) fn keys(seed: u8) -> ScramKeys {
    ScramKeys {
        salt: vec![seed; 16],
        iterations: 10_000,
        stored_key: vec![seed, 1],
        server_key: vec![seed, 2],
    }
}

fn both(sha1: u8, sha256: u8) -> AccountKeys {
    let named = |name: &str, seed| (name.to_owned(), keys(seed));
    [named("SHA-1", sha1), named("SHA-256", sha256)].into()
}

pub(crate) fn account(localpart: &str) -> NewAccount {
    NewAccount {
        localpart: localpart.to_owned(),
        domain: "localhost".to_owned(),
        keys: both(1, 2),
    }
}

pub(crate) async fn find(storage: &dyn Storage, localpart: &str) -> Option<Account> {
    storage
        .accounts()
        .find(localpart, "localhost")
        .await
        .unwrap()
}

/// Makes accounts of all `names` at once, each by a task of its own.
async fn create_all(
    storage: &Arc<dyn Storage>,
    names: impl Iterator<Item = String>,
) -> Vec<Creation> {
    let mut tasks = tokio::task::JoinSet::new();
    for name in names {
        let storage = Arc::clone(storage);
        tasks.spawn(async move { storage.accounts().create(account(&name)).await.unwrap() });
    }
    tasks.join_all().await
}

pub(crate) async fn create(storage: &dyn Storage, localpart: &str) -> AccountId {
    let created = storage.accounts().create(account(localpart)).await;
    match created.unwrap() {
        Creation::Created(id) => id,
        Creation::Taken => panic!("{localpart} is taken"),
    }
}

pub(crate) async fn gives_back_what_it_was_given(database: &mut Database) {
    let storage = database.storage();
    let id = create(&storage, "alice").await;
    let found = find(&storage, "alice").await.unwrap();
    assert_eq!((found.id, found.keys), (id, Some(both(1, 2))));
    assert!(!found.disabled && found.created_at > 1_700_000_000);
    assert_eq!(
        storage.accounts().find("alice", "elsewhere").await.unwrap(),
        None
    );
}

pub(crate) async fn creates_one_of_fifty_concurrent_accounts_of_a_name(database: &mut Database) {
    let storage = database.storage();
    let results = create_all(&storage, (0..50).map(|_| "alice".to_owned())).await;
    let created = results
        .iter()
        .filter(|result| matches!(result, Creation::Created(_)))
        .count();
    assert_eq!((created, results.len()), (1, 50));
}

pub(crate) async fn commits_concurrent_writes_in_groups(database: &mut Database) {
    let storage = database.storage();
    let results = create_all(&storage, (0..1000).map(|n| format!("user{n}"))).await;
    assert!(
        results
            .iter()
            .all(|result| matches!(result, Creation::Created(_)))
    );
    assert!(storage.commits() <= 100, "{} commits", storage.commits());
    assert_eq!(storage.accounts().list(None).await.unwrap().len(), 1000);
}

pub(crate) async fn gives_a_name_registered_again_a_new_id(database: &mut Database) {
    let storage = database.storage();
    let first = create(&storage, "alice").await;
    assert!(storage.accounts().remove(first).await.unwrap());
    let second = create(&storage, "alice").await;
    assert!(second > first);
    assert!(!storage.accounts().remove(first).await.unwrap());
    assert!(
        !storage
            .accounts()
            .set_keys(first, both(3, 4))
            .await
            .unwrap()
    );
    assert_eq!(
        find(&storage, "alice").await.unwrap().keys,
        Some(both(1, 2))
    );
}

pub(crate) async fn changes_keys_and_disables(database: &mut Database) {
    let storage = database.storage();
    let id = create(&storage, "alice").await;
    assert!(storage.accounts().set_keys(id, both(3, 4)).await.unwrap());
    assert!(storage.accounts().set_disabled(id, true).await.unwrap());
    let found = find(&storage, "alice").await.unwrap();
    assert_eq!((found.keys, found.disabled), (Some(both(3, 4)), true));
    assert!(storage.accounts().set_disabled(id, false).await.unwrap());
    assert!(!find(&storage, "alice").await.unwrap().disabled);
}

/// The keys are one row a hash: what is set replaces all, whichever hashes they are for.
pub(crate) async fn keeps_keys_by_hash_and_replaces_all_of_them(database: &mut Database) {
    let storage = database.storage();
    let id = create(&storage, "alice").await;
    let other = create(&storage, "bob").await;
    let one: AccountKeys = [("SHA-512".to_owned(), keys(5))].into();
    let accounts = storage.accounts();
    assert!(accounts.set_keys(id, one.clone()).await.unwrap());
    assert_eq!(find(&storage, "alice").await.unwrap().keys, Some(one));
    let three: AccountKeys = both(6, 7)
        .into_iter()
        .chain([("SHA-512".to_owned(), keys(8))])
        .collect();
    assert!(accounts.set_keys(id, three.clone()).await.unwrap());
    assert_eq!(find(&storage, "alice").await.unwrap().keys, Some(three));
    assert!(accounts.set_keys(id, AccountKeys::new()).await.unwrap());
    assert_eq!(find(&storage, "alice").await.unwrap().keys, None);
    assert!(accounts.remove(other).await.unwrap());
    assert!(!accounts.set_keys(other, both(1, 2)).await.unwrap());
    let bob = create(&storage, "bob").await;
    assert!(accounts.set_keys(bob, both(3, 4)).await.unwrap());
    assert_eq!(find(&storage, "bob").await.unwrap().keys, Some(both(3, 4)));
}

/// A provider's account: no password of the server's own is right for it, until the operator gives it one.
pub(crate) async fn an_external_account_has_no_keys_until_it_is_given_some(
    database: &mut Database,
) {
    let storage = database.storage();
    let made = storage
        .accounts()
        .create_external("alice", "localhost")
        .await
        .unwrap();
    let Creation::Created(id) = made else {
        panic!("alice is taken")
    };
    assert_eq!(find(&storage, "alice").await.unwrap().keys, None);
    let again = storage
        .accounts()
        .create_external("alice", "localhost")
        .await
        .unwrap();
    assert_eq!(again, Creation::Taken);
    assert_eq!(
        storage.accounts().create(account("alice")).await.unwrap(),
        Creation::Taken
    );
    assert!(storage.accounts().set_keys(id, both(3, 4)).await.unwrap());
    assert_eq!(
        find(&storage, "alice").await.unwrap().keys,
        Some(both(3, 4))
    );

    let own = create(&storage, "bob").await;
    let taken = storage
        .accounts()
        .create_external("bob", "localhost")
        .await
        .unwrap();
    assert_eq!(
        taken,
        Creation::Taken,
        "an account of the server's own stays what it is"
    );
    let found = find(&storage, "bob").await.unwrap();
    assert_eq!((found.id, found.keys), (own, Some(both(1, 2))));
}

pub(crate) async fn lists_by_domain_in_order(database: &mut Database) {
    let storage = database.storage();
    for (localpart, domain) in [
        ("bob", "b.example"),
        ("zoe", "a.example"),
        ("amy", "b.example"),
    ] {
        let new = NewAccount {
            domain: domain.to_owned(),
            ..account(localpart)
        };
        assert!(matches!(
            storage.accounts().create(new).await.unwrap(),
            Creation::Created(_)
        ));
    }
    let names = |list: Vec<crate::AccountSummary>| {
        list.into_iter()
            .map(|account| account.localpart)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(storage.accounts().list(None).await.unwrap()),
        ["zoe", "amy", "bob"]
    );
    assert_eq!(
        names(storage.accounts().list(Some("b.example")).await.unwrap()),
        ["amy", "bob"]
    );
}

/// The keys of the account that tests put into a database of an older schema.
pub(crate) fn keys_of_an_older_schema() -> AccountKeys {
    let keys = |salt, iterations, stored_key, server_key| ScramKeys {
        salt: vec![salt],
        iterations,
        stored_key: vec![stored_key],
        server_key: vec![server_key],
    };
    [
        ("SHA-1".to_owned(), keys(1, 4096, 2, 3)),
        ("SHA-256".to_owned(), keys(4, 10_000, 5, 6)),
    ]
    .into()
}
