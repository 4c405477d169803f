//! What stands in for the host in native tests: a tree of its own for stanzas, and imports with a script behind them. None of
//! it is in a component.

pub(crate) mod address;
mod draft;
mod imports;
mod parsed;
mod stanza;
pub(crate) mod world;
pub(crate) mod xml;

pub use draft::Draft;
pub use imports::{
    accounts, clock, config, disco, events, http_client, log, memory, metrics, prepare, random,
    roster, router, sessions, storage, timers,
};
pub use parsed::Parsed;
pub use stanza::Stanza;
