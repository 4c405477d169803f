//! Write plugins for the XMPP server Waxwing in Rust.
//!
//! A plugin is a type that implements [`Plugin`] and one trait for each interface that it serves; [`plugin!`] makes the
//! WebAssembly component from it, exporting just those. The whole of a plugin that answers pings:
//!
//! ```
//! use waxwing_plugin::prelude::*;
//!
//! struct Ping;
//!
//! impl Plugin for Ping {
//!     fn manifest() -> Manifest {
//!         Manifest::new("ping", "1.0.0", "answers pings").iq(IqFilter::get("urn:xmpp:ping", "ping").to_any_server())
//!     }
//!     fn init(_: Scope) -> Result<Self, String> {
//!         Ok(Self)
//!     }
//! }
//!
//! impl IqHandler for Ping {
//!     fn handle(&self, _: &Stanza) -> Answer {
//!         Ok(None)
//!     }
//! }
//!
//! waxwing_plugin::plugin!(Ping: IqHandler);
//! ```
//!
//! What the host calls and what it offers is described item by item in the interfaces' own documentation (`wit/`).
//!
//! Natively the same types and imports have a small host of their own behind them, so that a plugin is tested with
//! `cargo test` and no server: see [`harness`].

// For the derived implementations inside this crate.
extern crate self as waxwing_plugin;

#[cfg(target_family = "wasm")]
mod answers;
mod auth;
pub mod bindings;
pub mod commands;
mod contacts;
mod element;
mod error;
mod filters;
pub mod forms;
mod glue;
#[cfg(not(target_family = "wasm"))]
pub mod harness;
pub mod jid;
mod late;
mod manifest;
pub mod matcher;
mod name;
#[cfg(not(target_family = "wasm"))]
mod native;
pub mod payload;
mod recording;
#[cfg(test)]
mod tests;
mod traits;

pub use auth::{
    AuthError, AuthFailure, AuthOffer, AuthProvider, AuthStream, BindReason, ChangeFailure, Login,
    ScramHash, ScramKeys,
};
pub use bindings::lifecycle::exports::waxwing::plugin::lifecycle::Scope;
pub use bindings::lifecycle::waxwing::plugin::stanzas::{Attribute, DraftError, Head, Localised};
pub use bindings::lifecycle::waxwing::plugin::types::{
    ErrorCondition, ErrorType, Name, Recipients, Senders, StanzaKind,
};
pub use bindings::plugin_events::exports::waxwing::plugin::plugin_events::Event;
pub use bindings::pre_auth::exports::waxwing::plugin::pre_auth::{
    PreAuthStream, TlsVersion, Transport,
};
pub use bindings::presence::exports::waxwing::plugin::presence::Step as PresenceStep;
pub use bindings::roster_hook::exports::waxwing::plugin::roster_hook::{
    InboundVerdict, RosterItemUpdate,
};
pub use bindings::session_events::exports::waxwing::plugin::session_events::Session;
pub use contacts::{
    Change, Contact, Entry, Request, Roster, RosterFailure, RosterProvider, RosterSession, State,
    Subscription, SubscriptionAction,
};
pub use element::Element;
pub use error::StanzaError;
pub use filters::{
    DeliverFilter, InboundFilter, IqFilter, OfflineFilter, PresenceFilter, RosterFilter,
};
pub use late::answer_later;
pub use manifest::{DiscoNode, FaultPolicy, Manifest, Placement, Setting};
pub use payload::{Payload, PayloadError};
pub use recording::{BoundSession, Claim, SessionEntry, SessionFailure, SessionProvider};
pub use traits::{
    AccountEvents, Answer, Component, Deferred, Deliver, Handled, Inbound, IqHandler,
    LateIqHandler, Offline, OfflineVerdict, OutboundVerdict, PasswordVeto, Plugin, PluginEvents,
    PreAuth, Presence, PresenceVerdict, RegistrationVeto, RemovalVeto, ReplyHandler, RosterEdit,
    RosterHook, SessionEvents, TimerHandler, Verdict,
};

/// In a component: the host's handles, and the imports, each a module of functions (see the interface of the same name).
#[cfg(target_family = "wasm")]
pub use bindings::lifecycle::waxwing::plugin::{
    accounts, clock, config, disco, events, http_client, log, memory, metrics, prepare, random,
    roster, router, sessions,
    stanzas::{Draft, Element as Parsed, Stanza},
    storage, timers,
};
#[cfg(not(target_family = "wasm"))]
pub use native::{
    Draft, Parsed, Stanza, accounts, clock, config, disco, events, http_client, log, memory,
    metrics, prepare, random, roster, router, sessions, storage, timers,
};

#[doc(hidden)]
pub use glue::{__serves, PluginCell, report_panics};

/// What a plugin needs at hand.
pub mod prelude {
    pub use crate::{
        AccountEvents, Answer, AuthError, AuthFailure, AuthOffer, AuthProvider, AuthStream,
        BindReason, BoundSession, Change, ChangeFailure, Claim, Component, Contact, Deferred,
        Deliver, DeliverFilter, Draft, Element, Entry, ErrorCondition, ErrorType, Event,
        FaultPolicy, Handled, Inbound, InboundFilter, InboundVerdict, IqFilter, IqHandler,
        LateIqHandler, Localised, Login, Manifest, Name, Offline, OfflineFilter, OfflineVerdict,
        OutboundVerdict, Parsed, PasswordVeto, Payload, PayloadError, Placement, Plugin,
        PluginEvents, PreAuth, PreAuthStream, Presence, PresenceFilter, PresenceStep,
        PresenceVerdict, Recipients, RegistrationVeto, RemovalVeto, ReplyHandler, Request, Roster,
        RosterEdit, RosterFailure, RosterFilter, RosterHook, RosterItemUpdate, RosterProvider,
        RosterSession, Scope, Senders, Session, SessionEntry, SessionEvents, SessionFailure,
        SessionProvider, Setting, Stanza, StanzaError, StanzaKind, State, Subscription,
        SubscriptionAction, TimerHandler, Verdict, accounts, answer_later, clock, config, disco,
        events, log, manifest, memory, metrics, prepare, random, roster, router, sessions, storage,
        timers,
    };
}
