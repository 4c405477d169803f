//! What a listener lays down for its streams, and what is known of one connection.

use super::framing::Framing;
use crate::content::ContentNamespace;
use crate::sasl::Mechanism;
use std::fmt;
use std::time::Duration;

/// How a listener treats STARTTLS (RFC 6120 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsPolicy {
    /// Nothing but STARTTLS is offered before TLS.
    Required,
    /// STARTTLS is offered beside authentication.
    Optional,
    /// There is no certificate, so no STARTTLS.
    None,
}

/// What a listener lays down for all its streams.
#[derive(Clone)]
pub struct Settings {
    /// The hosts served, prepared by [`crate::jid::prepare_domain`]. The first speaks where no other is named.
    pub hosts: Vec<String>,
    /// How the streams lie on their transport.
    pub framing: Framing,
    /// STARTTLS.
    pub tls: TlsPolicy,
    /// Whether TLS begins with the first byte (XEP-0368). The first input is then [`super::Input::TlsEstablished`].
    pub direct_tls: bool,
    /// The mechanisms that may be offered where their conditions hold, in the order of offer.
    pub mechanisms: Vec<Mechanism>,
    /// Whether PLAIN may be used without TLS. Has effect on loopback connections only.
    pub allow_plain_without_tls: bool,
    /// Authentication attempts after the first (RFC 6120 §6.4.5: 2 to 5).
    pub auth_retries: u8,
    /// Binding attempts after the first (RFC 6120 §7.7.3: 5 to 10).
    pub bind_retries: u8,
    /// How long authentication and binding may take together, from the connection's first moment.
    pub deadline: Duration,
    /// Makes the salts shown for unknown accounts; stays the same over restarts.
    pub fake_salt_secret: [u8; 32],
    /// Fills a buffer with random bytes of cryptographic quality.
    pub random: fn(&mut [u8]),
}

impl Settings {
    /// The mechanisms of [`Mechanism::DEFAULT`], TLS required, and the defaults that RFC 6120 suggests.
    pub fn new(hosts: Vec<String>, fake_salt_secret: [u8; 32], random: fn(&mut [u8])) -> Self {
        Self {
            hosts,
            framing: Framing::tcp(ContentNamespace::Client),
            tls: TlsPolicy::Required,
            direct_tls: false,
            mechanisms: Mechanism::DEFAULT.to_vec(),
            allow_plain_without_tls: false,
            auth_retries: 3,
            bind_retries: 5,
            deadline: Duration::from_secs(30),
            fake_salt_secret,
            random,
        }
    }

    /// The host that speaks where the peer named none of ours; empty where none is served (RFC 6120 §4.9.1.3).
    pub(crate) fn default_host(&self) -> &str {
        self.hosts.first().map_or("", String::as_str)
    }
}

impl fmt::Debug for Settings {
    /// Shows no secret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Settings")
            .field("hosts", &self.hosts)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// What is known of the connection itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Whether both ends are on this machine.
    pub loopback: bool,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// What is known of an established TLS connection.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsInfo {
    /// The version agreed on.
    pub version: TlsVersion,
    /// The channel binding tls-exporter (RFC 9266). To be left out under TLS 1.2 without the extended master secret.
    pub exporter: Option<[u8; 32]>,
    /// The channel binding tls-server-end-point (RFC 5929): the hash of the certificate that this connection was shown.
    pub end_point: Option<Vec<u8>>,
}

impl TlsInfo {
    /// The types of channel binding that this connection has, strongest first.
    pub(crate) fn binding_types(&self) -> impl Iterator<Item = &'static str> {
        let exporter = self.exporter.as_ref().map(|_| "tls-exporter");
        let end_point = self.end_point.as_ref().map(|_| "tls-server-end-point");
        exporter.into_iter().chain(end_point)
    }

    /// The data of one type of channel binding.
    pub(crate) fn binding(&self, kind: &str) -> Option<&[u8]> {
        match kind {
            "tls-exporter" => self.exporter.as_ref().map(<[u8; 32]>::as_slice),
            "tls-server-end-point" => self.end_point.as_deref(),
            _ => None,
        }
    }
}

impl fmt::Debug for TlsInfo {
    /// Shows no keying material.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("TlsInfo")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
