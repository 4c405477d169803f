//! `[sasl]`: how clients log in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How clients log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sasl {
    /// The mechanisms offered, in this order. PLAIN is offered over TLS only.
    pub mechanisms: Vec<Mechanism>,
    /// Offers PLAIN without TLS as well. Takes effect for clients on loopback only.
    pub allow_plain_without_tls: bool,
}

/// A SASL mechanism.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Mechanism {
    /// SCRAM with SHA-256 and channel binding (RFC 7677).
    #[serde(rename = "SCRAM-SHA-256-PLUS")]
    ScramSha256Plus,
    /// SCRAM with SHA-256 (RFC 7677).
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// SCRAM with SHA-1 and channel binding (RFC 5802). Not offered by default: some clients (gloox, Smack) take it, fail and
    /// give up.
    #[serde(rename = "SCRAM-SHA-1-PLUS")]
    ScramSha1Plus,
    /// SCRAM with SHA-1 (RFC 5802).
    #[serde(rename = "SCRAM-SHA-1")]
    ScramSha1,
    /// The password itself (RFC 4616).
    #[serde(rename = "PLAIN")]
    Plain,
}

impl Default for Sasl {
    fn default() -> Self {
        use Mechanism::{Plain, ScramSha1, ScramSha256, ScramSha256Plus};
        Self {
            mechanisms: vec![ScramSha256Plus, ScramSha256, ScramSha1, Plain],
            allow_plain_without_tls: false,
        }
    }
}
