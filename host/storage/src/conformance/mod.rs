//! What every engine promises, through the public face alone. An engine has these tests by `every_promise!(fresh)` in a
//! module of its tests, where `fresh` opens a storage in a folder of its own: `async fn() -> (TempDir, Arc<dyn Storage>)`.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "numbers that do not add up are to stop a test"
)]

pub(crate) mod roster;
pub(crate) mod since;
pub(crate) mod spool;
pub(crate) mod stream;

use crate::{AccountId, Creation, Storage};

/// Makes a test of each function that is named, in a module for each room.
macro_rules! promises {
    ($fresh:path; $($room:ident: $($promise:ident)+;)+) => {
        $(mod $room {
            $(#[tokio::test]
            async fn $promise() {
                let (_folder, storage) = $fresh().await;
                $crate::conformance::$room::$promise(&*storage).await;
            })+
        })+
    };
}

macro_rules! every_promise {
    ($fresh:path) => {
        $crate::conformance::promises! {
            $fresh;
            roster:
                gives_back_what_it_was_given
                an_account_that_never_had_a_contact_has_an_empty_roster
                sorts_items_by_contact
                the_version_rises_with_items_and_not_with_requests
                an_edit_that_changes_nothing_is_no_change
                an_item_is_that_of_the_contact_edited
                a_hundred_parallel_edits_of_one_contact_lose_nothing
                parallel_edits_keep_to_the_limit
                refuses_one_item_and_one_request_too_many
                what_is_there_may_be_changed_beyond_the_limits
                gives_requests_oldest_first
                finds_those_who_hold_a_contact
                keeps_hostile_text_as_it_is
                goes_with_the_account
                a_name_registered_again_has_another_roster
                an_edit_that_panics_fails_alone;
            since:
                tells_what_changed_in_order
                tells_of_each_contact_the_newest_change_only
                tells_nothing_of_the_newest_version
                knows_no_version_that_has_not_been
                remembers_the_newest_removals_only
                an_item_that_is_back_is_no_removal
                knows_no_version_of_a_former_account;
            spool:
                gives_back_stanzas_oldest_first
                reads_on_from_where_it_was
                a_page_holds_a_mebibyte_or_one_stanza
                a_page_holds_a_thousand_stanzas
                removes_what_is_named_and_the_accounts_own
                ids_never_recur
                keeps_to_the_limit_of_stanzas
                keeps_to_the_limit_of_bytes
                parallel_adds_keep_to_the_limit
                keeps_the_order_of_parallel_adds_in_few_commits
                expires_what_is_old_from_all_spools
                goes_with_the_account
                a_name_registered_again_has_an_empty_spool
                keeps_hostile_bytes_as_they_are;
            stream:
                knows_how_far_a_stream_was
                a_stream_is_known_to_its_account_only
                forgets_what_is_named
                expires_what_was_not_noted_for_long
                goes_with_the_account;
        }
    };
}

pub(crate) use {every_promise, promises};

/// An account of that name.
pub(crate) async fn account(storage: &dyn Storage, localpart: &str) -> AccountId {
    let accounts = storage.accounts();
    match accounts.create_external(localpart, "localhost").await {
        Ok(Creation::Created(id)) => id,
        other => panic!("{localpart}: {other:?}"),
    }
}

pub(crate) async fn remove(storage: &dyn Storage, account: AccountId) {
    assert!(storage.accounts().remove(account).await.unwrap());
}

/// Text that would mean something to SQL, to JSON or to C, and long text.
pub(crate) fn hostile_texts() -> Vec<String> {
    let texts = [
        "'; DROP TABLE account; --",
        "\"%_\\\"]",
        "a\0b",
        "a\0c",
        "",
        " ",
        "\u{10ffff}é\r\n",
        "null",
    ];
    let mut texts: Vec<_> = texts.into_iter().map(str::to_owned).collect();
    texts.push("ü".repeat(1536));
    texts.push("x".repeat(3072));
    texts
}
