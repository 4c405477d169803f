//! What instances of a plugin are made from: its component, linked, and the exported interfaces, each bound by itself,
//! since a component exports only those that it serves.

use wasmtime::Store;
use wasmtime::component::{Component, Instance, InstancePre};

use crate::engine::compile::one_line;
use crate::fault::Fault;
use crate::instance::lifecycle::{self, Lifecycle};
use crate::instance::state::State;
use crate::model::interfaces::{Export, ExportSet, PACKAGE, VERSION, interfaces};
use crate::wit::bindings::exports::waxwing::plugin as wit;

/// Interfaces that only hold types: a component that uses those of an import in an export may export them again.
const TYPES: [&str; 4] = ["types", "manifest", "stanzas", "contacts"];

/// Interfaces of ours whose functions wait: those that the bindings make asynchronous.
const WAITING: [&str; 4] = ["accounts", "storage", "http-client", "roster"];

macro_rules! bindings {
    (
        hooks { $($hook:ident = $hook_name:literal, $variant:ident($filter:ty);)+ }
        handlers { $($handler:ident = $handler_name:literal;)+ }
        listeners { $($listener:ident = $listener_name:literal;)+ }
        vetoes { $($veto:ident = $veto_name:literal, $change:ident;)+ }
        providers { $($provider:ident = $provider_name:literal, $role:ident;)+ }
    ) => {
        bindings!(
            @bind $($hook)+ $($handler)+ $($listener)+ $($veto)+ $($provider)+
        );
    };
    (@bind $($field:ident)+) => {
        /// Where a component exports what.
        struct Indices {
            lifecycle: lifecycle::Indices,
            $($field: Option<wit::$field::GuestIndices>,)+
        }

        /// What an instance exports.
        pub(crate) struct Guests {
            pub(crate) lifecycle: Lifecycle,
            $($field: Option<wit::$field::Guest>,)+
        }

        impl Indices {
            fn bind(
                component: &Component,
                pre: &InstancePre<State>,
                lifecycle: lifecycle::Indices,
            ) -> wasmtime::Result<Self> {
                Ok(Self {
                    lifecycle,
                    $($field: is_exported(component, Export::$field)
                        .then(|| wit::$field::GuestIndices::new(pre))
                        .transpose()?,)+
                })
            }

            fn exports(&self) -> ExportSet {
                let all = [$((self.$field.is_some(), Export::$field)),+];
                let exported = all.into_iter().filter(|(exported, _)| *exported);
                exported.map(|(_, export)| export).collect()
            }

            fn load(&self, store: &mut Store<State>, instance: &Instance) -> Result<Guests, ExportError> {
                let lifecycle = self.lifecycle.load(&mut *store, instance);
                Ok(Guests {
                    lifecycle: lifecycle.map_err(|error| ExportError::types(Export::lifecycle, &error))?,
                    $($field: self.$field.as_ref()
                        .map(|indices| indices.load(&mut *store, instance))
                        .transpose()
                        .map_err(|error| ExportError::types(Export::$field, &error))?,)+
                })
            }
        }

        impl Guests {
            $(
                /// The export; a fault of the host's where a plugin without it is asked.
                pub(crate) fn $field(&self) -> Result<&wit::$field::Guest, Fault> {
                    self.$field.as_ref().ok_or_else(|| {
                        Fault::Host(format!("the plugin exports no `{}`", Export::$field.name()))
                    })
                }
            )+
        }
    };
}

interfaces!(bindings);

/// A component that instances can be made of.
pub(crate) struct Template {
    pub(crate) pre: InstancePre<State>,
    indices: Indices,
}

impl Template {
    /// Binds the interfaces that a component exports. An interface of this package that the server does not know, or in
    /// another version, is an error: what the plugin exports it for would not happen.
    pub(crate) fn bind(
        component: &Component,
        pre: InstancePre<State>,
    ) -> Result<Self, ExportError> {
        for (name, _) in component.component_type().exports(component.engine()) {
            check_export(name)?;
        }
        let lifecycle = format!("{PACKAGE}{}{VERSION}", Export::lifecycle.name());
        let lifecycle = lifecycle::Indices::new(component, &lifecycle);
        let lifecycle = lifecycle.ok_or(ExportError::NoLifecycle)?;
        let indices = Indices::bind(component, &pre, lifecycle);
        let indices = indices.map_err(|error| ExportError::Shape(one_line(&error)))?;
        Ok(Self { pre, indices })
    }

    /// The exported interfaces, without `lifecycle`.
    pub(crate) fn exports(&self) -> ExportSet {
        self.indices.exports()
    }

    /// Finds the exports in an instance.
    pub(crate) fn load(
        &self,
        store: &mut Store<State>,
        instance: &Instance,
    ) -> Result<Guests, ExportError> {
        self.indices.load(store, instance)
    }

    /// Whether the component imports only interfaces of ours whose functions return at once.
    pub(crate) fn imports_at_once(&self) -> bool {
        let component = self.pre.component().component_type();
        let imports = component.imports(self.pre.engine());
        let mut names = imports.map(|(name, _)| name.split('@').next().unwrap_or_default());
        names.all(|name| {
            let ours = name.strip_prefix(PACKAGE);
            ours.is_some_and(|interface| !WAITING.contains(&interface))
        })
    }
}

fn is_exported(component: &Component, export: Export) -> bool {
    let name = format!("{PACKAGE}{}{VERSION}", export.name());
    component.get_export_index(None, name).is_some()
}

/// What is wrong with a component's exports.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    #[error(
        "exports no `waxwing:plugin/lifecycle@0.2.0`, so it is no plugin; build it against this server's interfaces"
    )]
    NoLifecycle,
    #[error(
        "exports `{0}`, which this server does not know: it serves version 0.2.0 of lifecycle, {known}; build the plugin against that version",
        known = known()
    )]
    Unknown(String),
    #[error(
        "an export is not as its interface says: {0}; build it against this server's interfaces"
    )]
    Shape(String),
    #[error(
        "exports `{package}{0}{version}` with other types than this server's: {1}; build it against this server's interfaces",
        package = PACKAGE,
        version = VERSION
    )]
    Types(&'static str, String),
}

impl ExportError {
    fn types(export: Export, error: &wasmtime::Error) -> Self {
        Self::Types(export.name(), one_line(error))
    }
}

fn check_export(name: &str) -> Result<(), ExportError> {
    let Some(interface) = name.strip_prefix(PACKAGE) else {
        return Ok(());
    };
    let is_known = |interface: &str| {
        interface == Export::lifecycle.name()
            || Export::granted_as(interface).is_some()
            || TYPES.contains(&interface)
    };
    match interface.strip_suffix(VERSION) {
        Some(interface) if is_known(interface) => Ok(()),
        _ => Err(ExportError::Unknown(name.to_owned())),
    }
}

/// The interfaces that a plugin may export besides `lifecycle`, for people.
fn known() -> String {
    let granted = Export::ALL.iter().skip(1).map(|export| export.name());
    granted.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interfaces_that_wait_are_those_that_the_bindings_make_asynchronous() {
        let bindings = include_str!("../wit/bindings.rs").lines();
        let asynchronous = bindings.filter(|line| line.contains(": async |"));
        let mut names: Vec<_> = asynchronous
            .filter_map(|line| line.split('"').nth(1)?.strip_prefix(PACKAGE))
            .collect();
        let mut waiting = WAITING.to_vec();
        names.sort_unstable();
        waiting.sort_unstable();
        assert_eq!(waiting, names);
    }
}
