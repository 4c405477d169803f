//! The export `lifecycle`. Its functions are found by name: `describe` is called without a static type, since the manifest's type may
//! be that of an older or newer version of the interfaces; the others are typed.

use wasmtime::Store;
use wasmtime::component::{Component, ComponentExportIndex, ComponentNamedList, Func, Instance};
use wasmtime::component::{Lift, Lower, Val};

use crate::instance::state::State;
use crate::wit::bindings::exports::waxwing::plugin::lifecycle::Scope;

/// The answer of a function that may refuse.
type Outcome = (Result<(), String>,);

/// The functions in a component.
pub(crate) struct Indices {
    describe: ComponentExportIndex,
    init: ComponentExportIndex,
    started: ComponentExportIndex,
    save: ComponentExportIndex,
    restore: ComponentExportIndex,
    shutdown: ComponentExportIndex,
}

/// The functions in an instance, their types checked.
pub(crate) struct Lifecycle {
    describe: Func,
    init: Func,
    started: Func,
    save: Func,
    restore: Func,
    shutdown: Func,
}

impl Indices {
    /// Finds the functions of the interface of that full name; `None` if one is missing.
    pub(crate) fn new(component: &Component, interface: &str) -> Option<Self> {
        let interface = component.get_export_index(None, interface)?;
        let find = |name: &str| component.get_export_index(Some(&interface), name);
        Some(Self {
            describe: find("describe")?,
            init: find("init")?,
            started: find("started")?,
            save: find("save")?,
            restore: find("restore")?,
            shutdown: find("shutdown")?,
        })
    }

    /// Finds the functions in an instance, and compares their types with this server's.
    pub(crate) fn load(
        &self,
        store: &mut Store<State>,
        instance: &Instance,
    ) -> wasmtime::Result<Lifecycle> {
        let describe = instance.get_func(&mut *store, self.describe);
        Ok(Lifecycle {
            describe: describe
                .ok_or_else(|| wasmtime::Error::msg("`describe` is not a function"))?,
            init: typed::<(&Scope,), Outcome>(store, instance, &self.init)?,
            started: typed::<(), Outcome>(store, instance, &self.started)?,
            save: typed::<(), (Vec<u8>,)>(store, instance, &self.save)?,
            restore: typed::<(&str, &[u8]), Outcome>(store, instance, &self.restore)?,
            shutdown: typed::<(), ()>(store, instance, &self.shutdown)?,
        })
    }
}

fn typed<P, R>(
    store: &mut Store<State>,
    instance: &Instance,
    index: &ComponentExportIndex,
) -> wasmtime::Result<Func>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    Ok(*instance.get_typed_func::<P, R>(store, index)?.func())
}

impl Lifecycle {
    /// What the plugin says of itself, whatever its type.
    pub(crate) async fn describe(&self, store: &mut Store<State>) -> wasmtime::Result<Val> {
        let mut answer = [Val::Bool(false)];
        self.describe.call_async(store, &[], &mut answer).await?;
        let [manifest] = answer;
        Ok(manifest)
    }

    /// Makes an instance ready for a scope.
    pub(crate) async fn init(
        &self,
        store: &mut Store<State>,
        scope: &Scope,
    ) -> wasmtime::Result<Result<(), String>> {
        let init = self.init.typed::<(&Scope,), Outcome>(&*store)?;
        Ok(init.call_async(store, (scope,)).await?.0)
    }

    /// Says that the plugin is about to serve.
    pub(crate) async fn started(
        &self,
        store: &mut Store<State>,
    ) -> wasmtime::Result<Result<(), String>> {
        let started = self.started.typed::<(), Outcome>(&*store)?;
        Ok(started.call_async(store, ()).await?.0)
    }

    /// What the next version should know.
    pub(crate) async fn save(&self, store: &mut Store<State>) -> wasmtime::Result<Vec<u8>> {
        let save = self.save.typed::<(), (Vec<u8>,)>(&*store)?;
        Ok(save.call_async(store, ()).await?.0)
    }

    /// Hands over what a version saved.
    pub(crate) async fn restore(
        &self,
        store: &mut Store<State>,
        version: &str,
        state: &[u8],
    ) -> wasmtime::Result<Result<(), String>> {
        let restore = self.restore.typed::<(&str, &[u8]), Outcome>(&*store)?;
        Ok(restore.call_async(store, (version, state)).await?.0)
    }

    /// The last call.
    pub(crate) async fn shutdown(&self, store: &mut Store<State>) -> wasmtime::Result<()> {
        let shutdown = self.shutdown.typed::<(), ()>(&*store)?;
        shutdown.call_async(store, ()).await
    }
}
