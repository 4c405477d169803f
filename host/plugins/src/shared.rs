//! What all instances of all plugins share.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::effects::Reservations;
use crate::engine::Ticker;
use crate::registry::Registry;
use crate::services::Services;
use crate::state::State;

/// The platform's common parts. One for each process.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) linker: Linker<State>,
    pub(crate) services: Arc<dyn Services>,
    /// The domains served, prepared.
    pub(crate) hosts: Vec<String>,
    pub(crate) registry: Registry,
    pub(crate) reservations: Arc<Reservations>,
    /// Where calls go on that ran too long for a thread that serves sockets.
    pub(crate) guests: tokio::runtime::Handle,
    pub(crate) started: Instant,
}
