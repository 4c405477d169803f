//! `[tls]` and `[host.tls]`: the certificates.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Files of a certificate, in PEM, relative to the working directory. Both or none. A domain has the certificate of its
/// `[host.tls]`, else that of `[tls]`; domains that have neither share a self-signed one, which the server makes at first start.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// The certificate, followed by the intermediate ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// The certificate's private key, not encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_key: Option<PathBuf>,
}

impl Tls {
    /// True if no file is named.
    pub(super) const fn is_absent(&self) -> bool {
        self.certificate.is_none() && self.private_key.is_none()
    }
}
