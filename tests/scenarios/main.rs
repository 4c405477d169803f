//! Black-box scenarios: each starts the built server, talks to it as the test's name says, and judges what comes back.
//!
//! They are run by `cargo xtask test`. With `WAXWING_TEST_AGAINST=prosody` those that need nothing of ours run against
//! Prosody, which tells a wrong test from a wrong server.

#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a scenario that panics has failed"
)]
#![expect(
    clippy::format_collect,
    clippy::format_push_string,
    reason = "stanzas are easier to read where they are put together"
)]

mod accounts;
mod addressees;
mod addresses;
mod authentication;
mod behaviours;
mod binding;
mod certificates;
mod clients;
mod clocks;
mod commands;
mod compatibility;
mod contacts;
mod copying;
mod crowds;
mod discovery;
mod effects;
mod enumeration;
mod grants;
mod hook_order;
mod hostile_clients;
mod hostile_xml;
mod international;
mod limits;
mod login_examples;
mod logins;
mod open_files;
mod operation;
mod ordering;
mod placements;
mod plugin_life;
mod plugin_writing;
mod plugins_folder;
mod presence_hooks;
mod provider_faults;
mod proxies;
mod quarantine;
mod receiving;
mod recording;
mod registration;
mod replies;
mod roster_hooks;
mod rosters;
mod silence;
mod starts;
mod starttls;
mod stream_management;
mod streams;
mod survival;
mod upgrades;
mod watching;
mod word_filter;
