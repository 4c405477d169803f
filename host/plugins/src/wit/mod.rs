//! What crosses the border to a guest: the bindings that wasmtime generates from `wit/`, and what converts to and from
//! them.

pub(crate) mod bindings;
pub(crate) mod contacts;
pub(crate) mod convert;
pub(crate) mod manifest;
pub(crate) mod resources;
pub(crate) mod xml;
