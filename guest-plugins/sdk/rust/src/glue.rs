//! Between the generated bindings and the traits, in a component.

use std::cell::OnceCell;

use crate::log;

/// Where an instance of the component keeps its plugin. A guest has one thread.
pub struct PluginCell<P>(OnceCell<P>);

impl<P> Default for PluginCell<P> {
    fn default() -> Self {
        Self(OnceCell::new())
    }
}

impl<P> PluginCell<P> {
    /// Keeps the plugin that `init` made. The host calls `init` once in an instance; a second plugin is not kept.
    pub fn fill(&self, plugin: P) {
        drop(self.0.set(plugin));
    }

    /// Lends the plugin. The host calls nothing else before `init`: a call all the same is a trap.
    pub fn lend<R>(&self, f: impl FnOnce(&P) -> R) -> R {
        match self.0.get() {
            Some(plugin) => f(plugin),
            None => std::process::abort(),
        }
    }
}

/// A panic is a trap without words: this writes the words to the log first.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        log::write(log::Level::Error, &panic.to_string());
    }));
}

/// Makes the component from a plugin and the traits that it implements: `plugin!(MyPlugin: Inbound, IqHandler);`
///
/// Natively it makes nothing and only looks whether the traits are there: a [`Harness`](crate::harness::Harness) calls
/// the plugin itself.
#[macro_export]
macro_rules! plugin {
    ($plugin:ty $(: $($interface:ident),+ $(,)?)?) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            $crate::__component!($plugin $(: $($interface),+)?);
        };
        #[cfg(not(target_family = "wasm"))]
        const _: () = {
            $crate::__serves::<$plugin, _>(<$plugin as $crate::Plugin>::init);
            $($($crate::__interface_check!($interface, $plugin);)+)?
        };
    };
}

/// Names a plugin's entry point, so that it counts as used.
#[doc(hidden)]
pub const fn __serves<P, F: Copy>(_: F) {}

#[doc(hidden)]
#[macro_export]
macro_rules! __interface_check {
    (Inbound, $plugin:ty) => {
        $crate::__serves::<$plugin, _>(<$plugin as $crate::Inbound>::filter);
    };
    (Deliver, $plugin:ty) => {
        $crate::__serves::<$plugin, _>(<$plugin as $crate::Deliver>::filter);
    };
    (Offline, $plugin:ty) => {
        $crate::__serves::<$plugin, _>(<$plugin as $crate::Offline>::filter);
    };
    (Presence, $plugin:ty) => {
        $crate::__serves::<$plugin, _>(<$plugin as $crate::Presence>::filter);
    };
    (RosterHook, $plugin:ty) => {
        $crate::__serves::<$plugin, _>(<$plugin as $crate::RosterHook>::show);
    };
    (IqHandler, $plugin:ty) => {
        $crate::__serves::<$plugin, _>(<$plugin as $crate::IqHandler>::handle);
    };
    (PreAuth, $plugin:ty) => {
        $crate::__serves::<$plugin, _>(<$plugin as $crate::PreAuth>::handle);
    };
    (LateIqHandler, $plugin:ty) => {
        $crate::__serves::<$plugin, _>(<$plugin as $crate::LateIqHandler>::handle);
    };
    (Component, $plugin:ty) => {
        $crate::__serves::<$plugin, _>(<$plugin as $crate::Component>::handle);
    };
    (ReplyHandler, $plugin:ty) => {
        $crate::__serves::<$plugin, _>(<$plugin as $crate::ReplyHandler>::answered);
    };
    (TimerHandler, $plugin:ty) => {
        $crate::__serves::<$plugin, _>(<$plugin as $crate::TimerHandler>::due);
    };
    (AccountEvents, $plugin:ty) => {
        $crate::__serves::<$plugin, _>(<$plugin as $crate::AccountEvents>::registered);
    };
    (SessionEvents, $plugin:ty) => {
        $crate::__serves::<$plugin, _>(<$plugin as $crate::SessionEvents>::bound);
    };
    (PluginEvents, $plugin:ty) => {
        $crate::__serves::<$plugin, _>(<$plugin as $crate::PluginEvents>::published);
    };
    (RegistrationVeto, $plugin:ty) => {
        $crate::__serves::<$plugin, _>(<$plugin as $crate::RegistrationVeto>::registering);
    };
    (PasswordVeto, $plugin:ty) => {
        $crate::__serves::<$plugin, _>(<$plugin as $crate::PasswordVeto>::changing);
    };
    (RemovalVeto, $plugin:ty) => {
        $crate::__serves::<$plugin, _>(<$plugin as $crate::RemovalVeto>::removing);
    };
    (SessionProvider, $plugin:ty) => {
        $crate::__serves::<$plugin, _>(<$plugin as $crate::SessionProvider>::bind);
    };
    (RosterProvider, $plugin:ty) => {
        $crate::__serves::<$plugin, _>(<$plugin as $crate::RosterProvider>::contacts);
    };
    (AuthProvider, $plugin:ty) => {
        $crate::__serves::<$plugin, _>(<$plugin as $crate::AuthProvider>::stream);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __component {
    ($plugin:ty $(: $($interface:ident),+)?) => {
            struct Component;

            ::std::thread_local! {
                static PLUGIN: $crate::PluginCell<$plugin> = $crate::PluginCell::default();
            }

            impl $crate::bindings::lifecycle::exports::waxwing::plugin::lifecycle::Guest for Component {
                fn describe() -> $crate::bindings::lifecycle::waxwing::plugin::manifest::PluginManifest {
                    $crate::report_panics();
                    <$plugin as $crate::Plugin>::manifest().into_wit()
                }

                fn init(scope: $crate::Scope) -> ::std::result::Result<(), ::std::string::String> {
                    $crate::report_panics();
                    let plugin = <$plugin as $crate::Plugin>::init(scope)?;
                    PLUGIN.with(|slot| slot.fill(plugin));
                    ::std::result::Result::Ok(())
                }

                fn started() -> ::std::result::Result<(), ::std::string::String> {
                    PLUGIN.with(|slot| slot.lend(<$plugin as $crate::Plugin>::started))
                }

                fn save() -> ::std::vec::Vec<u8> {
                    PLUGIN.with(|slot| slot.lend(<$plugin as $crate::Plugin>::save))
                }

                fn restore(
                    from: ::std::string::String,
                    state: ::std::vec::Vec<u8>,
                ) -> ::std::result::Result<(), ::std::string::String> {
                    PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::Plugin>::restore(plugin, &from, &state)))
                }

                fn shutdown() {
                    PLUGIN.with(|slot| slot.lend(<$plugin as $crate::Plugin>::shutdown));
                }
            }

            $crate::bindings::lifecycle::export_lifecycle!(Component with_types_in $crate::bindings::lifecycle);
            $($($crate::__interface!($interface, $plugin);)+)?
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __interface {
    (Inbound, $plugin:ty) => {
        impl $crate::bindings::inbound::exports::waxwing::plugin::inbound::Guest for Component {
            fn filter(stanza: &$crate::Stanza) -> $crate::bindings::inbound::exports::waxwing::plugin::inbound::Verdict {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::Inbound>::filter(plugin, stanza))).into()
            }
        }
        $crate::bindings::inbound::export_inbound!(Component with_types_in $crate::bindings::inbound);
    };
    (Deliver, $plugin:ty) => {
        impl $crate::bindings::deliver::exports::waxwing::plugin::deliver::Guest for Component {
            fn filter(stanza: &$crate::Stanza, session: ::std::string::String) -> $crate::bindings::deliver::exports::waxwing::plugin::deliver::Verdict {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::Deliver>::filter(plugin, stanza, &session))).into()
            }
        }
        $crate::bindings::deliver::export_deliver!(Component with_types_in $crate::bindings::deliver);
    };
    (Offline, $plugin:ty) => {
        impl $crate::bindings::offline::exports::waxwing::plugin::offline::Guest for Component {
            fn filter(message: &$crate::Stanza, account: ::std::string::String) -> $crate::bindings::offline::exports::waxwing::plugin::offline::Verdict {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::Offline>::filter(plugin, message, &account))).into()
            }
        }
        $crate::bindings::offline::export_offline!(Component with_types_in $crate::bindings::offline);
    };
    (Presence, $plugin:ty) => {
        impl $crate::bindings::presence::exports::waxwing::plugin::presence::Guest for Component {
            fn filter(presence: &$crate::Stanza, id: u64, step: $crate::PresenceStep) -> $crate::bindings::presence::exports::waxwing::plugin::presence::Verdict {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::Presence>::filter(plugin, presence, id, step))).into()
            }
            fn ended(session: ::std::string::String, id: u64) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::Presence>::ended(plugin, &session, id)))
            }
        }
        $crate::bindings::presence::export_presence!(Component with_types_in $crate::bindings::presence);
    };
    (RosterHook, $plugin:ty) => {
        const _: () = {
            use ::std::{result::Result, string::String, vec::Vec};
            use $crate::bindings::roster_hook::exports::waxwing::plugin::roster_hook as wit;
            use $crate::RosterHook;

            fn with<R>(f: impl FnOnce(&$plugin) -> R) -> R {
                PLUGIN.with(|slot| slot.lend(f))
            }

            impl wit::Guest for Component {
                fn show(account: String, contacts: Vec<$crate::Contact>) -> wit::View {
                    with(|plugin| RosterHook::show(plugin, &account, &contacts)).into()
                }
                fn update(account: String, contact: String, label: wit::RosterItemUpdate) -> wit::Edit {
                    with(|plugin| RosterHook::update(plugin, &account, &contact, &label)).into()
                }
                fn remove(account: String, contact: String) -> Result<(), $crate::bindings::lifecycle::waxwing::plugin::types::StanzaError> {
                    Result::Ok(with(|plugin| RosterHook::remove(plugin, &account, &contact))?)
                }
                fn outbound(account: String, contact: String, word: $crate::SubscriptionAction, presence: &$crate::Stanza) -> wit::OutboundVerdict {
                    with(|plugin| RosterHook::outbound(plugin, &account, &contact, word, presence)).into()
                }
                fn inbound(account: String, contact: String, word: $crate::SubscriptionAction, presence: &$crate::Stanza) -> wit::InboundVerdict {
                    with(|plugin| RosterHook::inbound(plugin, &account, &contact, word, presence))
                }
            }
        };
        $crate::bindings::roster_hook::export_roster_hook!(Component with_types_in $crate::bindings::roster_hook);
    };
    (IqHandler, $plugin:ty) => {
        impl $crate::bindings::iq_handler::exports::waxwing::plugin::iq_handler::Guest for Component {
            fn handle(request: &$crate::Stanza, _: u64) -> $crate::bindings::iq_handler::exports::waxwing::plugin::iq_handler::Handled {
                $crate::Deferred::Now(PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::IqHandler>::handle(plugin, request)))).into()
            }
        }
        $crate::bindings::iq_handler::export_iq_handler!(Component with_types_in $crate::bindings::iq_handler);
    };
    (LateIqHandler, $plugin:ty) => {
        impl $crate::bindings::iq_handler::exports::waxwing::plugin::iq_handler::Guest for Component {
            fn handle(request: &$crate::Stanza, token: u64) -> $crate::bindings::iq_handler::exports::waxwing::plugin::iq_handler::Handled {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::LateIqHandler>::handle(plugin, request, token))).into()
            }
        }
        $crate::bindings::iq_handler::export_iq_handler!(Component with_types_in $crate::bindings::iq_handler);
    };
    (PreAuth, $plugin:ty) => {
        impl $crate::bindings::pre_auth::exports::waxwing::plugin::pre_auth::Guest for Component {
            fn features(on: $crate::PreAuthStream) -> ::std::vec::Vec<::std::string::String> {
                let features = PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::PreAuth>::features(plugin, &on)));
                features.iter().map($crate::Element::to_xml).collect()
            }

            fn handle(
                on: $crate::PreAuthStream,
                request: &$crate::Stanza,
            ) -> ::std::result::Result<::std::option::Option<::std::string::String>, $crate::bindings::lifecycle::waxwing::plugin::types::StanzaError> {
                let answer =
                    PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::PreAuth>::handle(plugin, &on, request)))?;
                ::std::result::Result::Ok(answer.map(|payload| payload.to_xml()))
            }
        }
        $crate::bindings::pre_auth::export_pre_auth!(Component with_types_in $crate::bindings::pre_auth);
    };
    (Component, $plugin:ty) => {
        impl $crate::bindings::component::exports::waxwing::plugin::component::Guest for Component {
            fn handle(stanza: &$crate::Stanza, token: u64) -> $crate::bindings::component::exports::waxwing::plugin::component::Handled {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::Component>::handle(plugin, stanza, token))).into()
            }
        }
        $crate::bindings::component::export_component!(Component with_types_in $crate::bindings::component);
    };
    (ReplyHandler, $plugin:ty) => {
        impl $crate::bindings::reply_handler::exports::waxwing::plugin::reply_handler::Guest for Component {
            fn answered(token: u64, reply: &$crate::Stanza) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::ReplyHandler>::answered(plugin, token, reply)))
            }

            fn timed_out(token: u64) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::ReplyHandler>::timed_out(plugin, token)))
            }
        }
        $crate::bindings::reply_handler::export_reply_handler!(Component with_types_in $crate::bindings::reply_handler);
    };
    (TimerHandler, $plugin:ty) => {
        impl $crate::bindings::timer_handler::exports::waxwing::plugin::timer_handler::Guest for Component {
            fn due(name: ::std::string::String) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::TimerHandler>::due(plugin, &name)))
            }
        }
        $crate::bindings::timer_handler::export_timer_handler!(Component with_types_in $crate::bindings::timer_handler);
    };
    (AccountEvents, $plugin:ty) => {
        impl $crate::bindings::account_events::exports::waxwing::plugin::account_events::Guest for Component {
            fn registered(account: ::std::string::String) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AccountEvents>::registered(plugin, &account)))
            }
            fn password_changed(account: ::std::string::String) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AccountEvents>::password_changed(plugin, &account)))
            }
            fn removed(account: ::std::string::String) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AccountEvents>::removed(plugin, &account)))
            }
            fn disabled(account: ::std::string::String) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AccountEvents>::disabled(plugin, &account)))
            }
            fn enabled(account: ::std::string::String) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AccountEvents>::enabled(plugin, &account)))
            }
        }
        $crate::bindings::account_events::export_account_events!(Component with_types_in $crate::bindings::account_events);
    };
    (SessionEvents, $plugin:ty) => {
        impl $crate::bindings::session_events::exports::waxwing::plugin::session_events::Guest for Component {
            fn bound(session: $crate::Session) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::SessionEvents>::bound(plugin, &session)))
            }
            fn unbound(session: $crate::Session) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::SessionEvents>::unbound(plugin, &session)))
            }
        }
        $crate::bindings::session_events::export_session_events!(Component with_types_in $crate::bindings::session_events);
    };
    (PluginEvents, $plugin:ty) => {
        impl $crate::bindings::plugin_events::exports::waxwing::plugin::plugin_events::Guest for Component {
            fn published(event: $crate::Event) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::PluginEvents>::published(plugin, &event)))
            }
        }
        $crate::bindings::plugin_events::export_plugin_events!(Component with_types_in $crate::bindings::plugin_events);
    };
    (RegistrationVeto, $plugin:ty) => {
        impl $crate::bindings::registration_veto::exports::waxwing::plugin::registration_veto::Guest for Component {
            fn registering(account: ::std::string::String, by: ::std::string::String) -> ::std::result::Result<(), $crate::bindings::lifecycle::waxwing::plugin::types::StanzaError> {
                ::std::result::Result::Ok(PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::RegistrationVeto>::registering(plugin, &account, &by)))?)
            }
        }
        $crate::bindings::registration_veto::export_registration_veto!(Component with_types_in $crate::bindings::registration_veto);
    };
    (PasswordVeto, $plugin:ty) => {
        impl $crate::bindings::password_veto::exports::waxwing::plugin::password_veto::Guest for Component {
            fn changing(account: ::std::string::String, by: ::std::string::String) -> ::std::result::Result<(), $crate::bindings::lifecycle::waxwing::plugin::types::StanzaError> {
                ::std::result::Result::Ok(PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::PasswordVeto>::changing(plugin, &account, &by)))?)
            }
        }
        $crate::bindings::password_veto::export_password_veto!(Component with_types_in $crate::bindings::password_veto);
    };
    (RemovalVeto, $plugin:ty) => {
        impl $crate::bindings::removal_veto::exports::waxwing::plugin::removal_veto::Guest for Component {
            fn removing(account: ::std::string::String, by: ::std::string::String) -> ::std::result::Result<(), $crate::bindings::lifecycle::waxwing::plugin::types::StanzaError> {
                ::std::result::Result::Ok(PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::RemovalVeto>::removing(plugin, &account, &by)))?)
            }
        }
        $crate::bindings::removal_veto::export_removal_veto!(Component with_types_in $crate::bindings::removal_veto);
    };
    (SessionProvider, $plugin:ty) => {
        const _: () = {
            use ::std::{option::Option, result::Result, string::String, vec::Vec};
            use $crate::bindings::session_provider::exports::waxwing::plugin::session_provider as wit;
            use $crate::SessionProvider;

            fn with<R>(f: impl FnOnce(&$plugin) -> R) -> R {
                PLUGIN.with(|slot| slot.lend(f))
            }

            impl wit::Guest for Component {
                fn bind(session: wit::Session) -> Result<wit::Claim, wit::Failure> {
                    with(|plugin| SessionProvider::bind(plugin, &session))
                }
                fn unbind(session: wit::Session) {
                    with(|plugin| SessionProvider::unbind(plugin, &session));
                }
                fn release(jid: String) -> Result<(), wit::Failure> {
                    with(|plugin| SessionProvider::release(plugin, &jid))
                }
                fn set_presence(session: wit::Session, priority: Option<i8>, presence: Option<String>) -> Result<(), wit::Failure> {
                    with(|plugin| SessionProvider::set_presence(plugin, &session, priority, presence.as_deref()))
                }
                fn resources(account: String) -> Result<Vec<wit::Entry>, wit::Failure> {
                    with(|plugin| SessionProvider::resources(plugin, &account))
                }
            }
        };
        $crate::bindings::session_provider::export_session_provider!(Component with_types_in $crate::bindings::session_provider);
    };
    (RosterProvider, $plugin:ty) => {
        const _: () = {
            use ::std::{option::Option, result::Result, string::String, vec::Vec};
            use $crate::bindings::roster_provider::exports::waxwing::plugin::roster_provider as wit;
            use $crate::RosterProvider;

            fn with<R>(f: impl FnOnce(&$plugin) -> R) -> R {
                PLUGIN.with(|slot| slot.lend(f))
            }

            impl wit::Guest for Component {
                fn bind(session: wit::Session) {
                    with(|plugin| RosterProvider::bind(plugin, &session));
                }
                fn unbind(session: wit::Session) {
                    with(|plugin| RosterProvider::unbind(plugin, &session));
                }
                fn get_contacts(account: String) -> Result<wit::Roster, wit::Failure> {
                    with(|plugin| RosterProvider::contacts(plugin, &account))
                }
                fn get_contact(account: String, contact: String) -> Result<Option<$crate::Contact>, wit::Failure> {
                    with(|plugin| RosterProvider::contact(plugin, &account, &contact))
                }
                fn update_contact(account: String, contact: String, name: Option<String>, groups: Vec<String>) -> Result<wit::Change, wit::Failure> {
                    with(|plugin| RosterProvider::update(plugin, &account, &contact, name, groups))
                }
                fn remove_contact(account: String, contact: String) -> Result<wit::Change, wit::Failure> {
                    with(|plugin| RosterProvider::remove(plugin, &account, &contact))
                }
                fn get_pending(account: String) -> Result<Vec<wit::Request>, wit::Failure> {
                    with(|plugin| RosterProvider::pending(plugin, &account))
                }
                fn outbound(account: String, contact: String, word: $crate::SubscriptionAction) -> Result<wit::Change, wit::Failure> {
                    with(|plugin| RosterProvider::outbound(plugin, &account, &contact, word))
                }
                fn inbound(account: String, contact: String, word: $crate::SubscriptionAction, stanza: String) -> Result<wit::Change, wit::Failure> {
                    with(|plugin| RosterProvider::inbound(plugin, &account, &contact, word, &stanza))
                }
            }
        };
        $crate::bindings::roster_provider::export_roster_provider!(Component with_types_in $crate::bindings::roster_provider);
    };
    (AuthProvider, $plugin:ty) => {
        const _: () = {
            use $crate::bindings::auth_provider::exports::waxwing::plugin::auth_provider as wit;
            use ::std::{option::Option, result::Result, string::String};

            struct StreamAuth(::std::cell::RefCell<<$plugin as $crate::AuthProvider>::Stream>);

            impl StreamAuth {
                fn with<R>(&self, f: impl FnOnce(&$plugin, &mut <$plugin as $crate::AuthProvider>::Stream) -> R) -> R {
                    PLUGIN.with(|slot| slot.lend(|plugin| f(plugin, &mut self.0.borrow_mut())))
                }
            }

            impl wit::GuestStreamAuth for StreamAuth {
                fn new(on: wit::AuthStream) -> Self {
                    let stream = PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AuthProvider>::stream(plugin, on)));
                    Self(::std::cell::RefCell::new(stream))
                }
                fn check_password(&self, username: String, password: String) -> wit::Verdict {
                    self.with(|plugin, stream| <$plugin as $crate::AuthProvider>::check_password(plugin, stream, &username, &password))
                }
                fn check_token(&self, username: String, token: String) -> wit::Verdict {
                    self.with(|plugin, stream| <$plugin as $crate::AuthProvider>::check_token(plugin, stream, &username, &token))
                }
                fn check_cookie(&self, username: String, cookie: String) -> wit::Verdict {
                    self.with(|plugin, stream| <$plugin as $crate::AuthProvider>::check_cookie(plugin, stream, &username, &cookie))
                }
                fn scram(&self, username: String, hash: wit::ScramHash) -> Result<Option<wit::ScramKeys>, wit::AuthFailure> {
                    self.with(|plugin, stream| <$plugin as $crate::AuthProvider>::scram(plugin, stream, &username, hash))
                }
                fn bind(&self, account: String, reason: wit::BindReason) {
                    self.with(|plugin, stream| <$plugin as $crate::AuthProvider>::bind(plugin, stream, &account, reason));
                }
                fn unbind(&self) {
                    self.with(|plugin, stream| <$plugin as $crate::AuthProvider>::unbind(plugin, stream));
                }
                fn valid_contact(&self, contact: String) -> Result<bool, wit::AuthFailure> {
                    self.with(|plugin, stream| <$plugin as $crate::AuthProvider>::valid_contact(plugin, stream, &contact))
                }
            }

            impl wit::Guest for Component {
                type StreamAuth = StreamAuth;

                fn create_user(host: String, username: String, password: String) -> Result<(), wit::ChangeFailure> {
                    PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AuthProvider>::create_user(plugin, &host, &username, &password)))
                }
                fn change_password(account: String, password: String) -> Result<(), wit::ChangeFailure> {
                    PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AuthProvider>::change_password(plugin, &account, &password)))
                }
                fn delete_user(account: String) -> Result<(), wit::ChangeFailure> {
                    PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AuthProvider>::delete_user(plugin, &account)))
                }
                fn account_of(host: String, user: String) -> Result<Option<String>, wit::AuthFailure> {
                    PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AuthProvider>::account_of(plugin, &host, &user)))
                }
                fn user_of(account: String) -> Result<Option<String>, wit::AuthFailure> {
                    PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AuthProvider>::user_of(plugin, &account)))
                }
            }
        };
        $crate::bindings::auth_provider::export_auth_provider!(Component with_types_in $crate::bindings::auth_provider);
    };
}
