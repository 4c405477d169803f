//! What all instances of all plugins share.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::accounting::Ledgers;
use crate::dispatch::background::{self, Asks};
use crate::dispatch::event_worker::{self, Notices};
use crate::dispatch::session_provider::Tenants;
use crate::engine::limits::{MemoryLimits, MemoryTotals};
use crate::engine::opaque::Opaque;
use crate::engine::{self, Addresses, Ticker};
use crate::imports;
use crate::instance::plugin::Plugin;
use crate::instance::state::State;
use crate::model::effects::Reservations;
use crate::model::services::Services;
use crate::registry::providers::Role;
use crate::registry::{Registry, Snapshot};
use crate::schedule::event::Due;
use crate::schedule::pending_requests::{Owed, Sent, Tokens};
use crate::schedule::queue::Agenda;
use crate::schedule::timers::Timers;

/// The platform's common parts. One for each process.
pub(crate) struct Shared {
    pub(crate) engine: Opaque<Engine>,
    /// What code for the engine must be compiled for.
    pub(crate) addresses: Addresses,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) linker: Opaque<Linker<State>>,
    pub(crate) services: Arc<dyn Services>,
    /// The domains served, prepared.
    pub(crate) hosts: Vec<Arc<str>>,
    pub(crate) registry: Registry,
    pub(crate) ledgers: Ledgers,
    /// The memory of all instances.
    pub(crate) memory: Arc<MemoryTotals>,
    pub(crate) reservations: Arc<Reservations>,
    /// Where calls go on that ran too long for a thread that serves sockets.
    pub(crate) guests: Handle,
    pub(crate) started: Instant,
    pub(crate) notices: Notices,
    pub(crate) asks: Asks,
    pub(crate) tenants: Tenants,
    pub(crate) agenda: Agenda<Due>,
    pub(crate) timers: Timers,
    /// Requests that plugins sent.
    pub(crate) sent: Sent,
    /// Requests that plugins answer later.
    pub(crate) owed: Owed,
    pub(crate) tokens: Tokens,
    /// Cancelled when the platform stops.
    pub(crate) stopping: CancellationToken,
}

impl Shared {
    /// Starts the engine. Guests that run long go on at `guests`.
    pub(crate) fn new(
        services: Arc<dyn Services>,
        guests: Handle,
        memory: MemoryLimits,
    ) -> anyhow::Result<Arc<Self>> {
        let (engine, addresses, ticker) = engine::for_running()?;
        let (notices, posts) = Notices::new();
        let (asks, jobs) = Asks::new();
        let shared = Arc::new(Self {
            linker: Opaque::new(imports::linker(&engine)?),
            engine: Opaque::new(engine),
            addresses,
            ticker,
            hosts: services.hosts().into_iter().map(Arc::from).collect(),
            services,
            registry: Registry::new(),
            ledgers: Ledgers::default(),
            memory: Arc::new(MemoryTotals::new(memory)),
            reservations: Arc::default(),
            guests,
            started: Instant::now(),
            notices,
            asks,
            tenants: Tenants::default(),
            agenda: Agenda::default(),
            timers: Timers::default(),
            sent: Sent::default(),
            owed: Owed::default(),
            tokens: Tokens::default(),
            stopping: CancellationToken::new(),
        });
        event_worker::start(&shared, posts)?;
        background::start(&shared, jobs)?;
        Ok(shared)
    }

    /// Lets plugins serve, each in place of the version of the same name if there is one, all in one switch.
    pub(crate) fn put(&self, plugins: Vec<Arc<Plugin>>) {
        let heard = |snapshot: &Snapshot, name: &str| {
            let mut listeners = snapshot.session_listeners.iter();
            listeners.any(|one| one.manifest.name == name)
        };
        let before = self.registry.keep();
        self.registry.replace(&[], plugins.clone(), &self.hosts);
        self.tell_of_rosters(&before);
        for plugin in plugins {
            let name = plugin.manifest.name.as_str();
            if !heard(&before, name) && heard(&self.registry.now(), name) {
                self.introduce_sessions(&plugin);
            }
        }
    }

    /// Takes plugins out in one switch, with all that is kept for them but their storage.
    pub(crate) fn remove(&self, names: &[String]) {
        let before = self.registry.keep();
        self.registry.replace(names, [], &self.hosts);
        self.tell_of_rosters(&before);
        for name in names {
            self.timers.forget(&self.agenda, name);
            self.notices.forget(name);
        }
    }

    /// Tells the server where somebody else keeps the rosters than before.
    fn tell_of_rosters(&self, before: &Snapshot) {
        let keeper = |snapshot: &Snapshot, host: &str| {
            let provider = snapshot.providers.at(Role::Rosters, host);
            provider.map(|plugin| plugin.manifest.name.clone())
        };
        let now = self.registry.now();
        let hosts = self.hosts.iter();
        let moved = hosts.filter(|host| keeper(before, host) != keeper(&now, host));
        let moved: Vec<String> = moved.map(ToString::to_string).collect();
        if !moved.is_empty() {
            self.services.rosters_moved(moved);
        }
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
///
/// Dropping it does not wait for the guests. tokio panics where a runtime that waits is dropped inside another one, which
/// is where a start of the platform may fail.
pub(crate) struct GuestsRuntime {
    handle: Handle,
    /// There until it is dropped.
    runtime: Option<Runtime>,
}

impl GuestsRuntime {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        builder
            .worker_threads(1)
            .thread_name("guests")
            .enable_time();
        let runtime = builder
            .build()
            .context("cannot start the guests' runtime")?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    /// Where to spawn the calls of guests that run long.
    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl Drop for GuestsRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
