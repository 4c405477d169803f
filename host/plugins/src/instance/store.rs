//! One instance of a plugin: a store, the guest in it, and the calls that the host makes.

use std::sync::Arc;

use anyhow::Context as _;
use wasmtime::Store;
use wasmtime::component::{Resource, Val};

use crate::engine::cpu_clock::CpuClock;
use crate::engine::limits::{COPIED_BYTES, HANDLES, STREAMS};
use crate::engine::runtime::Runtime;
use crate::fault::Fault;
use crate::instance::host_services::HostServices;
use crate::instance::loaded::Loaded;
use crate::instance::local_effects::{apply_local, roll_back};
use crate::instance::plugin::Plugin;
use crate::instance::state::{LENT, State};
use crate::instance::template::Guests;
use crate::model::effects::Effects;
use crate::model::interfaces::Level;
use crate::wit::bindings::exports::waxwing::plugin::lifecycle::Scope;
use crate::wit::resources::HostStanza;

/// An instance. Serves one call at a time, and is thrown away after a fault: a trap leaves a store unusable.
pub(crate) struct Instance {
    pub(crate) store: Store<State>,
    pub(crate) guests: Guests,
    pub(crate) plugin: Arc<Plugin>,
}

/// An instance between its calls, and their clock. A call takes them apart: the clock runs outside of what it measures.
pub(crate) struct PooledInstance {
    /// In a box, since it goes into each call and comes back.
    pub(crate) instance: Box<Instance>,
    pub(crate) clock: Arc<CpuClock>,
}

impl PooledInstance {
    /// Whose instance it is.
    pub(crate) fn plugin(&self) -> &Arc<Plugin> {
        &self.instance.plugin
    }
}

impl Instance {
    /// Makes an instance and initialises it. Runs guest code: to be metered like a call.
    pub(crate) fn create(
        runtime: &Runtime,
        services: &Arc<HostServices>,
        loaded: &Loaded,
        (scope, level): (usize, Level),
        clock: &Arc<CpuClock>,
    ) -> impl Future<Output = Result<Box<Self>, Fault>> + Send + use<> {
        let of_scope = loaded.scopes.get(scope);
        let hosts = of_scope.map(|scope| scope.hosts.clone());
        let (plugin, template) = (Arc::clone(&loaded.plugin), loaded.template.clone());
        let services = Arc::clone(services);
        let state = State::new(services, runtime, Arc::clone(&plugin), of_scope, level);
        let mut store = new_store(runtime, state, clock);
        async move {
            let hosts = hosts.ok_or_else(|| Fault::Host("no such scope".to_owned()))?;
            let instance = template.pre.instantiate_async(&mut store).await;
            let instance = instance.map_err(|error| explain(&mut store, error.into()))?;
            let guests = template.load(&mut store, &instance);
            // They were compared when the plugin was described.
            let guests = guests.map_err(|error| Fault::Trap(error.to_string()))?;
            let mut instance = Box::new(Self {
                store,
                guests,
                plugin,
            });
            instance.init(hosts).await?;
            Ok(instance)
        }
    }

    async fn init(&mut self, hosts: Vec<String>) -> Result<(), Fault> {
        let scope = Scope { hosts };
        let Self { store, guests, .. } = self;
        let ready = guests.lifecycle.init(store, &scope).await;
        let ready = ready.map_err(|error| explain(store, error.into()))?;
        let mut effects = self.end_call();
        ready.map_err(Fault::Init)?;
        if !effects.is_local() {
            let why = "it stores or sends something; `init` may only read: instances come and go";
            return Err(Fault::Init(why.to_owned()));
        }
        apply_local(&mut effects, &self.plugin);
        Ok(())
    }

    /// Ends the call: its effects, to be committed by the caller.
    pub(crate) fn end_call(&mut self) -> Effects {
        if self.store.data().limiter.is_large() {
            self.plugin.pace.mark_large();
        }
        self.store.data_mut().end_call()
    }

    /// The fault, replaced by its cause where the guest ran out of memory: its trap only follows from that.
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
    /// A call that was cancelled takes its counters back.
    fn drop(&mut self) {
        roll_back(self.store.data_mut().end_call(), &self.plugin);
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
pub(crate) fn describe(
    runtime: &Runtime,
    services: &Arc<HostServices>,
    bare: &Loaded,
    clock: &Arc<CpuClock>,
) -> impl Future<Output = anyhow::Result<Val>> + Send + use<> {
    let (plugin, template) = (Arc::clone(&bare.plugin), bare.template.clone());
    let state = State::new(Arc::clone(services), runtime, plugin, None, Level::Provider);
    let mut store = new_store(runtime, state, clock);
    async move {
        let instance = template.pre.instantiate_async(&mut store).await;
        let instance = instance.map_err(|error| explain(&mut store, error.into()));
        let instance = instance.context(UNDESCRIBED)?;
        let guests = template.load(&mut store, &instance)?;
        let manifest = guests.lifecycle.describe(&mut store).await;
        let manifest = manifest.map_err(|error| explain(&mut store, error.into()));
        manifest.context(UNDESCRIBED)
    }
}

fn new_store(runtime: &Runtime, state: State, clock: &Arc<CpuClock>) -> Store<State> {
    let mut store = Store::new(&runtime.engine, state);
    store.limiter(|state| &mut state.limiter);
    let kept = match store.data().level {
        Level::Provider => STREAMS,
        Level::Veto | Level::Hook => 0,
    };
    store.set_max_component_handles(HANDLES.saturating_add(kept));
    store.set_hostcall_fuel(COPIED_BYTES);
    store.set_epoch_deadline(1);
    let clock = Arc::clone(clock);
    store.epoch_deadline_callback(move |_| clock.on_epoch());
    store
}
