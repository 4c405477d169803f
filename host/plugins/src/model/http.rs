//! Requests of plugins to HTTP servers: to whom, how large, how many. The sockets are the server's
//! ([`crate::Services`]).

use std::sync::Arc;

use tokio::sync::Semaphore;
use url::{Host, Url};

/// Requests of one plugin under way at a time.
const IN_FLIGHT: usize = 16;

/// The largest body of a request or a response.
pub const MAX_HTTP_BODY: usize = 1 << 20;

/// What a plugin may reach.
#[derive(Debug)]
pub(crate) struct HttpAccess {
    hosts: Vec<HttpHost>,
    pub(crate) in_flight: Arc<Semaphore>,
}

/// An entry of `http_hosts`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct HttpHost {
    /// As the URL standard writes it, so that it can be compared.
    host: Host<String>,
    port: u16,
    /// Plain http too.
    plain: bool,
}

/// What is wrong with an entry of `http_hosts`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of the form \"auth.example.org:443\" or \"http://auth.example.org:8080\"")]
pub(crate) struct BadHttpHost(String);

/// A request that was checked against what its plugin may do.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// The method, in capitals.
    pub method: &'static str,
    /// Where to.
    pub url: Url,
    /// The header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The operator has listed a local name, `localhost`, itself.
    pub local: bool,
}

/// A whole response.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// At most [`MAX_HTTP_BODY`].
    pub body: Vec<u8>,
}

/// Why there is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// The name leads to an address that only this machine or its link reaches.
    LocalAddress,
    /// The response is larger than it may be.
    TooLarge,
    /// The request cannot be sent as it is.
    Invalid,
    /// The server cannot be reached or does not speak HTTP; the log has the reason.
    Unreachable,
}

impl HttpAccess {
    /// Reads the operator's list.
    pub(crate) fn new(hosts: &[String]) -> Result<Self, BadHttpHost> {
        Ok(Self {
            hosts: hosts
                .iter()
                .map(|text| HttpHost::parse(text))
                .collect::<Result<_, _>>()?,
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT)),
        })
    }

    /// Whether a URL's server is listed. If not, the entry that would allow it.
    pub(crate) fn allows(&self, url: &Url) -> Result<(), String> {
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err("a host and a port".to_owned());
        };
        let (host, plain) = (host.to_owned(), url.scheme() == "http");
        let listed = self
            .hosts
            .iter()
            .any(|listed| listed.host == host && listed.port == port && (listed.plain || !plain));
        match (listed, plain) {
            (true, _) => Ok(()),
            (false, true) => Err(format!("http://{host}:{port}")),
            (false, false) => Err(format!("{host}:{port}")),
        }
    }
}

impl Default for HttpAccess {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT)),
        }
    }
}

impl HttpHost {
    fn parse(text: &str) -> Result<Self, BadHttpHost> {
        let bad = || BadHttpHost(text.to_owned());
        let (rest, plain) = match text.strip_prefix("http://") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        // The URL parser leaves a scheme's own port out: it must be seen here.
        let (name, port) = rest.rsplit_once(':').ok_or_else(bad)?;
        let is_port =
            (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
        let port: u16 = port.parse().map_err(|_| bad())?;
        let url = Url::parse(&format!("https://{name}:{port}/")).map_err(|_| bad())?;
        let is_bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty();
        let host = url.host().filter(|_| is_bare && is_port && port > 0);
        Ok(Self {
            host: host.ok_or_else(bad)?.to_owned(),
            port,
            plain,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(hosts: &[&str], url: &str) -> Result<(), String> {
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        HttpAccess::new(&hosts)
            .unwrap()
            .allows(&Url::parse(url).unwrap())
    }

    #[test]
    fn only_listed_servers_are_allowed_each_with_its_port_and_scheme() {
        let listed = [
            "auth.example.org:443",
            "http://web.example.org:8080",
            "http://127.0.0.1:80",
        ];
        for url in [
            "https://auth.example.org/login",
            "https://AUTH.example.org:443/",
            "http://web.example.org:8080/",
            "https://web.example.org:8080/",
            "http://127.0.0.1/",
            "http://127.1/",
        ] {
            assert_eq!(allows(&listed, url), Ok(()), "{url}");
        }
        for (url, entry) in [
            (
                "http://auth.example.org:443/",
                "http://auth.example.org:443",
            ),
            ("https://auth.example.org:8443/", "auth.example.org:8443"),
            ("https://example.org/", "example.org:443"),
            (
                "https://auth.example.org.evil.example/",
                "auth.example.org.evil.example:443",
            ),
            (
                "https://evil.example/#auth.example.org:443",
                "evil.example:443",
            ),
            ("http://[::1]/", "http://[::1]:80"),
            ("http://localhost/", "http://localhost:80"),
            ("http://2130706434/", "http://127.0.0.2:80"),
        ] {
            assert_eq!(allows(&listed, url), Err(entry.to_owned()), "{url}");
        }
    }

    #[test]
    fn entries_that_are_no_servers_are_named() {
        for entry in [
            "",
            "auth.example.org",
            "auth.example.org:",
            "auth.example.org:0",
            "auth.example.org:+1",
            "https://auth.example.org:443",
            "a/b:443",
            "me@auth.example.org:443",
            "auth.example.org:70000",
        ] {
            let error = HttpAccess::new(&[entry.to_owned()]).unwrap_err();
            assert!(error.to_string().contains(&format!("`{entry}`")), "{error}");
        }
    }
}
