//! The mechanisms: one type for the protocol and the configuration.

use super::Hash;
use serde::{Deserialize, Serialize};

/// A mechanism that this server can speak. Its registered name stands for it in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Name", into = "Name")]
pub enum Mechanism {
    /// SCRAM (RFC 5802, RFC 7677).
    Scram {
        /// The hash that it is used with.
        hash: Hash,
        /// Whether it binds to the TLS channel: the names that end in -PLUS.
        plus: bool,
    },
    /// PLAIN (RFC 4616): the password in clear, so under TLS only.
    Plain,
}

/// The registered names, as serde reads and writes them.
#[derive(Clone, Copy, Serialize, Deserialize)]
enum Name {
    #[serde(rename = "SCRAM-SHA-256-PLUS")]
    ScramSha256Plus,
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    #[serde(rename = "SCRAM-SHA-1-PLUS")]
    ScramSha1Plus,
    #[serde(rename = "SCRAM-SHA-1")]
    ScramSha1,
    #[serde(rename = "PLAIN")]
    Plain,
}

impl Mechanism {
    /// SCRAM-SHA-256-PLUS (RFC 7677), with channel binding.
    pub const SCRAM_SHA_256_PLUS: Self = Self::Scram {
        hash: Hash::Sha256,
        plus: true,
    };
    /// SCRAM-SHA-256 (RFC 7677).
    pub const SCRAM_SHA_256: Self = Self::Scram {
        hash: Hash::Sha256,
        plus: false,
    };
    /// SCRAM-SHA-1-PLUS (RFC 5802), with channel binding.
    pub const SCRAM_SHA_1_PLUS: Self = Self::Scram {
        hash: Hash::Sha1,
        plus: true,
    };
    /// SCRAM-SHA-1 (RFC 5802).
    pub const SCRAM_SHA_1: Self = Self::Scram {
        hash: Hash::Sha1,
        plus: false,
    };

    /// All of them, in the order of preference in which they are offered.
    pub const ALL: [Self; 5] = [
        Self::SCRAM_SHA_256_PLUS,
        Self::SCRAM_SHA_1_PLUS,
        Self::SCRAM_SHA_256,
        Self::SCRAM_SHA_1,
        Self::Plain,
    ];

    /// What is offered unless the operator says otherwise: all but SCRAM-SHA-1-PLUS. The clients that know it and not
    /// SCRAM-SHA-256-PLUS bind by tls-unique, or wrongly, and give up when they are refused.
    pub const DEFAULT: [Self; 4] = [
        Self::SCRAM_SHA_256_PLUS,
        Self::SCRAM_SHA_256,
        Self::SCRAM_SHA_1,
        Self::Plain,
    ];

    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SCRAM_SHA_256_PLUS => "SCRAM-SHA-256-PLUS",
            Self::SCRAM_SHA_256 => "SCRAM-SHA-256",
            Self::SCRAM_SHA_1_PLUS => "SCRAM-SHA-1-PLUS",
            Self::SCRAM_SHA_1 => "SCRAM-SHA-1",
            Self::Plain => "PLAIN",
        }
    }

    /// The mechanism of a registered name, which is upper case (RFC 4422 §3.1).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|mechanism| mechanism.name() == name)
    }

    /// Whether the mechanism binds to the TLS channel and so can be offered only where binding data exist.
    pub const fn is_plus(self) -> bool {
        matches!(self, Self::Scram { plus: true, .. })
    }
}

impl From<Name> for Mechanism {
    fn from(name: Name) -> Self {
        match name {
            Name::ScramSha256Plus => Self::SCRAM_SHA_256_PLUS,
            Name::ScramSha256 => Self::SCRAM_SHA_256,
            Name::ScramSha1Plus => Self::SCRAM_SHA_1_PLUS,
            Name::ScramSha1 => Self::SCRAM_SHA_1,
            Name::Plain => Self::Plain,
        }
    }
}

impl From<Mechanism> for Name {
    fn from(mechanism: Mechanism) -> Self {
        match mechanism {
            Mechanism::SCRAM_SHA_256_PLUS => Self::ScramSha256Plus,
            Mechanism::SCRAM_SHA_256 => Self::ScramSha256,
            Mechanism::SCRAM_SHA_1_PLUS => Self::ScramSha1Plus,
            Mechanism::SCRAM_SHA_1 => Self::ScramSha1,
            Mechanism::Plain => Self::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};

    #[test]
    fn every_mechanism_has_its_name_both_ways() {
        for mechanism in Mechanism::ALL {
            let name = mechanism.name();
            assert_eq!(Mechanism::from_name(name), Some(mechanism));
            assert_eq!(mechanism.is_plus(), name.ends_with("-PLUS"));
            let configured: StrDeserializer<'_, Error> = name.into_deserializer();
            assert_eq!(Mechanism::deserialize(configured), Ok(mechanism));
        }
        assert_eq!(Mechanism::from_name("scram-sha-1"), None);
    }
}
