//! Who knows the accounts of a stream's host.

use crate::sasl::{Hash, Mechanism};

/// Who decides who a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// The server, which keeps the keys of its accounts.
    Server,
    /// A provider, which is asked at each attempt.
    Provider(Abilities),
}

/// What a provider can do. What it cannot is not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// It judges what PLAIN brings.
    pub plain: bool,
    /// It has keys for SCRAM-SHA-1.
    pub sha1: bool,
    /// It has keys for SCRAM-SHA-256.
    pub sha256: bool,
    /// Rounds that keys for users who do not exist are shown with.
    pub iterations: u32,
    /// Length of the salt that they are shown with, in bytes.
    pub salt_bytes: usize,
}

impl Authority {
    /// A provider that can do nothing: nobody logs in.
    pub(super) const NOBODY: Self = Self::Provider(Abilities {
        plain: false,
        sha1: false,
        sha256: false,
        iterations: 1,
        salt_bytes: 1,
    });

    /// Whether the mechanism can be carried out.
    pub(super) fn can(self, mechanism: Mechanism) -> bool {
        let Self::Provider(abilities) = self else {
            return true;
        };
        match mechanism {
            Mechanism::Plain => abilities.plain,
            Mechanism::Scram { hash, .. } => match hash {
                Hash::Sha1 => abilities.sha1,
                Hash::Sha256 => abilities.sha256,
            },
        }
    }
}
