//! Rosters: what changed since a version.

use super::{
    account, remove,
    roster::{add, drop_all, item, load, put, with_item},
};
use crate::{AccountId, RosterChange, RosterItem, Storage};

type Changes = Option<(u64, Vec<RosterChange>)>;

/// The changes with the version of the last.
pub(crate) async fn since(storage: &dyn Storage, account: AccountId, version: u64) -> Changes {
    let found = storage.rosters().since(account, version, u32::MAX).await;
    let found = found.unwrap()?;
    let (versions, changes): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    let is_rising = |pair: &[u64]| pair[0] < pair[1];
    assert!(versions.windows(2).all(is_rising), "{versions:?}");
    assert!(
        versions.iter().all(|one| *one > version),
        "{version}: {versions:?}"
    );
    Some((versions.last().copied().unwrap_or(version), changes))
}

fn set(contact: &str) -> RosterChange {
    RosterChange::Set(item(contact))
}

fn removed(contact: &str) -> RosterChange {
    RosterChange::Removed(contact.to_owned())
}

pub(crate) async fn tells_what_changed_in_order(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let start = load(storage, alice).await.version;
    for contact in ["c@x", "a@x", "b@x"] {
        add(storage, alice, contact).await;
    }
    let now = drop_all(storage, alice, "a@x").await;
    let all = [set("c@x"), set("b@x"), removed("a@x")];
    assert_eq!(now, start + 4);
    for (version, known) in [(0, 0), (1, 1), (2, 1), (3, 2), (4, 3)] {
        let wanted = all[known..].to_vec();
        let found = since(storage, alice, start + version).await;
        assert_eq!(found, Some((now, wanted)), "since {version}");
    }
}

pub(crate) async fn tells_of_each_contact_the_newest_change_only(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let start = load(storage, alice).await.version;
    add(storage, alice, "a@x").await;
    add(storage, alice, "b@x").await;
    let named = RosterItem {
        name: Some("A".to_owned()),
        ..item("a@x")
    };
    let now = put(storage, alice, "a@x", with_item(named.clone())).await;
    let wanted = vec![set("b@x"), RosterChange::Set(named)];
    assert_eq!(since(storage, alice, start).await, Some((now, wanted)));
    drop_all(storage, alice, "a@x").await;
    add(storage, alice, "a@x").await;
    let now = drop_all(storage, alice, "a@x").await;
    let wanted = vec![set("b@x"), removed("a@x")];
    assert_eq!(since(storage, alice, start).await, Some((now, wanted)));
}

pub(crate) async fn tells_each_change_with_the_version_by_it(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let start = load(storage, alice).await.version;
    for contact in ["a@x", "b@x", "c@x"] {
        add(storage, alice, contact).await;
    }
    // Set as it was: another version all the same.
    add(storage, alice, "a@x").await;
    drop_all(storage, alice, "b@x").await;
    let wanted = vec![
        (start + 3, set("c@x")),
        (start + 4, set("a@x")),
        (start + 5, removed("b@x")),
    ];
    let found = storage.rosters().since(alice, start, 3).await.unwrap();
    assert_eq!(found, Some(wanted));
    assert_eq!(load(storage, alice).await.version, start + 5);
}

pub(crate) async fn tells_of_no_more_changes_than_it_is_asked_for(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let start = load(storage, alice).await.version;
    for contact in ["a@x", "b@x", "c@x"] {
        add(storage, alice, contact).await;
    }
    for (limit, told) in [(0, false), (2, false), (3, true), (4, true)] {
        let found = storage.rosters().since(alice, start, limit).await.unwrap();
        assert_eq!(found.is_some(), told, "{limit}");
    }
    let newest = storage.rosters().since(alice, start + 3, 0).await.unwrap();
    assert_eq!(newest, Some(Vec::new()));
}

pub(crate) async fn tells_nothing_of_the_newest_version(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    add(storage, alice, "a@x").await;
    let now = drop_all(storage, alice, "a@x").await;
    assert_eq!(since(storage, alice, now).await, Some((now, Vec::new())));
}

pub(crate) async fn knows_no_version_that_has_not_been(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let start = load(storage, alice).await.version;
    let now = add(storage, alice, "a@x").await;
    for version in [0, start - 1, now + 1, 1 << 63, u64::MAX] {
        assert_eq!(since(storage, alice, version).await, None, "{version}");
    }
}

/// More removals than any engine need remember: what it still tells is whole, and what it does not it says so.
pub(crate) async fn remembers_the_newest_removals_only(storage: &dyn Storage) {
    const MANY: usize = 300;
    let alice = account(storage, "alice").await;
    let mut versions = vec![add(storage, alice, "kept@x").await];
    let contact = |n: usize| format!("contact{n:03}@x");
    for n in 0..MANY {
        add(storage, alice, &contact(n)).await;
    }
    for n in 0..MANY {
        versions.push(drop_all(storage, alice, &contact(n)).await);
    }
    let now = *versions.last().unwrap();
    let mut told = 0;
    for (n, version) in versions.into_iter().enumerate().skip(1) {
        let found = since(storage, alice, version).await;
        if let Some(found) = found {
            let wanted = (n..MANY).map(|n| removed(&contact(n))).collect();
            assert_eq!(found, (now, wanted));
            told += 1;
        } else {
            assert_eq!(told, 0, "what is newer is known too");
        }
    }
    // 128 removals, and that nothing was removed after the last.
    assert_eq!(told, 129);
    let now = add(storage, alice, "new@x").await;
    let wanted = Some((now, vec![set("new@x")]));
    assert_eq!(since(storage, alice, now - 1).await, wanted);
}

pub(crate) async fn an_item_that_is_back_is_no_removal(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let start = add(storage, alice, "a@x").await;
    let gone = drop_all(storage, alice, "a@x").await;
    let now = add(storage, alice, "a@x").await;
    for version in [start, gone] {
        let wanted = Some((now, vec![set("a@x")]));
        assert_eq!(since(storage, alice, version).await, wanted);
    }
}

pub(crate) async fn knows_no_version_of_a_former_account(storage: &dyn Storage) {
    let first = account(storage, "alice").await;
    let mut versions = vec![load(storage, first).await.version];
    for contact in ["a@x", "b@x", "c@x"] {
        versions.push(add(storage, first, contact).await);
    }
    remove(storage, first).await;
    for version in &versions {
        assert_eq!(since(storage, first, *version).await, None, "{version}");
    }
    let second = account(storage, "alice").await;
    for contact in ["d@x", "e@x", "f@x", "g@x"] {
        add(storage, second, contact).await;
    }
    for version in versions {
        assert_eq!(since(storage, second, version).await, None, "{version}");
    }
}
