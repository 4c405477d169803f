//! One instance of a plugin: a store, the guest in it, and the calls that the host makes.

pub(crate) mod lifecycle;
pub(crate) mod plugin;
pub(crate) mod state;
pub(crate) mod template;

use std::sync::Arc;

use anyhow::Context as _;
use wasmtime::Store;
use wasmtime::component::{Resource, Val};

use crate::calls::context::Shared;
use crate::engine::cpu_clock::Meter;
use crate::engine::limits::{COPIED_BYTES, HANDLES, STREAMS};
use crate::exports::{Guests, Level};
use crate::fault::Fault;
use crate::imports::stanzas::HostStanza;
use crate::instance::plugin::Plugin;
use crate::instance::state::{LENT, State};
use crate::model::effects::Effects;
use crate::wit::bindings::exports::waxwing::plugin::lifecycle::Scope;

/// An instance. Serves one call at a time, and is thrown away after a fault: a trap leaves a store unusable.
pub(crate) struct Instance {
    pub(crate) store: Store<State>,
    pub(crate) guests: Guests,
    pub(crate) plugin: Arc<Plugin>,
}

/// An instance between its calls, and their clock. A call takes them apart: the clock runs outside of what it measures.
pub(crate) struct Idle {
    /// In a box, since it goes into each call and comes back.
    pub(crate) instance: Box<Instance>,
    pub(crate) meter: Arc<Meter>,
}

impl Idle {
    /// Whose instance it is.
    pub(crate) fn plugin(&self) -> &Arc<Plugin> {
        &self.instance.plugin
    }
}

impl Instance {
    /// Makes an instance and initialises it. Runs guest code: to be metered like a call.
    pub(crate) async fn create(
        shared: Arc<Shared>,
        plugin: Arc<Plugin>,
        scope: usize,
        level: Level,
        meter: Arc<Meter>,
    ) -> Result<Box<Self>, Fault> {
        let of_scope = plugin
            .scopes
            .get(scope)
            .ok_or_else(|| Fault::Host("no such scope".to_owned()))?;
        let hosts = of_scope.hosts.clone();
        let state = State::new(
            Arc::clone(&shared),
            Arc::clone(&plugin),
            Some(of_scope),
            level,
        );
        let mut store = new_store(&shared, state, &meter);
        let instance = plugin.pre.instantiate_async(&mut store).await;
        let instance = instance.map_err(|error| explain(&mut store, error.into()))?;
        let guests = plugin.exports.load(&mut store, &instance);
        // They were compared when the plugin was described.
        let guests = guests.map_err(|error| Fault::Trap(error.to_string()))?;
        let mut instance = Box::new(Self {
            store,
            guests,
            plugin,
        });
        let scope = Scope { hosts };
        let Self { store, guests, .. } = &mut *instance;
        let ready = guests.lifecycle.init(store, &scope).await;
        let ready = ready.map_err(|error| explain(store, error.into()))?;
        let mut effects = instance.end_call();
        ready.map_err(Fault::Init)?;
        if !effects.is_local() {
            let why = "it stores or sends something; `init` may only read: instances come and go";
            return Err(Fault::Init(why.to_owned()));
        }
        effects.apply_memory(&instance.plugin);
        Ok(instance)
    }

    /// Ends the call: its effects, to be committed by the caller.
    pub(crate) fn end_call(&mut self) -> Effects {
        if self.store.data().limiter.is_large() {
            self.plugin.mark_large();
        }
        self.store.data_mut().end_call()
    }

    /// The fault, told by its cause where the guest ran out of memory: what it did then is only what followed.
    pub(crate) fn explain(&mut self, fault: Fault) -> Fault {
        explain(&mut self.store, fault)
    }

    /// Begins a call: its ticks and what it may make the host copy.
    pub(crate) fn begin(&mut self) {
        self.store.set_epoch_deadline(1);
        self.store.set_hostcall_fuel(COPIED_BYTES);
    }

    /// Begins a call to which so many events led.
    pub(crate) fn begin_at(&mut self, depth: u8) {
        self.begin();
        self.store.data_mut().depth = depth;
    }

    /// Lets the call under way answer the request of this token by itself.
    pub(crate) fn may_answer_later(&mut self, token: u64) {
        self.store.data_mut().token = Some(token);
    }

    /// Begins a call that is about a stanza, and lends it.
    pub(crate) fn lend(&mut self, stanza: HostStanza) -> Resource<HostStanza> {
        self.begin();
        self.store.data_mut().lent = Some(stanza);
        Resource::new_borrow(LENT)
    }
}

impl Drop for Instance {
    /// A call that was given up midway takes its counters back.
    fn drop(&mut self) {
        self.store.data_mut().end_call().roll_back(&self.plugin);
    }
}

/// See [`Instance::explain`].
fn explain(store: &mut Store<State>, fault: Fault) -> Fault {
    let refused = store.data_mut().limiter.take_refused();
    match (fault, refused) {
        (Fault::Trap(_), Some(limit)) => limit,
        (other, _) => other,
    }
}

const UNDESCRIBED: &str = "cannot describe itself";

/// Calls `describe` in a bare instance, of which nothing remains.
pub(crate) async fn describe(
    shared: Arc<Shared>,
    bare: Arc<Plugin>,
    meter: Arc<Meter>,
) -> anyhow::Result<Val> {
    let state = State::new(
        Arc::clone(&shared),
        Arc::clone(&bare),
        None,
        Level::Provider,
    );
    let mut store = new_store(&shared, state, &meter);
    let instance = bare.pre.instantiate_async(&mut store).await;
    let instance = instance.map_err(|error| explain(&mut store, error.into()));
    let instance = instance.context(UNDESCRIBED)?;
    let guests = bare.exports.load(&mut store, &instance)?;
    let manifest = guests.lifecycle.describe(&mut store).await;
    let manifest = manifest.map_err(|error| explain(&mut store, error.into()));
    manifest.context(UNDESCRIBED)
}

fn new_store(shared: &Shared, state: State, meter: &Arc<Meter>) -> Store<State> {
    let mut store = Store::new(&shared.engine, state);
    store.limiter(|state| &mut state.limiter);
    let kept = match store.data().level {
        Level::Provider => STREAMS,
        Level::Veto | Level::Hook => 0,
    };
    store.set_max_component_handles(HANDLES.saturating_add(kept));
    store.set_hostcall_fuel(COPIED_BYTES);
    store.set_epoch_deadline(1);
    let meter = Arc::clone(meter);
    store.epoch_deadline_callback(move |_| meter.look());
    store
}
