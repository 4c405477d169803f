//! What the fuzz targets of the protocol room check. The corpus is replayed through the same functions by host/xmpp's tests.
#![allow(
    dead_code,
    clippy::pedantic,
    reason = "each target uses a part; this is test code"
)]

pub(crate) mod jid;
pub(crate) mod negotiation;
pub(crate) mod sasl;
