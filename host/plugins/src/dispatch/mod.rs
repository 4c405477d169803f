//! The doors through which the server reaches plugins.

pub(crate) mod auth_provider;
pub(crate) mod background;
pub(crate) mod event_worker;
pub(crate) mod roster_hooks;
pub(crate) mod roster_provider;
pub(crate) mod server_events;
pub(crate) mod session_provider;
pub(crate) mod shard;
