//! What every call needs: the engine, what imports reach, the plugins that serve, their counters and their events.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use wasmtime::component::Linker;

use crate::accounting::counters::CountersByPlugin;
use crate::calls::event_queue::{EventQueue, EventReceiver};
use crate::calls::shared_instances::SharedInstances;
use crate::engine::limits::MemoryLimits;
use crate::engine::opaque::Opaque;
use crate::engine::runtime::Runtime;
use crate::imports;
use crate::instance::host_services::HostServices;
use crate::instance::state::State;
use crate::model::services::Services;
use crate::registry::Registry;

/// Handed down to all that calls plugins. One for each process.
pub(crate) struct Context {
    pub(crate) runtime: Runtime,
    pub(crate) linker: Opaque<Linker<State>>,
    pub(crate) services: Arc<HostServices>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) shared_instances: Opaque<SharedInstances>,
    pub(crate) counters: CountersByPlugin,
    pub(crate) events: EventQueue,
    /// Cancelled when the platform stops.
    pub(crate) stopping: CancellationToken,
}

impl Context {
    /// Starts the engine; no plugin serves yet. Guests that run long go on at `guests`. The receiver gives the events
    /// that are queued.
    pub(crate) fn new(
        server: Arc<dyn Services>,
        guests: Handle,
        memory: MemoryLimits,
    ) -> anyhow::Result<(Arc<Self>, EventReceiver)> {
        let runtime = Runtime::start(guests, memory)?;
        let registry = Arc::new(Registry::new());
        let directory = Arc::clone(&registry);
        let (events, receiver) = EventQueue::new();
        let context = Arc::new(Self {
            linker: Opaque::new(imports::linker(&runtime.engine)?),
            runtime,
            services: Arc::new(HostServices::new(server, directory)),
            registry,
            shared_instances: Opaque::new(SharedInstances::default()),
            counters: CountersByPlugin::default(),
            events,
            stopping: CancellationToken::new(),
        });
        Ok((context, receiver))
    }

    /// The server's side.
    pub(crate) fn server(&self) -> &dyn Services {
        &*self.services.server
    }
}
