//! The host's side of the imports, one file an interface. Every function counts itself first ([`State::charge`]).

mod accounts;
mod clock;
mod config;
mod disco;
mod events;
mod http_client;
mod log;
mod memory;
mod metrics;
mod prepare;
mod random;
mod roster;
mod router;
mod sessions;
mod stanzas;
mod storage;
mod timers;
pub(crate) mod wasi;

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use crate::instance::state::State;
use crate::wit::bindings::{Plugin, waxwing};

// Interfaces of types alone.
impl waxwing::plugin::types::Host for State {}
impl waxwing::plugin::contacts::Host for State {}
impl waxwing::plugin::manifest::Host for State {}

/// A linker with everything that a plugin may import. What a plugin was not granted is there too, and refuses by name.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    Plugin::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    #[cfg(test)]
    crate::hostile::link(&mut linker)?;
    Ok(linker)
}
