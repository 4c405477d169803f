//! What a provider of logins offers in its manifest.

use waxwing_xmpp::sasl::MAX_ITERATIONS;
use waxwing_xmpp::stream::Abilities;

use crate::wit::bindings::waxwing::plugin::manifest as wit;

const MAX_SALT: u32 = 64;

/// A checked offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says of one way to log in whether it is offered"
)]
pub(crate) struct AuthOffer {
    pub(crate) password: bool,
    pub(crate) token: bool,
    pub(crate) cookie: bool,
    pub(crate) priority: i32,
    sha1: bool,
    sha256: bool,
    iterations: u32,
    salt_bytes: usize,
}

impl AuthOffer {
    /// Checks an offer; the error says what is wrong with it.
    pub(crate) fn check(offer: wit::AuthOffer) -> Result<Self, &'static str> {
        if !(1..=MAX_ITERATIONS).contains(&offer.iterations) {
            return Err("must show 1 to 10,000,000 iterations");
        }
        if !(1..=MAX_SALT).contains(&offer.salt_bytes) {
            return Err("must show a salt of 1 to 64 bytes");
        }
        let offer = Self {
            password: offer.credentials.contains(wit::CredentialKinds::PASSWORD),
            token: offer.credentials.contains(wit::CredentialKinds::TOKEN),
            cookie: offer.credentials.contains(wit::CredentialKinds::COOKIE),
            priority: offer.priority,
            sha1: offer.hashes.contains(wit::ScramHashes::SHA1),
            sha256: offer.hashes.contains(wit::ScramHashes::SHA256),
            iterations: offer.iterations,
            salt_bytes: usize::try_from(offer.salt_bytes).unwrap_or(1),
        };
        let Abilities {
            plain,
            sha1,
            sha256,
            ..
        } = offer.abilities();
        if !(plain || sha1 || sha256) {
            return Err("names neither a proof nor a hash");
        }
        Ok(offer)
    }

    /// What it can do, in the terms of the negotiation.
    pub(crate) fn abilities(self) -> Abilities {
        Abilities {
            plain: self.password || self.token || self.cookie,
            sha1: self.sha1,
            sha256: self.sha256,
            iterations: self.iterations,
            salt_bytes: self.salt_bytes,
        }
    }
}
