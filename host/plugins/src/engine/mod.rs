//! wasmtime itself: how it is configured, how components are compiled, and how guests run within their limits.

pub(crate) mod compile;
pub(crate) mod configuration;
pub(crate) mod cpu_clock;
pub(crate) mod executor;
pub(crate) mod limits;
pub(crate) mod opaque;
pub(crate) mod pace;
pub(crate) mod runtime;
pub(crate) mod ticker;
