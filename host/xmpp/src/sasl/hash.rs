//! The hash functions of SCRAM, chosen at run time.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// A hash function that SCRAM is used with. A stronger one is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hash {
    /// SHA-1 (RFC 5802), 20 bytes. What SCRAM needs of it still holds; older clients know no other.
    Sha1,
    /// SHA-256 (RFC 7677), 32 bytes.
    Sha256,
}

impl Hash {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Sha1, Self::Sha256];

    /// The hash's name (IANA, Hash Function Textual Names), under which its keys are stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
        }
    }

    /// The hash of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.name() == name)
    }

    /// The length of a digest in bytes.
    pub fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The digest of some bytes: `H` of RFC 5802 §2.2.
    pub(super) fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(bytes).to_vec(),
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
        }
    }

    /// The keyed digest: `HMAC` of RFC 5802 §2.2.
    pub(super) fn hmac(self, key: &[u8], bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Hmac::<Sha1>::new_from_slice(key)
                .map(|mac| mac.chain_update(bytes).finalize().into_bytes().to_vec()),
            Self::Sha256 => Hmac::<Sha256>::new_from_slice(key)
                .map(|mac| mac.chain_update(bytes).finalize().into_bytes().to_vec()),
        }
        // A key of any length is taken, so this is never reached; no digest at all fits nothing.
        .unwrap_or_default()
    }

    /// PBKDF2: `Hi` of RFC 5802 §2.2, the costly step.
    pub(super) fn salted(self, password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
        let mut salted = vec![0; self.length()];
        match self {
            Self::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, &mut salted),
            Self::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut salted),
        }
        salted
    }
}
