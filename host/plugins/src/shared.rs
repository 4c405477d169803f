//! What all instances of all plugins share.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use tokio::runtime::{Builder, Handle, Runtime};
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::effects::Reservations;
use crate::engine::{self, Ticker};
use crate::imports;
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
    pub(crate) hosts: Vec<Arc<str>>,
    pub(crate) registry: Registry,
    pub(crate) reservations: Arc<Reservations>,
    /// Where calls go on that ran too long for a thread that serves sockets.
    pub(crate) guests: Handle,
    pub(crate) started: Instant,
}

impl Shared {
    /// Starts the engine. Guests that run long go on at `guests`.
    pub(crate) fn new(services: Arc<dyn Services>, guests: Handle) -> anyhow::Result<Arc<Self>> {
        let (engine, ticker) = engine::for_running()?;
        Ok(Arc::new(Self {
            linker: imports::linker(&engine)?,
            engine,
            ticker,
            hosts: services.hosts().into_iter().map(Arc::from).collect(),
            services,
            registry: Registry::new(),
            reservations: Arc::default(),
            guests,
            started: Instant::now(),
        }))
    }

    /// Whether a domain is served here.
    pub(crate) fn serves(&self, domain: &str) -> bool {
        self.hosts.iter().any(|host| **host == *domain)
    }

    /// A domain to hand on; one that is served is shared.
    pub(crate) fn host(&self, domain: &str) -> Arc<str> {
        let served = self.hosts.iter().find(|host| ***host == *domain);
        served.map_or_else(|| Arc::from(domain), Arc::clone)
    }
}

/// The runtime for guests that run long: one thread, on which they take turns at each tick.
pub(crate) fn guests_runtime() -> anyhow::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder
        .worker_threads(1)
        .thread_name("guests")
        .enable_time();
    builder.build().context("cannot start the guests' runtime")
}
