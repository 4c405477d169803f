//! Sandboxed WebAssembly components as plugins of an XMPP server.
//!
//! The server makes one [`Platform`] and, for each of its threads, a [`Shard`] to call. Below is `waxwing-xmpp`; above is the
//! server. Nothing here opens a socket, writes SQL or knows a plugin's name.
//!
//! From the outside in: `platform` loads and replaces plugins (`load`, `compile`, `watch`), `registry` says which plugin
//! wants what (`filter`), a shard takes stanzas to instances (`caller`, `pool`, `instance`, `run`, `meter`), which call back
//! into `imports` and leave `effects`.

mod agenda;
mod bindings;
mod caller;
mod check;
mod compile;
mod config;
mod convert;
mod due;
mod effects;
mod engine;
mod exports;
mod fault;
mod filter;
#[cfg(test)]
mod hostile;
mod imports;
mod inlet;
mod instance;
mod limits;
mod load;
mod logs;
mod manifest;
mod memory;
mod meter;
mod notices;
mod platform;
mod plugin;
mod pool;
mod registry;
mod requests;
mod run;
mod services;
mod shard;
mod shared;
mod state;
mod timers;
mod watch;
mod writes;

pub use check::{PluginReport, check};
pub use compile::{CompileCommand, CompileLimits, compile_child};
pub use config::ConfigError;
pub use effects::After;
pub use exports::account_events::AccountEvent;
pub use exports::pre_auth::{PreAuthStream, TlsVersion};
pub use filter::Recipient;
pub use inlet::Inlet;
pub use load::PluginSettings;
pub use platform::{BundledPlugin, Platform, PlatformSettings, PluginError, PluginStatus};
pub use services::{ServiceError, Services};
pub use shard::{Inbound, IqAnswer, Shard};
