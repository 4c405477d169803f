//! Plugins' requests to HTTP servers. What a plugin may ask whom was checked before; here is where a name leads to is.

use std::{
    error::Error,
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use reqwest::{
    Client, Method,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use tokio::{net::lookup_host, runtime::Handle};
use tokio_util::task::AbortOnDropHandle;
use waxwing_plugins::{HttpError, HttpRequest, HttpResponse, MAX_HTTP_BODY};

/// Idle connections are kept for the next request this long.
const IDLE: Duration = Duration::from_secs(30);
/// The most header fields of a response.
const MAX_FIELDS: usize = 100;

/// Sends plugins' requests, on the runtime that it was made on: guests may wait where no sockets are served.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    /// For names anywhere but here.
    guarded: Client,
    /// For `localhost`.
    local: Client,
    runtime: Handle,
}

impl HttpClient {
    /// A client that trusts the certificates which this machine trusts.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let builder = || -> anyhow::Result<_> {
            Ok(Client::builder()
                .tls_backend_preconfigured(tls()?)
                .redirect(Policy::none())
                .no_proxy()
                .pool_idle_timeout(IDLE)
                .referer(false))
        };
        let client = "cannot make an HTTP client";
        Ok(Self {
            guarded: builder()?
                .dns_resolver(Arc::new(Guard))
                .build()
                .context(client)?,
            local: builder()?.build().context(client)?,
            runtime: Handle::current(),
        })
    }

    /// Sends a request and waits for the whole response.
    pub(crate) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let client = if request.local {
            self.local.clone()
        } else {
            self.guarded.clone()
        };
        let exchange = self.runtime.spawn(exchange(client, request));
        let exchanged = AbortOnDropHandle::new(exchange).await;
        exchanged.unwrap_or(Err(HttpError::Unreachable))
    }
}

async fn exchange(client: Client, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| HttpError::Invalid)?;
    let host = request.url.host_str().unwrap_or_default().to_owned();
    let unreachable = |error: reqwest::Error| failed(&host, &error);
    let sent = client
        .request(method, request.url)
        .headers(fields(&request.headers)?)
        .body(request.body)
        .send();
    let mut response = sent.await.map_err(unreachable)?;
    let headers: Vec<(String, String)> = response.headers().iter().map(field).collect();
    if headers.len() > MAX_FIELDS {
        return Err(HttpError::TooLarge);
    }
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len().saturating_add(chunk.len()) > MAX_HTTP_BODY {
            return Err(HttpError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(HttpResponse {
        status,
        headers,
        body,
    })
}

fn fields(headers: &[(String, String)]) -> Result<HeaderMap, HttpError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HttpError::Invalid)?;
        let value = HeaderValue::from_str(value).map_err(|_| HttpError::Invalid)?;
        map.append(name, value);
    }
    Ok(map)
}

fn field((name, value): (&HeaderName, &HeaderValue)) -> (String, String) {
    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
    (name.as_str().to_owned(), value)
}

/// What a plugin is told of a failure; the rest is for the log, without the URL, which may hold a secret.
fn failed(host: &str, error: &reqwest::Error) -> HttpError {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    let mut deepest = String::new();
    while let Some(error) = cause {
        if error.is::<OnlyLocal>() {
            tracing::warn!(host, "a plugin's HTTP request was refused: {OnlyLocal}");
            return HttpError::LocalAddress;
        }
        deepest = error.to_string();
        cause = error.source();
    }
    tracing::warn!(host, cause = deepest, "a plugin's HTTP request failed");
    HttpError::Unreachable
}

fn tls() -> anyhow::Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    // Certificates that cannot be read vouch for nobody; a machine without any reaches nobody by https.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("cannot configure TLS for HTTP")?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Looks names up, and leaves out what leads back to this machine or its link: whoever answers for a name (by rebinding,
/// for instance) must not turn a listed server into a local one. Connections are made to what it gives and nothing else.
struct Guard;

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = lookup_host((name.as_str(), 0)).await?.collect();
            Ok(elsewhere(found)?)
        })
    }
}

fn elsewhere(found: Vec<SocketAddr>) -> io::Result<Addrs> {
    let there_are = !found.is_empty();
    let elsewhere: Vec<SocketAddr> = found
        .into_iter()
        .filter(|found| !is_local(found.ip()))
        .collect();
    if there_are && elsewhere.is_empty() {
        return Err(io::Error::other(OnlyLocal));
    }
    Ok(Box::new(elsewhere.into_iter()))
}

/// The name leads to nothing but local addresses.
#[derive(Debug)]
struct OnlyLocal;

impl fmt::Display for OnlyLocal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name leads to addresses of this machine or its link only; list the address itself to allow it")
    }
}

impl Error for OnlyLocal {}

/// Whether only this machine or its link reaches an address, or it is no single host's.
fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            address.octets().first() == Some(&0)
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address == Ipv4Addr::BROADCAST
        }
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_unicast_link_local()
                || embedded(address).is_some_and(|inner| is_local(IpAddr::V4(inner)))
        }
    }
}

/// The IPv4 address that NAT64 (RFC 6052) or 6to4 (RFC 3056) would make of an IPv6 address, or that it is compatible with.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_machine_and_its_link_are_local() {
        for local in [
            "127.0.0.1",
            "127.8.9.10",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(is_local(local.parse().unwrap()), "{local}");
        }
        for elsewhere in [
            "192.0.2.1",
            "10.0.0.1",
            "2001:db8::1",
            "::ffff:192.0.2.1",
            "64:ff9b::c000:201",
        ] {
            assert!(!is_local(elsewhere.parse().unwrap()), "{elsewhere}");
        }
    }

    /// A name that an attacker answers for: the first time with an address of its own, then with one of ours.
    #[test]
    fn a_name_that_leads_here_is_refused_each_time_it_does() {
        let address = |text: &str| -> SocketAddr { text.parse().unwrap() };
        let (there, here) = (address("192.0.2.1:0"), address("127.0.0.1:0"));
        let kept: Vec<_> = elsewhere(vec![here, there]).unwrap().collect();
        assert_eq!(kept, [there], "only the address elsewhere is connected to");
        let refused = elsewhere(vec![here, address("[::1]:0")]).err().unwrap();
        assert!(refused.get_ref().unwrap().is::<OnlyLocal>());
    }
}
