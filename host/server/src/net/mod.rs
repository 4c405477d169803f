//! Sockets: listeners, connections and their limits, TLS.

pub(crate) mod connection_limits;
pub(crate) mod listener;
pub mod tls;
pub(crate) mod transport;
