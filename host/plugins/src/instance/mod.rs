//! One instance of a plugin: its store, what the store holds, and what it is made of.

pub(crate) mod host_services;
pub(crate) mod lifecycle;
pub(crate) mod loaded;
pub(crate) mod local_effects;
pub(crate) mod plugin;
pub(crate) mod printed;
pub(crate) mod state;
pub(crate) mod store;
pub(crate) mod template;
