//! Sandboxed WebAssembly components as plugins of an XMPP server.
//!
//! The server makes one [`Platform`] and, for each of its threads, a [`Shard`] to call. Below is `waxwing-xmpp`; above is the
//! server. Nothing here opens a socket, writes SQL or knows a plugin's name.
//!
//! From the outside in: `platform` has the plugins and `changes` brings, replaces and ends them (`load`, `manifest`, `wants`, `compile`, `depend`,
//! `handover`, `choices`, `watch`), `registry` says which plugin
//! wants what (`filter`), `hooks` takes stanzas through all that judge them, a shard takes them to instances (`caller`, `pool`, `slots`, `instance`, `run`, `meter`), which call back
//! into `imports` and leave `effects`.

mod accounting;
mod agenda;
mod asks;
mod auth_offer;
mod bindings;
mod caller;
mod changes;
mod check;
mod choices;
mod compile;
mod config;
mod contact;
mod convert;
mod depend;
mod due;
mod effects;
mod engine;
mod exports;
mod fault;
mod filter;
mod handover;
mod hooks;
#[cfg(test)]
mod hostile;
mod http;
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
mod provider;
mod providing;
mod quarantine;
mod registry;
mod requests;
mod roster_hooks;
mod rosters;
mod run;
mod services;
mod shard;
mod shared;
mod slots;
mod state;
mod status;
mod tenants;
mod timers;
mod trace;
mod wants;
mod watch;
mod way;
mod writes;

pub use accounting::stats::{Bucket, CpuStats, PluginStats};
pub use check::{PluginReport, check};
pub use choices::Choices;
pub use compile::{CompileCommand, CompileLimits, compile_child};
pub use config::ConfigError;
pub use effects::After;
pub use engine::CALLERS_STACK;
pub use exports::account_events::AccountEvent;
pub use exports::auth_provider::Unavailable;
pub use exports::pre_auth::{PreAuthStream, TlsVersion};
pub use filter::{PresenceStep, Recipient, RosterAct, Sender};
pub use http::{HttpError, HttpRequest, HttpResponse, MAX_HTTP_BODY};
pub use inlet::Inlet;
pub use limits::MemoryLimits;
pub use load::PluginSettings;
pub use manifest::is_plugin_name;
pub use platform::{BundledPlugin, Platform, PlatformSettings};
pub use provider::AuthStream;
pub use roster_hooks::{ContactLabel, WordVerdict};
pub use rosters::{ProvidedRoster, RosterChange, RosterEntry, RosterProvider};
pub use services::{ServiceError, Services};
pub use shard::{IqAnswer, Shard};
pub use status::{PluginError, PluginStatus};
pub use tenants::{Claim, RecordedSession, SessionProvider};
pub use trace::{Trace, TraceLine, TracedCall, TracedStanza};
pub use way::{Judged, Judging};
