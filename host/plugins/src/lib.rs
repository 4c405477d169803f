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
mod calls;
mod dispatch;
mod engine;
mod exports;
mod fault;
#[cfg(test)]
mod hostile;
mod imports;
mod instance;
mod model;
pub mod plain_file;
mod platform;
mod registry;
mod schedule;
mod wit;

pub use accounting::trace::{Trace, TraceLine, TracedCall, TracedStanza};
pub use calls::answering::IqAnswer;
pub use calls::hook_chain::{Judged, Judging};
pub use dispatch::auth_provider::AuthStream;
pub use dispatch::roster_hooks::{ContactLabel, WordVerdict};
pub use dispatch::roster_provider::{ProvidedRoster, RosterChange, RosterEntry, RosterProvider};
pub use dispatch::server_events::{ComponentQueue, Inlet};
pub use dispatch::session_provider::{Claim, RecordedSession, SessionProvider};
pub use dispatch::shard::Shard;
pub use engine::CALLERS_STACK;
pub use engine::compile::{CompileCommand, CompileLimits, MAX_COMPONENT, compile_child};
pub use engine::limits::MemoryLimits;
pub use exports::account_events::AccountEvent;
pub use exports::auth_provider::Unavailable;
pub use exports::pre_auth::{PreAuthStream, TlsVersion};
pub use model::effects::After;
pub use model::filter::{PresenceStep, Recipient, RosterAct, Sender};
pub use model::http::{HttpError, HttpRequest, HttpResponse, MAX_HTTP_BODY};
pub use model::manifest::is_plugin_name;
pub use model::services::{SentStanza, ServiceError, Services};
pub use model::settings::ConfigError;
pub use platform::check::{PluginReport, check};
pub use platform::load::PluginSettings;
pub use platform::operator_state::Choices;
pub use platform::stats::{Bucket, CpuStats, PluginStats};
pub use platform::status::{PluginError, PluginStatus};
pub use platform::{BundledPlugin, Platform, PlatformSettings};
