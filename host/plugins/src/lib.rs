//! Sandboxed WebAssembly components as plugins of an XMPP server.
//!
//! The server makes one [`Platform`] and, for each of its threads, a [`Shard`] to call. Below is `waxwing-xmpp`; above
//! is the server. Nothing here opens a socket, writes SQL or knows a plugin's name.
//!
//! # Layers
//!
//! Bottom first. A module imports only from layers below its own, which `cargo xtask lint` checks against this list.
//!
//! 1. `fault`: what can go wrong in a call, and who is at fault.
//! 2. `plain_file`: reading and replacing files that may be something else.
//! 3. `wit`: the generated bindings, the resources that guests hold, and XML from guests.
//! 4. `model`: plain data. What a plugin says of itself, what it may do, and what its calls caused.
//! 5. `schedule`: timers and requests whose time runs.
//! 6. `accounting`: what plugins cost, and whether they are in quarantine.
//! 7. `engine`: wasmtime, how it compiles and runs guests, and their limits.
//! 8. `instance`: one store of one plugin.
//! 9. `exports`: the calls that the host makes, a file an interface.
//! 10. `imports`: the functions that guests call, a file an interface.
//! 11. `registry`: which plugins serve now, and what for.
//! 12. `calls`: an instance for each call, hooks in order, and effects committed.
//! 13. `dispatch`: the doors through which the server reaches plugins.
//! 14. `platform`: loading, upgrades, and what the operator sees.

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
pub use calls::hook_chain::{ChainRun, HookVerdict};
pub use dispatch::auth_provider::AuthStream;
pub use dispatch::roster_hooks::{ContactLabel, SubscriptionVerdict};
pub use dispatch::roster_provider::RosterProvider;
pub use dispatch::server_events::{ComponentQueue, PluginEvents};
pub use dispatch::session_provider::SessionProvider;
pub use dispatch::shard::Shard;
pub use engine::compile::{CompileCommand, CompileLimits, MAX_COMPONENT, compile_child};
pub use engine::configuration::CALLERS_STACK;
pub use engine::limits::MemoryLimits;
pub use model::account_event::AccountEvent;
pub use model::filter::{PresenceStep, Recipient, RosterAct, Sender};
pub use model::follow_up::FollowUp;
pub use model::http::{HttpError, HttpRequest, HttpResponse, MAX_HTTP_BODY};
pub use model::names::is_plugin_name;
pub use model::plugin_settings::PluginSettings;
pub use model::pre_auth_stream::{PreAuthStream, TlsVersion};
pub use model::provided::{
    Claim, ProvidedRoster, RecordedSession, RosterChange, RosterEntry, Unavailable,
};
pub use model::services::{SentStanza, ServiceError, Services};
pub use model::settings::ConfigError;
pub use platform::check::{PluginReport, check};
pub use platform::operator_state::OperatorOverrides;
pub use platform::sources::BundledPlugin;
pub use platform::stats::{Bucket, CpuStats, PluginStats};
pub use platform::status::{PluginError, PluginStatus};
pub use platform::{Platform, PlatformSettings};
