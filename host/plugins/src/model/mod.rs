//! Plain data: what a plugin says of itself, what it may do, and what it caused. Nothing here knows wasmtime.

pub(crate) mod account_event;
pub(crate) mod asked_limits;
pub(crate) mod auth_offer;
pub(crate) mod call_cost;
pub(crate) mod dependencies;
pub(crate) mod effects;
pub(crate) mod filter;
pub(crate) mod follow_up;
pub(crate) mod handled;
pub(crate) mod http;
pub(crate) mod interfaces;
pub(crate) mod manifest;
pub(crate) mod manifest_error;
pub(crate) mod memory_table;
pub(crate) mod metric_change;
pub(crate) mod names;
pub(crate) mod outcome;
pub(crate) mod plugin_settings;
pub(crate) mod pre_auth_stream;
pub(crate) mod provided;
pub(crate) mod request;
pub(crate) mod services;
pub(crate) mod settings;
pub(crate) mod storage_writes;
pub(crate) mod subscriptions;
pub(crate) mod timer_change;
