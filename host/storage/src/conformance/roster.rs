//! Rosters: edits, requests, limits, and what goes with an account.

use std::sync::Arc;

use futures_util::future::join_all;

use super::{account, hostile_texts, remove, since::since};
use crate::{
    AccountId, Edited, Holder, Roster, RosterEntry, RosterItem, RosterLimits, Storage,
    StorageError, Subscription,
};

pub(crate) const ROOMY: RosterLimits = RosterLimits {
    items: 10_000,
    requests: 10_000,
};

pub(crate) fn item(contact: &str) -> RosterItem {
    RosterItem {
        contact: contact.to_owned(),
        ..RosterItem::default()
    }
}

/// An item and no request.
pub(crate) fn with_item(item: RosterItem) -> RosterEntry {
    RosterEntry {
        item: Some(item),
        request: None,
    }
}

fn with_request(stanza: &[u8]) -> RosterEntry {
    RosterEntry {
        item: None,
        request: Some(stanza.to_vec()),
    }
}

async fn edit(
    storage: &dyn Storage,
    account: AccountId,
    contact: &str,
    limits: RosterLimits,
    edit: impl Fn(&RosterEntry) -> Option<RosterEntry> + Send + Sync + 'static,
) -> Edited {
    let rosters = storage.rosters();
    let edited = rosters.edit(account, contact, limits, Arc::new(edit));
    edited.await.unwrap()
}

/// Puts `entry` there, whatever was; the version then.
pub(crate) async fn put(
    storage: &dyn Storage,
    account: AccountId,
    contact: &str,
    entry: RosterEntry,
) -> u64 {
    let edited = edit(storage, account, contact, ROOMY, move |_| {
        Some(entry.clone())
    });
    match edited.await {
        Edited::Done { version, .. } => version,
        other => panic!("{contact}: {other:?}"),
    }
}

/// Adds a contact; the version then.
pub(crate) async fn add(storage: &dyn Storage, account: AccountId, contact: &str) -> u64 {
    put(storage, account, contact, with_item(item(contact))).await
}

pub(crate) async fn drop_all(storage: &dyn Storage, account: AccountId, contact: &str) -> u64 {
    put(storage, account, contact, RosterEntry::default()).await
}

pub(crate) async fn load(storage: &dyn Storage, account: AccountId) -> Roster {
    storage.rosters().load(account).await.unwrap()
}

async fn entry(storage: &dyn Storage, account: AccountId, contact: &str) -> RosterEntry {
    storage.rosters().entry(account, contact).await.unwrap()
}

pub(crate) async fn gives_back_what_it_was_given(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let all = [
        Subscription::None,
        Subscription::To,
        Subscription::From,
        Subscription::Both,
    ];
    let mut items = Vec::new();
    for (n, subscription) in (0..).zip(all) {
        let item = RosterItem {
            contact: format!("contact{n}@localhost"),
            name: [None, Some(String::new()), Some("Bob".to_owned())][n % 3].clone(),
            groups: vec!["Work".to_owned(), "A".to_owned()].split_off(n % 3),
            subscription,
            pending_out: n % 2 == 0,
            approved: n < 2,
        };
        let given = RosterEntry {
            request: Some(vec![0, 255, 39]),
            ..with_item(item.clone())
        };
        put(storage, alice, &item.contact, given.clone()).await;
        assert_eq!(entry(storage, alice, &item.contact).await, given);
        items.push(item);
    }
    assert_eq!(load(storage, alice).await.items, items);
}

pub(crate) async fn an_account_that_never_had_a_contact_has_an_empty_roster(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let roster = load(storage, alice).await;
    assert_eq!(roster.items, []);
    let changes = since(storage, alice, roster.version).await;
    assert_eq!(changes, Some((roster.version, Vec::new())));
    let nothing = entry(storage, alice, "bob@localhost").await;
    assert_eq!(nothing, RosterEntry::default());
    assert_eq!(storage.rosters().requests(alice).await.unwrap(), []);

    let nobody = AccountId(alice.0 + 1);
    assert_eq!(load(storage, nobody).await, Roster::default());
    assert_eq!(since(storage, nobody, 0).await, None);
    let edited = edit(storage, nobody, "bob@localhost", ROOMY, |_| {
        Some(with_item(item("bob@localhost")))
    });
    assert_eq!(edited.await, Edited::NoAccount);
}

pub(crate) async fn sorts_items_by_contact(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    for contact in ["b@x", "é@x", "a@x", "z@x", "B@x"] {
        add(storage, alice, contact).await;
    }
    let contacts = load(storage, alice).await.items;
    let contacts: Vec<_> = contacts.iter().map(|item| &*item.contact).collect();
    assert_eq!(contacts, ["B@x", "a@x", "b@x", "z@x", "é@x"]);
}

pub(crate) async fn the_version_rises_with_items_and_not_with_requests(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let first = load(storage, alice).await.version;
    assert_eq!(add(storage, alice, "bob@x").await, first + 1);
    let both = RosterEntry {
        request: Some(b"<presence/>".to_vec()),
        ..with_item(item("bob@x"))
    };
    assert_eq!(put(storage, alice, "bob@x", both).await, first + 1);
    let asks = with_request(b"<presence/>");
    assert_eq!(put(storage, alice, "carol@x", asks).await, first + 1);
    assert_eq!(drop_all(storage, alice, "carol@x").await, first + 1);
    let named = RosterItem {
        name: Some("Bob".to_owned()),
        ..item("bob@x")
    };
    assert_eq!(
        put(storage, alice, "bob@x", with_item(named)).await,
        first + 2
    );
    assert_eq!(drop_all(storage, alice, "bob@x").await, first + 3);
    let bob = account(storage, "bob").await;
    add(storage, bob, "bob@x").await;
    let roster = load(storage, alice).await;
    assert_eq!((roster.version, roster.items), (first + 3, Vec::new()));
}

pub(crate) async fn an_item_that_is_set_as_it_was_is_set_again(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let version = add(storage, alice, "bob@x").await;
    let there = with_item(item("bob@x"));
    let left = edit(storage, alice, "bob@x", ROOMY, |_| None).await;
    assert_eq!(left, Edited::Unchanged(there.clone()));
    assert_eq!(load(storage, alice).await.version, version);
    let same = there.clone();
    let set = edit(storage, alice, "bob@x", ROOMY, move |_| Some(same.clone())).await;
    let again = Edited::Done {
        before: there.clone(),
        after: there,
        version: version + 1,
    };
    assert_eq!(set, again);
    let roster = load(storage, alice).await;
    assert_eq!(
        (roster.version, roster.items),
        (version + 1, vec![item("bob@x")])
    );
    // Of requests nobody is told by a version.
    put(storage, alice, "carol@x", with_request(&[1])).await;
    let same = edit(storage, alice, "carol@x", ROOMY, |_| {
        Some(with_request(&[1]))
    });
    assert_eq!(same.await, Edited::Unchanged(with_request(&[1])));
    assert_eq!(load(storage, alice).await.version, version + 1);
}

pub(crate) async fn an_item_is_that_of_the_contact_edited(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let edited = edit(storage, alice, "bob@x", ROOMY, |_| {
        Some(with_item(item("mallory@x")))
    });
    let Edited::Done { before, after, .. } = edited.await else {
        panic!("not done")
    };
    assert_eq!(before, RosterEntry::default());
    assert_eq!(after, with_item(item("bob@x")));
    assert_eq!(load(storage, alice).await.items, [item("bob@x")]);
}

/// Adds a group to the item.
fn with_group(before: &RosterEntry, group: String) -> RosterEntry {
    let mut after = before.clone();
    let item = after.item.get_or_insert_default();
    item.groups.push(group);
    after
}

pub(crate) async fn a_hundred_parallel_edits_of_one_contact_lose_nothing(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let (first, commits) = (load(storage, alice).await.version, storage.commits());
    let edits = (0..100).map(|n| {
        edit(storage, alice, "bob@x", ROOMY, move |before| {
            Some(with_group(before, n.to_string()))
        })
    });
    for (n, edited) in (1..).zip(join_all(edits).await) {
        let Edited::Done { after, version, .. } = edited else {
            panic!("{n}: {edited:?}")
        };
        let groups = after.item.unwrap().groups.len() as u64;
        assert_eq!((groups, version), (n, first + n));
    }
    let groups = entry(storage, alice, "bob@x").await.item.unwrap().groups;
    let wanted: Vec<_> = (0..100).map(|n| n.to_string()).collect();
    assert_eq!(groups, wanted);
    assert_eq!(load(storage, alice).await.version, first + 100);
    assert!(storage.commits() - commits <= 20, "commits do not group");
}

pub(crate) async fn parallel_edits_keep_to_the_limit(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let limits = RosterLimits { items: 10, ..ROOMY };
    let edits = (0..100).map(|n| {
        let contact = format!("contact{n}@x");
        async move {
            edit(storage, alice, &contact, limits, |before| {
                Some(with_group(before, "A".to_owned()))
            })
            .await
        }
    });
    let edited = join_all(edits).await;
    let full = edited.iter().filter(|edited| **edited == Edited::Full);
    assert_eq!(full.count(), 90);
    assert_eq!(load(storage, alice).await.items.len(), 10);
}

pub(crate) async fn refuses_one_item_and_one_request_too_many(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let limits = RosterLimits {
        items: 1,
        requests: 1,
    };
    let both = |_: &RosterEntry| {
        Some(RosterEntry {
            item: Some(RosterItem::default()),
            request: Some(vec![1]),
        })
    };
    let only_item = |_: &RosterEntry| Some(with_item(RosterItem::default()));
    let only_request = |_: &RosterEntry| Some(with_request(&[1]));
    let first = edit(storage, alice, "a@x", limits, both).await;
    assert!(matches!(first, Edited::Done { .. }));
    let version = load(storage, alice).await.version;
    assert_eq!(
        edit(storage, alice, "b@x", limits, only_item).await,
        Edited::Full
    );
    assert_eq!(
        edit(storage, alice, "b@x", limits, only_request).await,
        Edited::Full
    );
    // A request that would be one too many takes the item that comes with it along.
    let one_more = RosterLimits { items: 2, ..limits };
    assert_eq!(
        edit(storage, alice, "b@x", one_more, both).await,
        Edited::Full
    );
    assert_eq!(
        entry(storage, alice, "b@x").await,
        RosterEntry::default(),
        "nothing of it was done"
    );
    assert_eq!(load(storage, alice).await.version, version);
    drop_all(storage, alice, "a@x").await;
    let again = edit(storage, alice, "b@x", limits, both).await;
    assert!(matches!(again, Edited::Done { .. }), "there is room again");
}

pub(crate) async fn what_is_there_may_be_changed_beyond_the_limits(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    for contact in ["a@x", "b@x"] {
        add(storage, alice, contact).await;
    }
    let none = RosterLimits {
        items: 0,
        requests: 0,
    };
    let changed = edit(storage, alice, "a@x", none, |before| {
        Some(with_group(before, "A".to_owned()))
    });
    assert!(matches!(changed.await, Edited::Done { .. }));
    let removed = edit(
        storage,
        alice,
        "a@x",
        none,
        |_| Some(RosterEntry::default()),
    );
    assert!(matches!(removed.await, Edited::Done { .. }));
    assert_eq!(load(storage, alice).await.items, [item("b@x")]);
}

pub(crate) async fn gives_requests_oldest_first(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    for (contact, stanza) in [("c@x", b"1"), ("a@x", b"2"), ("b@x", b"3"), ("c@x", b"4")] {
        put(storage, alice, contact, with_request(stanza)).await;
    }
    drop_all(storage, alice, "a@x").await;
    let bob = account(storage, "bob").await;
    put(storage, bob, "d@x", with_request(b"5")).await;
    let requests = storage.rosters().requests(alice).await.unwrap();
    let wanted = [("c@x", b"4"), ("b@x", b"3")];
    let wanted = wanted.map(|(contact, stanza)| (contact.to_owned(), stanza.to_vec()));
    assert_eq!(requests, wanted);
}

pub(crate) async fn finds_those_who_hold_a_contact(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let bob = account(storage, "bob").await;
    let carol = account(storage, "carol").await;
    add(storage, alice, "eve@x").await;
    put(storage, alice, "eve@x", {
        let request = Some(vec![1]);
        RosterEntry {
            request,
            ..with_item(item("eve@x"))
        }
    })
    .await;
    put(storage, bob, "eve@x", with_request(&[1])).await;
    add(storage, carol, "eve@x").await;
    drop_all(storage, carol, "eve@x").await;
    add(storage, carol, "eve@x.example").await;
    let holder = |id, localpart: &str| Holder {
        id,
        localpart: localpart.to_owned(),
        domain: "localhost".to_owned(),
    };
    let holders = storage.rosters().holders("eve@x").await.unwrap();
    assert_eq!(holders, [holder(alice, "alice"), holder(bob, "bob")]);
    assert_eq!(storage.rosters().holders("mallory@x").await.unwrap(), []);
}

pub(crate) async fn keeps_hostile_text_as_it_is(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    for text in hostile_texts() {
        let given = RosterEntry {
            item: Some(RosterItem {
                contact: text.clone(),
                name: Some(text.clone()),
                groups: hostile_texts(),
                ..RosterItem::default()
            }),
            request: Some(text.clone().into_bytes()),
        };
        put(storage, alice, &text, given.clone()).await;
        assert_eq!(entry(storage, alice, &text).await, given);
        let holders = storage.rosters().holders(&text).await.unwrap();
        assert_eq!(holders.len(), 1, "{text}");
    }
    let roster = load(storage, alice).await;
    let mut wanted = hostile_texts();
    wanted.sort();
    let contacts = roster.items.into_iter().map(|item| item.contact);
    assert_eq!(contacts.collect::<Vec<_>>(), wanted);
    for text in hostile_texts() {
        drop_all(storage, alice, &text).await;
        assert_eq!(entry(storage, alice, &text).await, RosterEntry::default());
    }
    let (_, changes) = since(storage, alice, roster.version).await.unwrap();
    let wanted = hostile_texts().into_iter();
    let wanted: Vec<_> = wanted.map(crate::RosterChange::Removed).collect();
    assert_eq!(changes, wanted);
}

pub(crate) async fn goes_with_the_account(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let bob = account(storage, "bob").await;
    for account in [alice, bob] {
        add(storage, account, "eve@x").await;
        put(storage, account, "carol@x", with_request(&[1])).await;
    }
    remove(storage, alice).await;
    assert_eq!(load(storage, alice).await, Roster::default());
    assert_eq!(entry(storage, alice, "eve@x").await, RosterEntry::default());
    assert_eq!(storage.rosters().requests(alice).await.unwrap(), []);
    for contact in ["eve@x", "carol@x"] {
        let holders = storage.rosters().holders(contact).await.unwrap();
        let holders: Vec<_> = holders.iter().map(|holder| holder.id).collect();
        assert_eq!(holders, [bob]);
    }
    let late = edit(storage, alice, "eve@x", ROOMY, |_| Some(with_request(&[1])));
    assert_eq!(late.await, Edited::NoAccount);
    assert_eq!(load(storage, bob).await.items, [item("eve@x")]);
}

pub(crate) async fn a_name_registered_again_has_another_roster(storage: &dyn Storage) {
    let first = account(storage, "alice").await;
    add(storage, first, "bob@x").await;
    put(storage, first, "carol@x", with_request(&[1])).await;
    remove(storage, first).await;
    let second = account(storage, "alice").await;
    assert_eq!(load(storage, second).await.items, []);
    assert_eq!(storage.rosters().requests(second).await.unwrap(), []);
    let found = entry(storage, second, "bob@x").await;
    assert_eq!(found, RosterEntry::default());
    let none = RosterLimits {
        items: 1,
        requests: 1,
    };
    let added = edit(storage, second, "bob@x", none, |_| {
        Some(RosterEntry {
            item: Some(item("bob@x")),
            request: Some(vec![2]),
        })
    });
    let added = added.await;
    assert!(
        matches!(added, Edited::Done { .. }),
        "nothing counts against it: {added:?}"
    );
}

pub(crate) async fn an_edit_that_panics_fails_alone(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let rosters = storage.rosters();
    let panics = Arc::new(|_: &RosterEntry| -> Option<RosterEntry> { panic!("as in a test") });
    let (before, panicked, after) = tokio::join!(
        add(storage, alice, "a@x"),
        rosters.edit(alice, "b@x", ROOMY, panics),
        add(storage, alice, "c@x"),
    );
    assert!(matches!(panicked, Err(StorageError::Failed(_))));
    assert_eq!(after, before + 1);
    let roster = load(storage, alice).await;
    assert_eq!(roster.version, after);
    assert_eq!(roster.items, [item("a@x"), item("c@x")]);
}
