//! The exported interfaces. One table names them all; the enumeration here, the bindings (`instance::template`), the
//! subscriptions (`model::subscriptions`) and the index of what serves (`registry`) are made from it.
//!
//! A new hook is one row of `hooks` and a file in `exports` that makes its calls.

/// The package whose interfaces this server binds.
pub(crate) const PACKAGE: &str = "waxwing:plugin/";
/// The version of those interfaces, as it stands behind their names.
pub(crate) const VERSION: &str = "@0.2.0";

/// Hands the table to a macro. A row is the Rust name and the WIT name of an interface; beyond that:
///
/// - `hooks` are asked in the order of their priorities. The variant of the manifest's subscription, and its filter.
/// - `handlers` are called for what they subscribed to, or for what their plugin caused.
/// - `listeners` are told of events, in no order.
/// - `vetoes` are asked before a change to an account. The change.
/// - `providers` stand in for the server. The role.
macro_rules! interfaces {
    ($with:ident) => {
        $with! {
            hooks {
                inbound = "inbound", Inbound(StanzaFilter<Recipients>);
                deliver = "deliver", Deliver(StanzaFilter<Senders>);
                offline = "offline", Offline(StanzaFilter<Senders>);
                presence = "presence", Presence(StanzaFilter<PresenceSteps>);
                roster_hook = "roster-hook", RosterHook(RosterFilter);
            }
            handlers {
                iq_handler = "iq-handler";
                pre_auth = "pre-auth";
                component = "component";
                reply_handler = "reply-handler";
                timer_handler = "timer-handler";
            }
            listeners {
                account_events = "account-events";
                session_events = "session-events";
                plugin_events = "plugin-events";
            }
            vetoes {
                registration_veto = "registration-veto", Registration;
                password_veto = "password-veto", Password;
                removal_veto = "removal-veto", Removal;
            }
            providers {
                auth_provider = "auth-provider", Auth;
                roster_provider = "roster-provider", Roster;
                session_provider = "session-provider", Session;
            }
        }
    };
}
pub(crate) use interfaces;

macro_rules! enumerate {
    (
        hooks { $($hook:ident = $hook_name:literal, $variant:ident($filter:ty);)+ }
        handlers { $($handler:ident = $handler_name:literal;)+ }
        listeners { $($listener:ident = $listener_name:literal;)+ }
        vetoes { $($veto:ident = $veto_name:literal, $change:ident;)+ }
        providers { $($provider:ident = $provider_name:literal, $role:ident;)+ }
    ) => {
        /// An exported interface.
        #[expect(non_camel_case_types, reason = "named as in the table of interfaces")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Export {
            /// Every plugin exports it, without a grant.
            lifecycle,
            $($hook,)+ $($handler,)+ $($listener,)+ $($veto,)+ $($provider,)+
        }

        impl Export {
            /// All of them, in the order of their numbers.
            pub(crate) const ALL: &[Self] = &[
                Self::lifecycle,
                $(Self::$hook,)+ $(Self::$handler,)+ $(Self::$listener,)+ $(Self::$veto,)+ $(Self::$provider,)+
            ];

            /// The interface's name in WIT, which is also the name of its grant.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    Self::lifecycle => "lifecycle",
                    $(Self::$hook => $hook_name,)+
                    $(Self::$handler => $handler_name,)+
                    $(Self::$listener => $listener_name,)+
                    $(Self::$veto => $veto_name,)+
                    $(Self::$provider => $provider_name,)+
                }
            }
        }

        /// What a plugin may provide in place of the server.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Role { $($role),+ }

        impl Role {
            /// All of them, in the order of their numbers.
            pub(crate) const ALL: [Self; [$(Self::$role),+].len()] = [$(Self::$role),+];

            /// The interface that serves in the role.
            pub(crate) const fn export(self) -> Export {
                match self { $(Self::$role => Export::$provider),+ }
            }
        }

        /// A change to an account that plugins may veto.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum AccountChange { $($change),+ }

        impl AccountChange {
            /// All of them, in the order of their numbers.
            pub(crate) const ALL: [Self; [$(Self::$change),+].len()] = [$(Self::$change),+];

            /// The interface that is asked.
            pub(crate) const fn export(self) -> Export {
                match self { $(Self::$change => Export::$veto),+ }
            }
        }
    };
}

interfaces!(enumerate);

impl Export {
    /// The interface of that name, if it is one that needs a grant.
    pub(crate) fn granted_as(name: &str) -> Option<Self> {
        let mut granted = Self::ALL.iter().skip(1);
        granted.find(|export| export.name() == name).copied()
    }
}

/// Some of the exported interfaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExportSet(u32);

impl ExportSet {
    /// Whether the interface is among them.
    pub(crate) const fn contains(self, export: Export) -> bool {
        self.0 & Self::bit(export) != 0
    }

    /// The names of all but `lifecycle`, in the order of the table.
    pub(crate) fn names(self) -> Vec<&'static str> {
        let granted = Export::ALL.iter().skip(1);
        let own = granted.filter(|export| self.contains(**export));
        own.map(|export| export.name()).collect()
    }

    const fn bit(export: Export) -> u32 {
        1 << (export as u32)
    }
}

impl FromIterator<Export> for ExportSet {
    fn from_iter<T: IntoIterator<Item = Export>>(exports: T) -> Self {
        Self(
            exports
                .into_iter()
                .fold(0, |set, export| set | Self::bit(export)),
        )
    }
}

/// What may lead to what, only downwards: a hook, handler, component or command may cause a veto or ask a provider; a
/// veto may ask a provider; a provider calls no other plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Level {
    /// Calls no other plugin.
    Provider,
    /// Asked about the effects of others; causes none that are asked about.
    Veto,
    /// Everything else.
    Hook,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_are_numbered_as_they_are_listed_and_a_set_holds_each() {
        for (number, export) in Export::ALL.iter().enumerate() {
            assert_eq!(*export as usize, number);
            let set: ExportSet = [*export].into_iter().collect();
            for other in Export::ALL {
                assert_eq!(set.contains(*other), other == export);
            }
        }
        assert_eq!(Export::granted_as("inbound"), Some(Export::inbound));
        assert_eq!(Export::granted_as("lifecycle"), None);
    }
}
