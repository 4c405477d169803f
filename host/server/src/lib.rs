//! The server Waxwing: the one place that composes the other crates.
//!
//! [`server`] is what it is made of. A connection is accepted by a `shard`, served by a `session`, and what it sends goes
//! by the `router` to the mailboxes of others.

mod accounts;
pub mod admin;
mod bell;
pub mod cli;
pub mod config;
mod connections;
mod contacts;
pub mod hashing;
mod http_client;
mod listener;
mod mailbox;
mod metrics;
mod offline;
mod operator;
mod pacing;
pub mod plugins;
mod router;
mod secret;
pub mod server;
mod session;
mod shard;
mod silence;
pub mod tls;
mod turns;

#[doc(hidden)]
pub use router::Routing;
