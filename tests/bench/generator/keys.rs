//! SCRAM-SHA-1 (RFC 5802) as a client does it that has stored the keys of its password: the derivation, which takes
//! milliseconds, is done once for each account.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use anyhow::{Context, Result};
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use waxwing_tests::client::sasl::{decode, encode};

/// What a client keeps instead of the password.
#[derive(Clone)]
struct Keys {
    client: [u8; 20],
    stored: [u8; 20],
}

/// The keys of all accounts, by salt, iterations and password.
#[derive(Clone, Default)]
pub(crate) struct Keyring(Rc<RefCell<HashMap<String, Keys>>>);

impl Keyring {
    /// The client's final message, not encoded. `bare` is its first message without the header, `challenge` the server's.
    pub(crate) fn answer(&self, password: &str, bare: &str, challenge: &str) -> Result<String> {
        let field = |key: &str| {
            let mut parts = challenge.split(',');
            parts
                .find_map(|part| part.strip_prefix(key))
                .with_context(|| format!("no {key} in the challenge {challenge}"))
        };
        let keys = self.keys(password, field("s=")?, field("i=")?)?;
        // biws: the header `n,,`.
        let without_proof = format!("c=biws,r={}", field("r=")?);
        let signed = format!("{bare},{challenge},{without_proof}");
        let mut proof = hmac(&keys.stored, signed.as_bytes())?;
        for (byte, key) in proof.iter_mut().zip(keys.client) {
            *byte ^= key;
        }
        Ok(format!("{without_proof},p={}", encode(proof)))
    }

    fn keys(&self, password: &str, salt: &str, iterations: &str) -> Result<Keys> {
        let name = format!("{salt} {iterations} {password}");
        if let Some(keys) = self.0.borrow().get(&name) {
            return Ok(keys.clone());
        }
        let iterations = iterations.parse().context("no number of iterations")?;
        let salted: [u8; 20] =
            pbkdf2::pbkdf2_hmac_array::<Sha1, 20>(password.as_bytes(), &decode(salt)?, iterations);
        let client = hmac(&salted, b"Client Key")?;
        let keys = Keys {
            client,
            stored: Sha1::digest(client).into(),
        };
        self.0.borrow_mut().insert(name, keys.clone());
        Ok(keys)
    }
}

fn hmac(key: &[u8], bytes: &[u8]) -> Result<[u8; 20]> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key)?;
    mac.update(bytes);
    Ok(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::Keyring;

    /// RFC 5802, section 5.
    #[test]
    fn computes_the_example_of_the_standard() {
        let keyring = Keyring::default();
        let challenge = "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
        for _ in 0..2 {
            let answer = keyring
                .answer("pencil", "n=user,r=fyko+d2lbbFgONRv9qkxdawL", challenge)
                .unwrap();
            assert_eq!(
                answer,
                "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
            );
        }
        assert_eq!(keyring.0.borrow().len(), 1);
    }
}
