//! `[[listen]]`: the sockets.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::Network;

/// One socket to listen on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "ListenerTable")]
pub struct Listener {
    /// What is spoken on it.
    pub kind: Kind,
    /// Address and port; port 0 takes a free one.
    pub address: SocketAddr,
    /// Whether clients must encrypt.
    pub tls: TlsPolicy,
    /// Networks of proxies. A connection from there begins with a header of the PROXY protocol, version 1 or 2, and counts for the
    /// address in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_proxies: Vec<Network>,
    /// True for a default listener of an address family that the machine may lack: failing to bind it because the address is
    /// not available is no error then. Never true for a configured one.
    #[serde(skip)]
    pub if_available: bool,
}

/// What is spoken on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Clients, encrypted by STARTTLS (RFC 6120 §5).
    #[default]
    C2s,
    /// Clients, TLS from the first byte (XEP-0368).
    C2sTls,
    /// Other servers. Not served by this version.
    S2s,
    /// Other servers, TLS from the first byte. Not served by this version.
    S2sTls,
    /// External components (XEP-0114). Not served by this version.
    Component,
    /// WebSocket, BOSH, uploads. Not served by this version.
    Http,
    /// The same over TLS. Not served by this version.
    Https,
    /// Figures for monitoring, in clear text on loopback: OpenMetrics at `/metrics`.
    Metrics,
}

/// Whether clients must encrypt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TlsPolicy {
    /// Nothing but STARTTLS is offered before it is done.
    #[default]
    Required,
    /// Offered, and clients may go on without.
    Optional,
    /// Not offered; on loopback only.
    None,
}

/// One socket to listen on.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ListenerTable {
    /// What is spoken on it.
    kind: Kind,
    /// Address and port, such as `127.0.0.1:5222` or `[::]:5222`; port 0 takes a free one. Absent: loopback, and the kind's usual port.
    #[serde(deserialize_with = "address")]
    #[schemars(with = "Option<String>")]
    address: Option<SocketAddr>,
    /// Whether clients must encrypt; absent: `required`, but `none` for metrics.
    #[schemars(with = "TlsPolicy")]
    tls: Option<TlsPolicy>,
    /// Networks of proxies, as `192.0.2.0/24`, or addresses. A connection from there must begin with a header of the PROXY protocol,
    /// version 1 or 2, and counts for the address in it. From other addresses no such header is believed.
    #[schemars(with = "Vec<String>")]
    trusted_proxies: Vec<Network>,
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = |_| {
        D::Error::custom(format!(
            "`{text}` is no address and port such as `127.0.0.1:5222` or `[::]:5222`"
        ))
    };
    text.parse().map(Some).map_err(wrong)
}

impl From<ListenerTable> for Listener {
    fn from(table: ListenerTable) -> Self {
        let address = table
            .address
            .unwrap_or_else(|| table.kind.default_address());
        Self {
            kind: table.kind,
            address,
            tls: table.tls.unwrap_or_else(|| table.kind.default_tls()),
            trusted_proxies: table.trusted_proxies,
            if_available: false,
        }
    }
}

impl Listener {
    /// The listeners of a server without configuration: STARTTLS on port 5222 of both loopback addresses.
    pub fn defaults() -> Vec<Self> {
        let on = |ip: IpAddr| Self {
            kind: Kind::C2s,
            address: SocketAddr::new(ip, 5222),
            tls: TlsPolicy::Required,
            trusted_proxies: Vec::new(),
            if_available: ip.is_ipv6(),
        };
        vec![
            on(Ipv4Addr::LOCALHOST.into()),
            on(Ipv6Addr::LOCALHOST.into()),
        ]
    }
}

impl Kind {
    /// True if this version has something behind a listener of this kind.
    pub const fn is_served(self) -> bool {
        matches!(self, Self::C2s | Self::C2sTls | Self::Metrics)
    }

    /// The name in the configuration and in the line `ready c2s=…`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::C2s => "c2s",
            Self::C2sTls => "c2s-tls",
            Self::S2s => "s2s",
            Self::S2sTls => "s2s-tls",
            Self::Component => "component",
            Self::Http => "http",
            Self::Https => "https",
            Self::Metrics => "metrics",
        }
    }

    /// Figures are served in clear text alone.
    fn default_tls(self) -> TlsPolicy {
        match self {
            Self::Metrics => TlsPolicy::None,
            _ => TlsPolicy::default(),
        }
    }

    fn default_address(self) -> SocketAddr {
        let port = match self {
            Self::C2s => 5222,
            Self::C2sTls => 5223,
            Self::S2s => 5269,
            Self::S2sTls => 5270,
            Self::Component => 5347,
            Self::Http => 5280,
            Self::Https => 5281,
            Self::Metrics => 9100,
        };
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
