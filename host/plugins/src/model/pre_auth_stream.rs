//! A stream before authentication, as the server describes it.

use std::net::IpAddr;

/// A stream that has not authenticated.
#[derive(Clone, Debug)]
pub struct PreAuthStream {
    /// Unguessable, the same for all calls about one connection.
    pub id: String,
    /// The served domain that the client named.
    pub host: String,
    /// The version of TLS; none in plain text.
    pub tls: Option<TlsVersion>,
    /// The port begins with TLS (XEP-0368).
    pub direct_tls: bool,
    /// How many requests of this connection plugins were asked before.
    pub requests: u32,
    /// The client's address.
    pub address: IpAddr,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// 1.2
    Tls12,
    /// 1.3
    Tls13,
}
