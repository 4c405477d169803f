//! A certificate chain with its private key, from PEM files.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    path::{Path, PathBuf},
};

use rustls::{
    InconsistentKeys,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    sign::CertifiedKey,
};
use waxwing_plugins::plain_file;
use x509_cert::{
    Certificate,
    der::Decode,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

use super::{Source, TlsError, binding, provider, self_signed};
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
    /// The certificate of `domains` from its source; `config` says where the data folder is.
    pub(super) fn load(
        source: &Source,
        config: &Config,
        domains: &BTreeSet<String>,
    ) -> Result<Self, TlsError> {
        match source {
            Source::Files { certificate, key } => Self::from_files(certificate, key),
            Source::SelfSigned => self_signed::load_or_make(&config.data_dir, domains),
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

    /// An error before the certificate's time begins, and once it is over.
    pub(super) fn check_validity(&self) -> Result<(), TlsError> {
        let validity = self.leaf.tbs_certificate().validity();
        let now = wall_clock::now();
        let path = || self.path.clone();
        if now > validity.not_after.to_system_time() {
            return Err(TlsError::Expired { path: path() });
        }
        if now < validity.not_before.to_system_time() {
            return Err(TlsError::NotYetValid { path: path() });
        }
        Ok(())
    }

    /// An error unless the certificate is for that domain, which is in ASCII (RFC 9525 §6.3: by a name of its own, or by a
    /// wildcard in the place of its first label; the subject's common name does not count).
    pub(super) fn check_name(&self, domain: &str) -> Result<(), TlsError> {
        let names = self.names();
        if names.iter().any(|name| is_for(name, domain)) {
            return Ok(());
        }
        Err(TlsError::WrongName {
            path: self.path.clone(),
            domain: domain.to_owned(),
            names: if names.is_empty() {
                "no domain".to_owned()
            } else {
                Vec::from_iter(names).join(", ")
            },
        })
    }

    /// The domains and addresses that the certificate is for.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let found = self
            .leaf
            .tbs_certificate()
            .get_extension::<SubjectAltName>();
        let Ok(Some((_, SubjectAltName(names)))) = found else {
            return BTreeSet::new();
        };
        names.iter().filter_map(name).collect()
    }

    /// The channel binding tls-server-end-point.
    pub(super) fn end_point(&self) -> Option<Vec<u8>> {
        binding::end_point(&self.leaf, self.key.end_entity_cert().ok()?)
    }

    pub(super) fn into_key(self) -> CertifiedKey {
        self.key
    }
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(domain) => Some(domain.as_str().to_ascii_lowercase()),
        GeneralName::IpAddress(bytes) => address(bytes.as_bytes()).map(|ip| ip.to_string()),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

/// Whether a certificate's name, in lower case, stands for a domain.
fn is_for(name: &str, domain: &str) -> bool {
    if name == domain {
        return true;
    }
    let (Some(parent), Some((_, rest))) = (name.strip_prefix("*."), domain.split_once('.')) else {
        return false;
    };
    parent == rest
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    plain_file::read(path, MAX_BYTES).map_err(|reason| TlsError::Read {
        path: path.to_owned(),
        reason,
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
