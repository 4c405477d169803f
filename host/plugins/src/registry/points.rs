//! Who is called at each point, made from the table of interfaces.

use std::sync::Arc;

use crate::instance::loaded::Loaded;
use crate::model::filter::{RosterFilter, StanzaFilter};
use crate::model::interfaces::{Export, interfaces};
use crate::registry::hooks::Hooks;
use crate::wit::bindings::waxwing::plugin::manifest::PresenceSteps;
use crate::wit::bindings::waxwing::plugin::types::{Recipients, Senders};

macro_rules! points {
    (
        hooks { $($hook:ident = $hook_name:literal, $variant:ident($filter:ty);)+ }
        handlers { $($handlers:tt)* }
        listeners { $($listener:ident = $listener_name:literal;)+ }
        $($others:tt)*
    ) => {
        /// The hooks of each point.
        #[derive(Default)]
        pub(crate) struct HookPoints {
            $(pub(crate) $hook: Hooks<$filter>,)+
        }

        impl HookPoints {
            /// Adds a plugin's hooks; plugins come in the order of their names.
            pub(crate) fn add(&mut self, plugin: &Arc<Loaded>) {
                let subscriptions = &plugin.manifest.subscriptions;
                $(if plugin.serves(Export::$hook) {
                    self.$hook.add(plugin, &subscriptions.$hook);
                })+
            }

            /// Puts them in order, when all are there.
            pub(crate) fn sort(&mut self) {
                $(self.$hook.sort();)+
            }
        }

        /// The plugins that are told of events of each kind, by name.
        #[derive(Default)]
        pub(crate) struct Listeners {
            $(pub(crate) $listener: Vec<Arc<Loaded>>,)+
        }

        impl Listeners {
            /// Adds a plugin to the lists of what it listens to.
            pub(crate) fn add(&mut self, plugin: &Arc<Loaded>) {
                $(if plugin.serves(Export::$listener) {
                    self.$listener.push(Arc::clone(plugin));
                })+
            }
        }
    };
}

interfaces!(points);
