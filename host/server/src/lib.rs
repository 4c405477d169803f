//! The server Waxwing: the one place that composes the other crates.
//!
//! [`server`] is what it is made of. A connection is accepted by a `shard`, served by a `session`, and what it sends goes
//! by the `router` to the mailboxes of others.

mod accounts;
pub mod admin;
mod c2s;
pub mod cli;
pub mod config;
mod delivery;
mod metrics;
pub mod net;
mod offline;
mod pipeline;
pub mod plugins;
mod roster;
mod router;
pub mod server;

#[doc(hidden)]
pub use router::Routing;
