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

pub mod bindings;
pub mod commands;
mod element;
mod error;
mod filters;
pub mod forms;
mod glue;
#[cfg(not(target_family = "wasm"))]
pub mod harness;
mod interfaces;
pub mod jid;
mod lifecycle;
mod manifest;
pub mod matcher;
mod name;
#[cfg(not(target_family = "wasm"))]
mod native;
pub mod payload;
#[cfg(test)]
mod tests;

pub use bindings::lifecycle::exports::waxwing::plugin::lifecycle::Scope;
pub use bindings::lifecycle::waxwing::plugin::stanzas::{Attribute, DraftError, Head, Localised};
pub use bindings::lifecycle::waxwing::plugin::types::{
    ErrorCondition, ErrorType, Name, Recipients, Senders, StanzaKind,
};
pub use element::Element;
pub use error::StanzaError;
pub use interfaces::*;
pub use lifecycle::{Answer, Plugin};
pub use manifest::{DiscoNode, FaultPolicy, Manifest, Placement, Setting};
pub use payload::{Payload, PayloadError};

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
    pub use crate::interfaces::*;
    pub use crate::{
        Answer, Draft, Element, ErrorCondition, ErrorType, FaultPolicy, Localised, Manifest, Name,
        Parsed, Payload, PayloadError, Placement, Plugin, Recipients, Scope, Senders, Setting,
        Stanza, StanzaError, StanzaKind, accounts, clock, config, disco, events, log, manifest,
        memory, metrics, prepare, random, roster, router, sessions, storage, timers,
    };
}
