//! WASI 0.2 for the languages whose runtimes import it, with nothing behind it: no files, no sockets, no environment,
//! no arguments, no input. The clocks and random bytes are those of our own imports; what is printed goes to the
//! plugin's log.
//!
//! A component says itself which functions it imports, of what types; so each is linked by what it is in that
//! component, in any version 0.2.x. The few that do something are here (`clocks`, `random`, `streams`, `poll`); every
//! other one refuses (`refuse`).

mod clocks;
mod poll;
mod random;
mod refuse;
mod streams;

use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType};

use crate::instance::state::State;

/// What there is of WASI. Everything else, wasi:http for one, is refused at loading.
const PACKAGES: [&str; 6] = [
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
];

/// Every resource of WASI: there is nothing behind one but the number that it carries.
pub(crate) enum Nothing {}

/// Whether an import is one of those linked here.
pub(crate) fn is_offered(import: &str) -> bool {
    PACKAGES.iter().any(|package| import.starts_with(package))
        && import
            .rsplit_once('@')
            .is_some_and(|(_, version)| version.starts_with("0.2."))
}

/// A linker for a component that imports WASI: the common one, and what that component imports of WASI.
pub(crate) fn linker(
    common: &Linker<State>,
    component: &Component,
) -> wasmtime::Result<Linker<State>> {
    let mut linker = common.clone();
    let engine = component.engine();
    for (name, import) in component.component_type().imports(engine) {
        if let ComponentItem::ComponentInstance(instance) = &import.ty
            && is_offered(name)
        {
            link(&mut linker.instance(name)?, name, instance, component)?;
        }
    }
    Ok(linker)
}

/// Links one interface of a component.
fn link(
    linker: &mut LinkerInstance<'_, State>,
    name: &str,
    instance: &ComponentInstance,
    component: &Component,
) -> wasmtime::Result<()> {
    let interface = name
        .split_once('@')
        .map_or(name, |(interface, _)| interface);
    for (item, export) in instance.exports(component.engine()) {
        match &export.ty {
            ComponentItem::Resource(_) => {
                linker.resource(item, ResourceType::host::<Nothing>(), |_, _| Ok(()))?;
            }
            ComponentItem::ComponentFunc(_) => function(linker, interface, item)?,
            _ => {}
        }
    }
    Ok(())
}

/// Links one function: by what it does, if it does something, else by a refusal.
fn function(
    linker: &mut LinkerInstance<'_, State>,
    interface: &str,
    function: &str,
) -> wasmtime::Result<()> {
    let is_linked = match interface {
        "wasi:clocks/monotonic-clock" | "wasi:clocks/wall-clock" => {
            clocks::link(linker, interface, function)?
        }
        "wasi:io/poll" => poll::link(linker, function)?,
        "wasi:io/streams" | "wasi:cli/stdin" | "wasi:cli/stdout" | "wasi:cli/stderr" => {
            streams::link(linker, function)?
        }
        "wasi:random/random" | "wasi:random/insecure" | "wasi:random/insecure-seed" => {
            random::link(linker, function)?
        }
        _ => false,
    };
    if is_linked {
        return Ok(());
    }
    refuse::link(linker, interface, function)
}
