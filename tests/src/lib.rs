//! The harness of the black-box tests and of the bench.
//!
//! It knows the server only from outside: its command line, its `ready` line, its sockets and its exit code. Layers,
//! from the bottom: [`xml`] and [`tls`]; [`client`], which speaks XMPP byte by byte; [`server`], which starts the built
//! binary, [`relay`], a network that fails, and [`peers`], other servers; [`external`], unmodified clients of other projects;
//! [`dialogue`], scripts for any server.

pub mod client;
pub mod dialogue;
pub mod environment;
pub mod external;
pub mod peers;
pub mod process;
pub mod relay;
pub mod server;
pub mod tls;
pub mod xml;

pub use client::{Client, Event, login::Login};
pub use server::Server;
pub use xml::Element;

/// How long anything may take before a test gives up: far longer than it takes on a busy machine, since speed is not
/// what a test asserts.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_mins(1);
