//! What a store holds beside the guest: the host's side of one instance, and of the call that it serves.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::ResourceTable;

use crate::engine::limits::{HANDLES, HOST_CALLS, StoreLimiter};
use crate::engine::runtime::Runtime;
use crate::fault::Fault;
use crate::instance::host_services::HostServices;
use crate::instance::plugin::{Plugin, Scope};
use crate::instance::printed::Printed;
use crate::model::effects::Effects;
use crate::model::interfaces::Level;
use crate::model::settings::Values;
use crate::wit::resources::HostStanza;

/// The handle of [`State::lent`]: there is only ever one.
pub(crate) const LENT: u32 = 0;

/// The data of a store.
pub(crate) struct State {
    /// What imports reach beyond the store.
    pub(crate) services: Arc<HostServices>,
    /// When the platform started.
    pub(crate) started: Instant,
    /// Of the plugin in that version.
    pub(crate) plugin: Arc<Plugin>,
    /// The configuration of the instance's scope.
    pub(crate) config: Arc<Values>,
    /// The first domain of that scope.
    host: Arc<str>,
    /// What the instance is called for.
    pub(crate) level: Level,
    pub(crate) limiter: StoreLimiter,
    /// The host resources that the guest holds handles to.
    pub(crate) resources: ResourceTable,
    /// The stanza that the call under way is about.
    pub(crate) lent: Option<HostStanza>,
    /// What the guest prints, until it ends the line.
    pub(crate) printed: Printed,
    /// Calls into the host during the call under way.
    host_calls: u32,
    /// How many events led to the call under way.
    pub(crate) depth: u8,
    /// The name of the request that the call under way may answer later.
    pub(crate) token: Option<u64>,
    /// What the call under way caused so far. Thrown away if it fails.
    pub(crate) call: Effects,
}

impl State {
    pub(crate) fn new(
        services: Arc<HostServices>,
        runtime: &Runtime,
        plugin: Arc<Plugin>,
        scope: Option<&Scope>,
        level: Level,
    ) -> Self {
        let config = scope.map(|scope| Arc::clone(&scope.config));
        let host = scope.and_then(|scope| scope.hosts.first());
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(HANDLES);
        let limiter = StoreLimiter::new(
            plugin.limits.memory,
            Arc::clone(&plugin.counters),
            Arc::clone(&runtime.memory),
        );
        Self {
            host: services.host(host.map_or("", String::as_str)),
            config: config.unwrap_or_default(),
            services,
            started: runtime.started,
            plugin,
            level,
            limiter,
            resources,
            lent: None,
            printed: Printed::default(),
            host_calls: 0,
            depth: 0,
            token: None,
            call: Effects::default(),
        }
    }

    /// Counts one call into the host. Every import's function begins with it.
    pub(crate) fn charge(&mut self) -> wasmtime::Result<()> {
        self.host_calls = self.host_calls.saturating_add(1);
        if self.host_calls > HOST_CALLS {
            Err(Fault::HostCalls.into())
        } else {
            Ok(())
        }
    }

    /// A domain of the scope that the instance serves.
    pub(crate) fn host(&self) -> Arc<str> {
        Arc::clone(&self.host)
    }

    /// Whether the operator granted this.
    pub(crate) fn is_granted(&self, grant: &str) -> bool {
        self.plugin.grants.contains(grant)
    }

    /// Ends the call: its effects, to be committed; nothing of it stays in the store. The table of a guest that gave
    /// back all that it was handed is used again.
    pub(crate) fn end_call(&mut self) -> Effects {
        let log = &self.plugin.counters.logs;
        self.printed.flush(log, &self.plugin.manifest.name);
        self.host_calls = 0;
        let depth = std::mem::take(&mut self.depth);
        self.call.led_to_by(depth);
        self.token = None;
        // What it was refused and got over explains no later fault.
        self.limiter.take_refused();
        self.lent = None;
        if !self.resources.is_empty() {
            self.resources = ResourceTable::new();
            self.resources.set_max_capacity(HANDLES);
        }
        std::mem::take(&mut self.call)
    }
}
