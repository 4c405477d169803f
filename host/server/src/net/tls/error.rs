//! Why there is no certificate to serve. Every variant is the operator's matter and names the file.

use std::{io, path::PathBuf};

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing or not readable.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// A file of the self-signed certificate cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// The certificate's file has none in it, or a damaged one.
    #[error("{} holds no usable certificate in PEM: {reason}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The key's file has none in it, or a damaged one, or one of a kind that TLS does not use.
    #[error("{} holds no usable private key in PEM: {reason}", path.display())]
    PrivateKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The key can only be read with a password.
    #[error("the private key {} is encrypted; store it without a password, readable by the server alone", path.display())]
    EncryptedKey {
        /// The file.
        path: PathBuf,
    },
    /// The two files are of different certificates.
    #[error("the private key {} does not belong to the certificate {}", key.display(), certificate.display())]
    Mismatch {
        /// The key's file.
        key: PathBuf,
        /// The certificate's file.
        certificate: PathBuf,
    },
    /// The certificate's time is over.
    #[error("the certificate {} has expired; renew it", path.display())]
    Expired {
        /// The file.
        path: PathBuf,
    },
    /// The certificate's time has not begun.
    #[error("the certificate {} is not valid yet; wait, or set this machine's clock", path.display())]
    NotYetValid {
        /// The file.
        path: PathBuf,
    },
    /// The certificate is for other domains.
    #[error("the certificate {} is not for {domain}: it names {names}", path.display())]
    WrongName {
        /// The file.
        path: PathBuf,
        /// The domain that is served with it.
        domain: String,
        /// The names that the certificate has.
        names: String,
    },
    /// There is nothing to show a certificate for.
    #[error("there is no domain to serve")]
    NoDomain,
    /// A self-signed certificate cannot be made for these domains.
    #[error("cannot make a self-signed certificate: {0}")]
    SelfSigned(rcgen::Error),
    /// The TLS library refuses its settings.
    #[error("cannot set up TLS: {0}")]
    Setup(rustls::Error),
}
