//! The server Waxwing: the one place that composes the other crates.
//!
//! Folders are layers; nothing imports from a layer above its own (`cargo xtask lint`). From the bottom up: `wall_clock`, `config`, `metrics`,
//! `accounts`, `net` (sockets), `delivery` (what waits for a session), `router`, `roster` and `offline`, `context` (what the layers above
//! are handed), `pipeline` (what the server does with a stanza, whoever hands it in), `plugins` (the port to the platform), `c2s` (a
//! client's session), `admin`, `server` (the composition), `cli`.

mod accounts;
pub mod admin;
mod c2s;
pub mod cli;
pub mod config;
mod context;
mod delivery;
mod metrics;
pub mod net;
mod offline;
mod pipeline;
pub mod plugins;
mod roster;
mod router;
pub mod server;
mod wall_clock;

#[doc(hidden)]
pub use router::Routing;
