//! Streams (RFC 6120 §4): what all kinds of them share, and the machine of each kind.
//!
//! Shared are the rules for headers, the bytes of a stream ([`Framing`]), and what a listener lays down ([`Settings`]). The
//! receiving side of clients' streams is [`c2s`]; server-to-server streams and components get machines of their own beside it.

pub mod c2s;
mod framing;
mod header;
mod settings;
mod wire;

pub use crate::content::ContentNamespace;
pub use c2s::{
    Abilities, Authority, Established, Input, Negotiation, Output, PreAuthReply, StreamState,
};
pub use framing::Framing;
pub use header::Version;
pub use settings::{Peer, Settings, TlsInfo, TlsPolicy, TlsVersion};
pub use wire::OpenReply;

use crate::sasl::base64;

/// Random bytes in a stream id or a resourcepart: 144 bits.
const ID_BYTES: usize = 18;

/// A new id for a stream: unpredictable and never repeated (RFC 6120 §4.7.3).
pub fn random_id(random: fn(&mut [u8])) -> String {
    let mut bytes = [0; ID_BYTES];
    random(&mut bytes);
    base64::encode(&bytes)
}

/// A resourcepart for a client that asked for none or whose own is taken (RFC 6120 §7.6): it cannot be guessed.
pub fn random_resource(random: fn(&mut [u8])) -> String {
    // A slash in a resourcepart is allowed but confuses people and old clients.
    random_id(random).replace('/', "_").replace('+', "-")
}
