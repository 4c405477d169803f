//! Resumable streams.

use super::{account, hostile_texts, remove};
use crate::{AccountId, Storage, StreamNote};

async fn note(storage: &dyn Storage, notes: &[(AccountId, &str, u32, i64)]) {
    let notes = notes.iter().map(|&(account, id, handled, at)| StreamNote {
        account,
        id: id.to_owned(),
        handled,
        at,
    });
    storage.streams().note(notes.collect()).await.unwrap();
}

async fn handled(storage: &dyn Storage, account: AccountId, id: &str) -> Option<u32> {
    storage.streams().handled(account, id).await.unwrap()
}

pub(crate) async fn knows_how_far_a_stream_was(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    note(
        storage,
        &[(alice, "one", 0, 5), (alice, "two", u32::MAX, 5)],
    )
    .await;
    assert_eq!(handled(storage, alice, "one").await, Some(0));
    assert_eq!(handled(storage, alice, "two").await, Some(u32::MAX));
    note(storage, &[(alice, "two", 1, 6)]).await;
    assert_eq!(handled(storage, alice, "two").await, Some(1));
    assert_eq!(handled(storage, alice, "three").await, None);
    for text in hostile_texts().iter().filter(|text| !text.contains('\0')) {
        note(storage, &[(alice, text, 7, 6)]).await;
        assert_eq!(handled(storage, alice, text).await, Some(7));
    }
}

pub(crate) async fn a_stream_is_known_to_its_account_only(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let mallory = account(storage, "mallory").await;
    note(storage, &[(alice, "one", 3, 5)]).await;
    assert_eq!(handled(storage, mallory, "one").await, None);
    note(storage, &[(mallory, "one", 9, 6)]).await;
    assert_eq!(handled(storage, alice, "one").await, Some(3));
    assert_eq!(handled(storage, mallory, "one").await, None);
}

pub(crate) async fn forgets_what_is_named(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    note(storage, &[(alice, "one", 3, 5), (alice, "two", 4, 5)]).await;
    let ids = vec!["one".to_owned(), "never".to_owned()];
    storage.streams().forget(ids).await.unwrap();
    assert_eq!(handled(storage, alice, "one").await, None);
    assert_eq!(handled(storage, alice, "two").await, Some(4));
}

pub(crate) async fn expires_what_was_not_noted_for_long(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    note(storage, &[(alice, "one", 3, 5), (alice, "two", 4, 5)]).await;
    note(storage, &[(alice, "two", 4, 10)]).await;
    assert_eq!(storage.streams().expire(10).await.unwrap(), 1);
    assert_eq!(handled(storage, alice, "one").await, None);
    assert_eq!(handled(storage, alice, "two").await, Some(4));
}

pub(crate) async fn keeps_the_latest_of_an_account(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let bob = account(storage, "bob").await;
    let notes = [
        (alice, "one", 1, 5),
        (alice, "two", 2, 4),
        (alice, "three", 3, 6),
        (bob, "other", 4, 1),
    ];
    note(storage, &notes).await;
    storage.streams().keep_latest(alice, 3).await.unwrap();
    assert_eq!(handled(storage, alice, "two").await, Some(2));
    storage.streams().keep_latest(alice, 2).await.unwrap();
    assert_eq!(handled(storage, alice, "two").await, None);
    assert_eq!(handled(storage, alice, "one").await, Some(1));
    assert_eq!(handled(storage, alice, "three").await, Some(3));
    assert_eq!(handled(storage, bob, "other").await, Some(4));
    storage.streams().keep_latest(alice, 0).await.unwrap();
    assert_eq!(handled(storage, alice, "three").await, None);
}

pub(crate) async fn goes_with_the_account(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    note(storage, &[(alice, "one", 3, 5)]).await;
    remove(storage, alice).await;
    assert_eq!(handled(storage, alice, "one").await, None);
    note(storage, &[(alice, "late", 3, 5)]).await;
    assert_eq!(handled(storage, alice, "late").await, None);
}
