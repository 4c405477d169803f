//! The exported interfaces, each bound by itself, since a component exports only those that it serves. A new one is one
//! line in the table at the end.

use wasmtime::Store;
use wasmtime::component::{Component, Instance, InstancePre};

use crate::engine::compile::one_line;
use crate::fault::Fault;
use crate::instance::lifecycle::{self, Lifecycle};
use crate::instance::state::State;
use crate::wit::bindings::exports::waxwing::plugin as wit;

/// The package whose interfaces this server binds, and their version.
pub(crate) const PACKAGE: &str = "waxwing:plugin/";
pub(crate) const VERSION: &str = "@0.2.0";

/// Interfaces that only hold types: a component that uses those of an import in an export may export them again.
const TYPES: [&str; 4] = ["types", "manifest", "stanzas", "contacts"];

macro_rules! exports {
    ($($field:ident = $name:literal),+ $(,)?) => {
        /// What a component exports.
        pub(crate) struct Exports {
            lifecycle: lifecycle::Indices,
            $(pub(crate) $field: Option<wit::$field::GuestIndices>,)+
        }

        /// What an instance exports.
        pub(crate) struct Guests {
            pub(crate) lifecycle: Lifecycle,
            $($field: Option<wit::$field::Guest>,)+
        }

        /// An exported interface, as calls are counted by it.
        #[expect(non_camel_case_types, reason = "named as in the table below")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Export { lifecycle, $($field),+ }

        impl Export {
            /// All of them, in the order of their numbers.
            pub(crate) const ALL: &[Self] = &[Self::lifecycle, $(Self::$field),+];

            /// The interface's name.
            pub(crate) const fn name(self) -> &'static str {
                match self { Self::lifecycle => "lifecycle", $(Self::$field => $name),+ }
            }
        }

        /// The exported interfaces that need a grant of their name.
        const GRANTED: &[&str] = &[$($name),+];

        impl Exports {
            fn bind_all(component: &Component, pre: &InstancePre<State>, lifecycle: lifecycle::Indices) -> wasmtime::Result<Self> {
                Ok(Self {
                    lifecycle,
                    $($field: is_exported(component, $name)
                        .then(|| wit::$field::GuestIndices::new(pre))
                        .transpose()?,)+
                })
            }

            /// The exported interfaces that need a grant.
            pub(crate) fn names(&self) -> Vec<&'static str> {
                let all = [$((self.$field.is_some(), $name)),+];
                let exported = all.into_iter().filter(|(exported, _)| *exported);
                exported.map(|(_, name)| name).collect()
            }

            /// Finds the exports in an instance.
            pub(crate) fn load(&self, store: &mut Store<State>, instance: &Instance) -> Result<Guests, ExportError> {
                let lifecycle = self.lifecycle.load(&mut *store, instance);
                Ok(Guests {
                    lifecycle: lifecycle.map_err(|error| ExportError::types("lifecycle", &error))?,
                    $($field: self.$field.as_ref()
                        .map(|indices| indices.load(&mut *store, instance))
                        .transpose()
                        .map_err(|error| ExportError::types($name, &error))?,)+
                })
            }
        }

        impl Guests {
            $(
                /// The export; a fault of the host's where a plugin without it is asked.
                pub(crate) fn $field(&self) -> Result<&wit::$field::Guest, Fault> {
                    self.$field.as_ref().ok_or_else(|| {
                        Fault::Host(concat!("the plugin exports no `", $name, "`").to_owned())
                    })
                }
            )+
        }
    };
}

exports! {
    inbound = "inbound",
    deliver = "deliver",
    offline = "offline",
    presence = "presence",
    roster_hook = "roster-hook",
    iq_handler = "iq-handler",
    pre_auth = "pre-auth",
    component = "component",
    reply_handler = "reply-handler",
    timer_handler = "timer-handler",
    account_events = "account-events",
    session_events = "session-events",
    plugin_events = "plugin-events",
    registration_veto = "registration-veto",
    password_veto = "password-veto",
    removal_veto = "removal-veto",
    auth_provider = "auth-provider",
    roster_provider = "roster-provider",
    session_provider = "session-provider",
}

impl Exports {
    /// Binds the interfaces that a component exports. An interface of this package that the server does not know, or in
    /// another version, is an error: what the plugin exports it for would not happen.
    pub(crate) fn bind(
        component: &Component,
        pre: &InstancePre<State>,
    ) -> Result<Self, ExportError> {
        for (name, _) in component.component_type().exports(component.engine()) {
            check_export(name)?;
        }
        let lifecycle = lifecycle::Indices::new(component, &format!("{PACKAGE}lifecycle{VERSION}"));
        let lifecycle = lifecycle.ok_or(ExportError::NoLifecycle)?;
        Self::bind_all(component, pre, lifecycle)
            .map_err(|error| ExportError::Shape(one_line(&error)))
    }
}

fn is_exported(component: &Component, interface: &str) -> bool {
    let name = format!("{PACKAGE}{interface}{VERSION}");
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
        "exports `{0}`, which this server does not know; it serves version 0.2.0 of lifecycle, {known}",
        known = GRANTED.join(", ")
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
    fn types(interface: &'static str, error: &wasmtime::Error) -> Self {
        Self::Types(interface, one_line(error))
    }
}

fn check_export(name: &str) -> Result<(), ExportError> {
    let Some(interface) = name.strip_prefix(PACKAGE) else {
        return Ok(());
    };
    let is_known = |interface: &str| {
        interface == "lifecycle" || GRANTED.contains(&interface) || TYPES.contains(&interface)
    };
    match interface.strip_suffix(VERSION) {
        Some(interface) if is_known(interface) => Ok(()),
        _ => Err(ExportError::Unknown(name.to_owned())),
    }
}
