//! What every engine promises, through the public face alone. An engine has these tests by `every_promise!(fresh)` in a
//! module of its tests, where `fresh` opens a storage of its own: `async fn() -> Database`.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "numbers that do not add up are to stop a test"
)]

pub(crate) mod accounts;
pub(crate) mod data;
pub(crate) mod roster;
pub(crate) mod since;
pub(crate) mod spool;
pub(crate) mod stream;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::LocalBoxFuture;

use crate::{AccountId, Accounts, Creation, PluginData, Rosters, Spool, Storage, Streams};

/// Makes a test of each function that is named, in a module for each room.
macro_rules! promises {
    ($fresh:path; $($room:ident: $($promise:ident)+;)+) => {
        $(mod $room {
            $(#[tokio::test]
            async fn $promise() {
                let database = $fresh().await;
                $crate::conformance::$room::$promise(&*database.storage()).await;
            })+
        })+
    };
}

/// The same where the database may be opened again.
macro_rules! lasting_promises {
    ($fresh:path; $($room:ident in $wing:path: $($promise:ident)+;)+) => {
        $(mod $room {
            use $wing as promised;
            $(#[tokio::test]
            async fn $promise() {
                let mut database = $fresh().await;
                promised::$promise(&mut database).await;
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
                an_item_that_is_set_as_it_was_is_set_again
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
                tells_each_change_with_the_version_by_it
                tells_of_no_more_changes_than_it_is_asked_for
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
                replaces_a_stanza_in_its_place
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
                keeps_the_latest_of_an_account
                goes_with_the_account;
        }
        $crate::conformance::lasting_promises! {
            $fresh;
            accounts in crate::conformance::accounts:
                gives_back_what_it_was_given
                creates_one_of_fifty_concurrent_accounts_of_a_name
                commits_concurrent_writes_in_groups
                gives_a_name_registered_again_a_new_id
                changes_keys_and_disables
                keeps_keys_by_hash_and_replaces_all_of_them
                an_external_account_has_no_keys_until_it_is_given_some
                lists_by_domain_in_order;
            batches in crate::conformance::data::batches:
                gives_back_what_it_was_given
                gets_many_in_the_order_asked_for
                lets_the_last_write_of_a_batch_win
                keeps_the_order_of_batches_in_a_group
                commits_concurrent_batches_and_accounts_in_groups
                refuses_one_batch_and_spares_its_neighbours
                pages_through_keys
                lists_keys_alone_unless_asked_for_values
                ends_a_page_of_large_values_early
                sets_a_key_only_if_it_is_as_expected
                lets_one_of_many_swaps_win
                keeps_one_plugins_flood_from_the_queue_of_others;
            logs in crate::conformance::data::logs:
                keeps_entries_in_their_order_and_reads_ranges
                never_gives_a_number_twice
                trims_what_is_older_and_counts_it_out
                spares_the_entries_of_the_batch_that_trims
                trims_what_the_same_group_has_appended_before
                numbers_the_logs_of_each_namespace_by_themselves;
            names in crate::conformance::data::names:
                takes_odd_keys_as_they_are
                keeps_namespaces_and_scopes_apart
                has_no_account_that_is_the_plugin_itself;
            quotas in crate::conformance::data::quotas:
                names_the_limit_that_would_be_exceeded
                takes_what_just_fits
                counts_what_a_batch_gives_back_for_what_it_takes
                takes_what_shrinks_a_namespace_that_holds_too_much
                holds_swaps_to_the_quota
                shares_the_limit_among_the_batches_of_a_group
                counts_as_adding_up_would;
            removal in crate::conformance::data::removal:
                purges_every_plugins_data_with_the_account
                purges_what_the_same_group_has_written_before
                gives_a_name_registered_again_nothing_of_the_former_account
                purges_a_plugin_and_no_other;
        }
    };
}

pub(crate) use {every_promise, lasting_promises, promises};

pub(crate) type Store = Arc<dyn Storage>;

#[async_trait]
impl<S: Storage + ?Sized> Storage for Arc<S> {
    fn accounts(&self) -> &dyn Accounts {
        S::accounts(self)
    }

    fn plugin_data(&self) -> &dyn PluginData {
        S::plugin_data(self)
    }

    fn rosters(&self) -> &dyn Rosters {
        S::rosters(self)
    }

    fn spool(&self) -> &dyn Spool {
        S::spool(self)
    }

    fn streams(&self) -> &dyn Streams {
        S::streams(self)
    }

    fn commits(&self) -> u64 {
        S::commits(self)
    }

    async fn close(&self) {
        S::close(self).await;
    }
}

/// A database that can be opened again, with nothing in memory.
pub(crate) struct Database {
    storage: Store,
    open: Box<dyn Fn() -> LocalBoxFuture<'static, Store>>,
}

impl Database {
    pub(crate) async fn new(open: impl Fn() -> LocalBoxFuture<'static, Store> + 'static) -> Self {
        Self {
            storage: open().await,
            open: Box::new(open),
        }
    }

    pub(crate) fn storage(&self) -> Store {
        Arc::clone(&self.storage)
    }

    pub(crate) async fn reopen(&mut self) -> Store {
        self.storage.close().await;
        self.storage = (self.open)().await;
        self.storage()
    }
}

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
