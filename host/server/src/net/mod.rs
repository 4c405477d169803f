//! Sockets: listeners, connections and their limits, TLS.

pub(crate) mod connection_limits;
pub(crate) mod listener;
pub(crate) mod proxy_protocol;
pub mod tls;
pub(crate) mod transport;
