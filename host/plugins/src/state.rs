//! What a store holds beside the guest: the host's side of one instance, and of the call that it serves.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::ResourceTable;

use crate::config::Values;
use crate::effects::{AccountEffect, Reservation};
use crate::exports::Level;
use crate::fault::Fault;
use crate::imports::wasi::Printed;
use crate::limits::{HANDLES, HOST_CALLS, StoreLimiter};
use crate::memory::Change;
use crate::plugin::Plugin;
use crate::shared::Shared;

/// The data of a store.
pub(crate) struct State {
    /// Of the platform.
    pub(crate) shared: Arc<Shared>,
    /// Of the plugin in that version.
    pub(crate) plugin: Arc<Plugin>,
    /// The configuration of the instance's scope.
    pub(crate) config: Arc<Values>,
    /// What the instance is called for.
    pub(crate) level: Level,
    pub(crate) limiter: StoreLimiter,
    /// The host resources that the guest holds handles to.
    pub(crate) resources: ResourceTable,
    pub(crate) call: Call,
    /// What the guest prints, until it ends the line.
    pub(crate) printed: Printed,
}

/// What belongs to the call under way. Thrown away if it fails.
#[derive(Default)]
pub(crate) struct Call {
    host_calls: u32,
    pub(crate) accounts: Vec<AccountEffect>,
    pub(crate) reservations: Vec<Reservation>,
    pub(crate) memory: HashMap<String, Change>,
    pub(crate) added: Vec<(String, i64)>,
}

impl State {
    pub(crate) fn new(
        shared: Arc<Shared>,
        plugin: Arc<Plugin>,
        config: Arc<Values>,
        level: Level,
    ) -> Self {
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(HANDLES);
        Self {
            shared,
            plugin,
            config,
            level,
            limiter: StoreLimiter::default(),
            resources,
            call: Call::default(),
            printed: Printed::default(),
        }
    }

    /// Counts one call into the host. Every import's function begins with it.
    pub(crate) fn charge(&mut self) -> wasmtime::Result<()> {
        self.call.host_calls = self.call.host_calls.saturating_add(1);
        if self.call.host_calls > HOST_CALLS {
            Err(Fault::HostCalls.into())
        } else {
            Ok(())
        }
    }

    /// Whether the operator granted this.
    pub(crate) fn is_granted(&self, grant: &str) -> bool {
        self.plugin.grants.contains(grant)
    }

    /// Ends the call: its effects, to be committed; nothing of it stays in the store. The table of a guest that gave back
    /// all that it was handed is used again.
    pub(crate) fn end_call(&mut self) -> Call {
        self.flush_printed();
        if !self.resources.is_empty() {
            self.resources = ResourceTable::new();
            self.resources.set_max_capacity(HANDLES);
        }
        std::mem::take(&mut self.call)
    }
}

impl Call {
    /// Undoes what was not put off: the counters.
    pub(crate) fn roll_back(self, plugin: &Plugin) {
        for (key, delta) in self.added {
            plugin.memory.take_back(&key, delta);
        }
    }

    /// Applies what needs no waiting: the table.
    pub(crate) fn apply_memory(&mut self, plugin: &Plugin) {
        plugin
            .memory
            .apply(std::mem::take(&mut self.memory), Instant::now());
        self.added.clear();
    }
}
