//! Plain data: what a plugin says of itself, what it may do, and what it caused. Nothing here knows wasmtime.

pub(crate) mod auth_offer;
pub(crate) mod dependencies;
pub(crate) mod effects;
pub(crate) mod filter;
pub(crate) mod http;
pub(crate) mod manifest;
pub(crate) mod memory_table;
pub(crate) mod outcome;
pub(crate) mod services;
pub(crate) mod settings;
pub(crate) mod storage_writes;
pub(crate) mod subscriptions;
