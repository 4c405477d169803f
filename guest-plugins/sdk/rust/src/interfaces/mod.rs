//! The interfaces that a plugin can export, one file each: the trait, its filter and its verdict, how the manifest asks for it, the
//! glue between the trait and the generated bindings, and its step in the test harness.
//!
//! A new interface is a file here, a line in each table below, and a world in [`bindings`](crate::bindings).

mod account_events;
pub(crate) mod auth_provider;
mod component;
mod deliver;
mod inbound;
mod iq_handler;
mod offline;
mod password_veto;
mod plugin_events;
mod pre_auth;
mod presence;
mod registration_veto;
mod removal_veto;
mod reply_handler;
pub(crate) mod roster_hook;
mod roster_provider;
mod session_events;
mod session_provider;
mod timer_handler;

pub use account_events::*;
pub use auth_provider::*;
pub use component::*;
pub use deliver::*;
pub use inbound::*;
pub use iq_handler::*;
pub use offline::*;
pub use password_veto::*;
pub use plugin_events::*;
pub use pre_auth::*;
pub use presence::*;
pub use registration_veto::*;
pub use removal_veto::*;
pub use reply_handler::*;
pub use roster_hook::*;
pub use roster_provider::*;
pub use session_events::*;
pub use session_provider::*;
pub use timer_handler::*;

/// The glue of each interface, by the name of its trait.
#[doc(hidden)]
#[macro_export]
macro_rules! __interface {
    (Inbound, $plugin:ty) => {
        $crate::__export_inbound!($plugin);
    };
    (Deliver, $plugin:ty) => {
        $crate::__export_deliver!($plugin);
    };
    (Offline, $plugin:ty) => {
        $crate::__export_offline!($plugin);
    };
    (Presence, $plugin:ty) => {
        $crate::__export_presence!($plugin);
    };
    (RosterHook, $plugin:ty) => {
        $crate::__export_roster_hook!($plugin);
    };
    (IqHandler, $plugin:ty) => {
        $crate::__export_iq_handler!($plugin);
    };
    (LateIqHandler, $plugin:ty) => {
        $crate::__export_late_iq_handler!($plugin);
    };
    (PreAuth, $plugin:ty) => {
        $crate::__export_pre_auth!($plugin);
    };
    (Component, $plugin:ty) => {
        $crate::__export_component!($plugin);
    };
    (ReplyHandler, $plugin:ty) => {
        $crate::__export_reply_handler!($plugin);
    };
    (TimerHandler, $plugin:ty) => {
        $crate::__export_timer_handler!($plugin);
    };
    (AccountEvents, $plugin:ty) => {
        $crate::__export_account_events!($plugin);
    };
    (SessionEvents, $plugin:ty) => {
        $crate::__export_session_events!($plugin);
    };
    (PluginEvents, $plugin:ty) => {
        $crate::__export_plugin_events!($plugin);
    };
    (RegistrationVeto, $plugin:ty) => {
        $crate::__export_registration_veto!($plugin);
    };
    (PasswordVeto, $plugin:ty) => {
        $crate::__export_password_veto!($plugin);
    };
    (RemovalVeto, $plugin:ty) => {
        $crate::__export_removal_veto!($plugin);
    };
    (SessionProvider, $plugin:ty) => {
        $crate::__export_session_provider!($plugin);
    };
    (RosterProvider, $plugin:ty) => {
        $crate::__export_roster_provider!($plugin);
    };
    (AuthProvider, $plugin:ty) => {
        $crate::__export_auth_provider!($plugin);
    };
}

/// One function of each trait: natively `plugin!` checks that the plugin implements what it names.
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
