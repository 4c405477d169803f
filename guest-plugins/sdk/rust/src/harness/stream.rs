//! Streams that have not authenticated.

use crate::{PreAuthStream, TlsVersion, Transport};

/// A stream over TLS 1.3 to that domain, from 192.0.2.1. The id stands for the connection.
///
/// ```
/// use waxwing_plugin::harness::tls_stream;
///
/// let stream = tls_stream("connection-1", "localhost");
/// assert!(stream.tls.is_some());
/// ```
pub fn tls_stream(id: &str, host: &str) -> PreAuthStream {
    PreAuthStream {
        id: id.to_owned(),
        host: host.to_owned(),
        tls: Some(TlsVersion::Tls13),
        loopback: false,
        transport: Transport::Starttls,
        requests: 0,
        address: Some("192.0.2.1".to_owned()),
    }
}

/// The same in plain text.
pub fn plain_stream(id: &str, host: &str) -> PreAuthStream {
    PreAuthStream {
        tls: None,
        ..tls_stream(id, host)
    }
}
