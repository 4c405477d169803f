//! The doors through which the server reaches plugins: from a shard's own thread (`shard`), about accounts of any shard
//! (`background`), and for events (`server_events`, `event_worker`).

pub(crate) mod auth_provider;
pub(crate) mod background;
pub(crate) mod dispatcher;
pub(crate) mod event_worker;
pub(crate) mod roster_hooks;
pub(crate) mod roster_provider;
pub(crate) mod server_events;
pub(crate) mod session_leases;
pub(crate) mod session_provider;
pub(crate) mod shard;
