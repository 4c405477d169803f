//! TLS: the certificate of each domain, its renewal while the server runs, and channel binding.

mod binding;
mod error;
mod identity;
mod self_signed;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig, ServerConnection,
    crypto::{CryptoProvider, ring},
    sign::SingleCertAndKey,
};

use crate::config::{self, Config};
pub use binding::Bindings;
pub use error::TlsError;
use identity::Identity;

/// The protocol that clients name on a listener that speaks TLS from the first byte (XEP-0368 §4).
const ALPN: &[u8] = b"xmpp-client";

/// The certificates of the domains served. Reloading swaps them; connections made before keep what they were shown.
pub struct Tls {
    current: ArcSwap<Certificates>,
}

/// What is shown to whom.
struct Certificates {
    /// Of the default host: for clients that name no domain served here.
    default: Arc<Context>,
    /// By the domain as certificates write it.
    by_domain: BTreeMap<String, Arc<Context>>,
}

/// One certificate and what is made of it. A connection keeps the context that it was accepted with, so that its channel
/// binding is of the certificate that its client saw.
pub struct Context {
    starttls: Arc<ServerConfig>,
    direct: Arc<ServerConfig>,
    end_point: Option<Vec<u8>>,
}

/// Where a certificate comes from.
#[derive(PartialEq, Eq)]
enum Source {
    /// Files that the operator named.
    Files { certificate: PathBuf, key: PathBuf },
    /// The data folder: the server's own.
    SelfSigned,
}

impl Tls {
    /// Reads the files that `[host.tls]` names, for other domains those of `[tls]`, and for domains that have neither the
    /// self-signed certificate in the data folder, which is made if absent. The data folder must exist. A certificate that
    /// clients will refuse, since it has expired or is for another domain, is served, with a warning in the log.
    pub fn load(config: &Config) -> Result<Self, TlsError> {
        let mut certificates = None;
        for (source, domains) in sources(config) {
            let identity = Identity::load(&source, config, &domains)?;
            if let Err(error) = identity.check_validity() {
                tracing::warn!(%error, "serving a certificate that clients will refuse");
            }
            warn_of_names(&identity, &domains);
            let context = Arc::new(Context::new(identity)?);
            Certificates::add(&mut certificates, &domains, &context);
        }
        let certificates = certificates.ok_or(TlsError::NoDomain)?;
        Ok(Self {
            current: ArcSwap::from_pointee(certificates),
        })
    }

    /// Reads the files again; `config` has the domains of the start. Where that fails, which an expired certificate does too,
    /// those domains keep the certificate that they have, and one line is logged. Returns whether all were read.
    pub fn reload(&self, config: &Config) -> bool {
        let old = self.current.load_full();
        let (mut certificates, mut complete) = (None, true);
        for (source, domains) in sources(config) {
            let read = Identity::load(&source, config, &domains).and_then(|identity| {
                identity.check_validity()?;
                warn_of_names(&identity, &domains);
                Context::new(identity)
            });
            match read {
                Ok(context) => {
                    Certificates::add(&mut certificates, &domains, &Arc::new(context));
                }
                Err(error) => {
                    let names: Vec<&str> = domains.iter().map(String::as_str).collect();
                    let of = names.join(", ");
                    tracing::error!(%error, domains = of, "the certificate is not replaced");
                    complete = false;
                    for domain in domains {
                        let kept = old.of(&domain).unwrap_or(&old.default);
                        Certificates::add(&mut certificates, &BTreeSet::from([domain]), kept);
                    }
                }
            }
        }
        if let Some(certificates) = certificates {
            self.current.store(Arc::new(certificates));
        }
        complete
    }

    /// What a connection whose handshake begins now is served with: the certificate of the domain that the client names in
    /// its ClientHello (`sni`, RFC 6066 §3). Where it names none that is served here, that of the prepared domain to which
    /// the client opened its stream (`to`); else that of the default host.
    pub fn context(&self, sni: Option<&str>, to: Option<&str>) -> Arc<Context> {
        let current = self.current.load();
        let named = sni.and_then(|name| current.of(&name.to_ascii_lowercase()));
        let context = named.or_else(|| current.of(&in_ascii(to?)));
        Arc::clone(context.unwrap_or(&current.default))
    }
}

impl Certificates {
    /// Serves `domains` with `context`; the first of all is the default.
    fn add(to: &mut Option<Self>, domains: &BTreeSet<String>, context: &Arc<Context>) {
        let certificates = to.get_or_insert_with(|| Self {
            default: Arc::clone(context),
            by_domain: BTreeMap::new(),
        });
        let of = |domain: &String| (domain.clone(), Arc::clone(context));
        certificates.by_domain.extend(domains.iter().map(of));
    }

    /// The certificate of a domain, as certificates write it.
    fn of(&self, domain: &str) -> Option<&Arc<Context>> {
        self.by_domain.get(domain)
    }
}

/// Where the certificates come from, each with the domains that it is for, as certificates write them. The first is the
/// default host's.
fn sources(config: &Config) -> Vec<(Source, BTreeSet<String>)> {
    let mut sources: Vec<(Source, BTreeSet<String>)> = Vec::new();
    for host in &config.host {
        let source = [&host.tls, &config.tls].into_iter().find_map(files);
        let source = source.unwrap_or(Source::SelfSigned);
        let domain = in_ascii(&host.domain);
        match sources.iter_mut().find(|(known, _)| *known == source) {
            Some((_, domains)) => drop(domains.insert(domain)),
            None => sources.push((source, BTreeSet::from([domain]))),
        }
    }
    sources
}

/// The files that a section names.
fn files(section: &config::Tls) -> Option<Source> {
    Some(Source::Files {
        certificate: section.certificate.clone()?,
        key: section.private_key.clone()?,
    })
}

/// A prepared domain as certificates write it (RFC 5280 §7.2), and as clients name it in a ClientHello.
fn in_ascii(domain: &str) -> String {
    idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_owned())
}

/// Tells the operator of domains that the certificate is not for: it is served for them all the same.
fn warn_of_names(identity: &Identity, domains: &BTreeSet<String>) {
    for domain in domains {
        if let Err(error) = identity.check_name(domain) {
            tracing::warn!(%error, "serving a certificate that clients will refuse");
        }
    }
}

impl Context {
    fn new(identity: Identity) -> Result<Self, TlsError> {
        let end_point = identity.end_point();
        let starttls = server_config(identity)?;
        let mut direct = starttls.clone();
        direct.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self {
            starttls: Arc::new(starttls),
            direct: Arc::new(direct),
            end_point,
        })
    }

    /// For connections that began in clear text (RFC 6120 §5).
    pub fn starttls(&self) -> &Arc<ServerConfig> {
        &self.starttls
    }

    /// For connections with TLS from the first byte (XEP-0368): names the protocol to clients that ask.
    pub fn direct(&self) -> &Arc<ServerConfig> {
        &self.direct
    }

    /// Channel bindings of a connection of this context. Its handshake must be done.
    pub fn bindings(&self, connection: &ServerConnection) -> Bindings {
        Bindings::of(connection, self.end_point.clone())
    }
}

/// TLS 1.2 and 1.3 without client certificates.
fn server_config(identity: Identity) -> Result<ServerConfig, TlsError> {
    let resolver = Arc::new(SingleCertAndKey::from(identity.into_key()));
    Ok(ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)?
        .with_no_client_auth()
        .with_cert_resolver(resolver))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
