//! The server Waxwing: the one place that composes the other crates.
//!
//! # Layers
//!
//! Bottom first. A module imports only from layers below its own, which `cargo xtask lint` checks against this list.
//!
//! 1. `wall_clock`: the one place that reads the time of day.
//! 2. `config`: the operator's configuration.
//! 3. `metrics`: what the server counts.
//! 4. `accounts`: accounts, the hashing of their passwords, and a lock for each.
//! 5. `net`: sockets, their limits, and TLS.
//! 6. `delivery`: what waits for a session, receipts, and the queues to the tasks beside sessions.
//! 7. `router`: from an addressed stanza to mailboxes. Its directory alone tells local addresses from others.
//! 8. `roster`: rosters and subscriptions.
//! 9. `offline`: the spool of messages.
//! 10. `context`: the parts of the server that the layers above are handed.
//! 11. `pipeline`: what the server does with a stanza, whoever hands it in.
//! 12. `plugins`: the port to the plugin platform.
//! 13. `c2s`: a client's session.
//! 14. `admin`: the administration socket, both sides.
//! 15. `server`: the composition.
//! 16. `cli`: the command line.

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
