//! Write plugins for the XMPP server Waxwing in Rust.
//!
//! A plugin is a type that implements [`Plugin`] and one trait for each interface that it serves; [`plugin!`] makes the
//! WebAssembly component from it, exporting just those. The whole of a plugin that answers pings:
//!
//! ```ignore
//! use waxwing_plugin::prelude::*;
//!
//! struct Ping;
//!
//! impl Plugin for Ping {
//!     fn manifest() -> Manifest {
//!         Manifest::new("ping", "1.0.0", "answers pings").iq(IqFilter::get("urn:xmpp:ping", "ping").to_server())
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

pub mod bindings;
mod element;
mod error;
mod glue;
mod manifest;
mod traits;

pub use bindings::lifecycle::exports::waxwing::plugin::lifecycle::Scope;
pub use bindings::lifecycle::waxwing::plugin::stanzas::{
    Attribute, Draft, DraftError, Element as Parsed, Head, Localised, Stanza,
};
pub use bindings::lifecycle::waxwing::plugin::types::{
    ErrorCondition, ErrorType, Name, StanzaError, StanzaKind,
};
pub use bindings::pre_auth::exports::waxwing::plugin::pre_auth::{
    PreAuthStream, TlsVersion, Transport,
};
pub use element::Element;
pub use manifest::{FaultPolicy, InboundFilter, IqFilter, Manifest, Setting};
pub use traits::{Answer, Inbound, IqHandler, Plugin, PreAuth, Verdict};

/// The imports, each a module of functions: see the interface of the same name.
pub use bindings::lifecycle::waxwing::plugin::{
    accounts, clock, config, disco, log, memory, random,
};

#[doc(hidden)]
pub use glue::{Slot, report_panics};

/// What a plugin needs at hand.
pub mod prelude {
    pub use crate::{
        Answer, Draft, Element, ErrorCondition, ErrorType, FaultPolicy, Inbound, InboundFilter,
        IqFilter, IqHandler, Manifest, Name, Plugin, PreAuth, PreAuthStream, Scope, Setting,
        Stanza, StanzaError, StanzaKind, Verdict, accounts, clock, config, disco, log, memory,
        random,
    };
}

impl Name {
    /// A name from its namespace and local name.
    pub fn new(namespace: &str, local: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            local: local.to_owned(),
        }
    }
}
