//! Logs people in by tokens that a web site signs: each is for one address, works once, and for 30 seconds. A client sends it
//! by SASL PLAIN as the password `//jid/TOKEN`.
//!
//! A token is `ISSUED.NONCE.SIGNATURE`: milliseconds since 1970, at least 16 random letters and digits, and the HMAC-SHA-256
//! (hexadecimal) of `JID ISSUED NONCE`, parted by line feeds, by the secret that the site and this plugin share.
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use waxwing_plugin::prelude::*;

/// How long a token is good for, in milliseconds.
const LIFE: u64 = 30_000;
/// How far the site's clock may be ahead.
const AHEAD: u64 = 5_000;
/// A used token is remembered until it has expired for certain.
const REMEMBERED: u32 = 60;

struct TokenAuth {
    secret: Vec<u8>,
}

impl Plugin for TokenAuth {
    fn manifest() -> Manifest {
        manifest!("logs people in by signed tokens that work once")
            .setting(Setting::text(
                "secret",
                "shared with the site, at least 32 bytes",
            ))
            .auth(AuthOffer::new().tokens())
    }

    fn init(_: Scope) -> Result<Self, String> {
        let secret = config::text("secret").unwrap_or_default().into_bytes();
        if secret.len() < 32 {
            return Err(
                "secret is shorter than 32 bytes; take the output of `openssl rand -hex 32`"
                    .to_owned(),
            );
        }
        Ok(Self { secret })
    }
}

impl AuthProvider for TokenAuth {
    /// The host.
    type Stream = String;

    fn stream(&self, on: AuthStream) -> String {
        on.host
    }

    fn check_token(&self, host: &mut String, username: &str, token: &str) -> Login {
        let account = format!("{}@{host}", username.to_lowercase());
        if !self.is_signed(&account, token) {
            return Login::WRONG;
        }
        // Counting is one step for all instances: of two who come with the same token, one is first.
        match memory::add(&format!("used/{token}"), 1, Some(REMEMBERED)) {
            Ok(1) => Login::Allow(account),
            Ok(_) => Login::WRONG,
            Err(_) => Login::Unavailable,
        }
    }

    fn valid_contact(&self, _: &mut String, _: &str) -> Result<bool, AuthFailure> {
        // Who has an account only the site knows.
        Ok(true)
    }
}

impl TokenAuth {
    /// Whether the site signed the token for that account, not long ago.
    fn is_signed(&self, account: &str, token: &str) -> bool {
        let mut parts = token.split('.');
        let (Some(issued), Some(nonce), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return false;
        };
        let (Ok(time), Some(signature)) = (issued.parse::<u64>(), bytes(signature)) else {
            return false;
        };
        let now = clock::now();
        let is_fresh = now < time.saturating_add(LIFE) && time < now.saturating_add(AHEAD);
        let is_nonce = (16..=64).contains(&nonce.len())
            && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.secret) else {
            return false;
        };
        mac.update([account, issued, nonce].join("\n").as_bytes());
        // Compared without telling by the time it takes how much of it is right.
        let is_genuine = mac.verify_slice(&signature).is_ok();
        is_genuine && is_fresh && is_nonce
    }
}

/// Lower-case hexadecimal digits alone, so that one signature has one spelling.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let pair = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    pairs
        .iter()
        .map(pair)
        .collect::<Option<_>>()
        .filter(|_| rest.is_empty())
}

waxwing_plugin::plugin!(TokenAuth: AuthProvider);

#[cfg(test)]
mod tests;
