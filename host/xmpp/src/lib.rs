//! The protocol crate: JIDs, stanzas, stanza and stream errors, SASL, resource binding and the negotiation of a client's stream.
//!
//! Everything here is sans-I/O: it opens no socket, reads no clock and asks no operating system for randomness. Time and a
//! source of random bytes are passed in, elements come in, bytes and wanted effects go out. Below is `waxwing-xml`; above are
//! the plugin platform and the server, which own the sockets and carry the effects out.

pub mod bind;
pub mod content;
pub mod error;
pub mod jid;
pub mod ns;
pub mod roster;
pub mod sasl;
pub mod sm;
pub mod stanza;
pub mod stream;
pub mod subscription;
