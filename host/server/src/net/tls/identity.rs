//! A certificate chain with its private key, from PEM files.

use std::path::{Path, PathBuf};

use rustls::{
    InconsistentKeys,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    sign::CertifiedKey,
};
use waxwing_plugins::plain_file;
use x509_cert::{Certificate, der::Decode};

use super::{TlsError, binding, provider, self_signed};
use crate::{config::Config, wall_clock};

/// The largest PEM file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// A certificate that the server can prove to own.
pub(super) struct Identity {
    key: CertifiedKey,
    leaf: Certificate,
    path: PathBuf,
}

impl Identity {
    /// The files of `config`, or else the self-signed certificate.
    pub(super) fn load(config: &Config) -> Result<Self, TlsError> {
        match (&config.tls.certificate, &config.tls.private_key) {
            (Some(certificate), Some(key)) => Self::from_files(certificate, key),
            _ => self_signed::load_or_make(config),
        }
    }

    /// Reads a chain, the server's own certificate first, and the key of the latter.
    pub(super) fn from_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = read_chain(certificate)?;
        let leaf = parse_leaf(&chain, certificate)?;
        let private = read_key(key)?;
        let key = CertifiedKey::from_der(chain, private, &provider()).map_err(|error| {
            if error == rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) {
                return TlsError::Mismatch {
                    key: key.to_owned(),
                    certificate: certificate.to_owned(),
                };
            }
            TlsError::PrivateKey {
                path: key.to_owned(),
                reason: error.to_string(),
            }
        })?;
        Ok(Self {
            key,
            leaf,
            path: certificate.to_owned(),
        })
    }

    /// An error once the certificate's time is over.
    pub(super) fn check_validity(&self) -> Result<(), TlsError> {
        let end = self
            .leaf
            .tbs_certificate()
            .validity()
            .not_after
            .to_system_time();
        if wall_clock::now() > end {
            return Err(TlsError::Expired {
                path: self.path.clone(),
            });
        }
        Ok(())
    }

    /// The server's own certificate.
    pub(super) fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// The channel binding tls-server-end-point.
    pub(super) fn end_point(&self) -> Option<Vec<u8>> {
        binding::end_point(&self.leaf, self.key.end_entity_cert().ok()?)
    }

    pub(super) fn into_key(self) -> CertifiedKey {
        self.key
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    plain_file::read(path, MAX_BYTES).map_err(|source| TlsError::Read {
        path: path.to_owned(),
        source,
    })
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bad = |reason: String| TlsError::Certificate {
        path: path.to_owned(),
        reason,
    };
    let pem = read(path)?;
    let chain: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|error| bad(error.to_string()))?;
    if chain.is_empty() {
        return Err(bad("no section BEGIN CERTIFICATE".to_owned()));
    }
    Ok(chain)
}

fn parse_leaf(chain: &[CertificateDer<'_>], path: &Path) -> Result<Certificate, TlsError> {
    let first = chain.first().map(AsRef::as_ref).unwrap_or_default();
    Certificate::from_der(first).map_err(|error| TlsError::Certificate {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = read(path)?;
    if is_encrypted(&pem) {
        return Err(TlsError::EncryptedKey {
            path: path.to_owned(),
        });
    }
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| TlsError::PrivateKey {
        path: path.to_owned(),
        reason: match error {
            pem::Error::NoItemsFound => "no section BEGIN PRIVATE KEY".to_owned(),
            other => other.to_string(),
        },
    })
}

/// Whether a key wants a password: PKCS #8 says so in the section's name (RFC 7468 §11), older files in a header.
fn is_encrypted(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || text.contains("Proc-Type: 4,ENCRYPTED")
}
