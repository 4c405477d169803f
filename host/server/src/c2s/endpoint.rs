//! A listener, as its connections see it.

use std::sync::Arc;

use waxwing_xmpp::stream::Settings;

use crate::config::{Kind, Network};

/// What all connections of one listener have in common.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// What is spoken there.
    pub(crate) kind: Kind,
    /// How streams are negotiated there.
    pub(crate) settings: Arc<Settings>,
    /// How a stream is negotiated with a client that begins TLS with its first byte, though the listener is for STARTTLS. `None`
    /// where all clients do, or where there is no TLS.
    pub(crate) tls_at_once: Option<Arc<Settings>>,
    /// Networks of the proxies whose header of the PROXY protocol is believed.
    pub(crate) trusted_proxies: Arc<[Network]>,
}
