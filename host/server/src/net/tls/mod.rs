//! TLS: the certificate shown on every listener, its renewal while the server runs, and channel binding.

mod binding;
mod error;
mod identity;
mod self_signed;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig, ServerConnection,
    crypto::{CryptoProvider, ring},
    sign::SingleCertAndKey,
};

use crate::config::Config;
pub use binding::Bindings;
pub use error::TlsError;
use identity::Identity;

/// The protocol that clients name on a listener that speaks TLS from the first byte (XEP-0368 §4).
const ALPN: &[u8] = b"xmpp-client";

/// The server's identity in TLS. Reloading swaps it; connections made before keep what they were shown.
pub struct Tls {
    current: ArcSwap<Context>,
}

/// One identity and what is made of it. A connection keeps the context that it was accepted with, so that its channel
/// binding is of the certificate that its client saw.
pub struct Context {
    starttls: Arc<ServerConfig>,
    direct: Arc<ServerConfig>,
    end_point: Option<Vec<u8>>,
}

impl Tls {
    /// Reads the files that the configuration names, or the self-signed certificate in its data folder, which is made if
    /// absent. The data folder must exist. An expired certificate is served, with a warning in the log.
    pub fn load(config: &Config) -> Result<Self, TlsError> {
        let identity = Identity::load(config)?;
        if let Err(error) = identity.check_validity() {
            tracing::warn!(%error, "serving a certificate that clients will refuse");
        }
        Ok(Self {
            current: ArcSwap::from_pointee(Context::new(identity)?),
        })
    }

    /// Reads the files again. On any error, an expired certificate included, the old identity stays and one line is logged.
    /// Returns whether the identity was replaced.
    pub fn reload(&self, config: &Config) -> bool {
        let read = || {
            let identity = Identity::load(config)?;
            identity.check_validity()?;
            Context::new(identity)
        };
        match read() {
            Ok(context) => self.current.store(Arc::new(context)),
            Err(ref error) => {
                tracing::error!(%error, "the certificate is not replaced");
                return false;
            }
        }
        true
    }

    /// What a connection accepted now is served with.
    pub fn context(&self) -> Arc<Context> {
        self.current.load_full()
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
