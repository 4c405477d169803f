//! The client's side of SASL: PLAIN and SCRAM (RFC 5802, RFC 7677) with channel binding.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// What a client authenticates with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// PLAIN
    Plain,
    /// SCRAM-SHA-1 or SCRAM-SHA-1-PLUS, by the binding
    ScramSha1(Binding),
    /// SCRAM-SHA-256 or SCRAM-SHA-256-PLUS, by the binding
    ScramSha256(Binding),
}

/// How SCRAM is bound to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// `n`: the client cannot.
    None,
    /// `y`: the client could, and thinks that the server cannot.
    ClientOnly,
    /// `p=tls-exporter`
    Exporter,
    /// `p=tls-server-end-point`
    EndPoint,
}

impl Mechanism {
    /// The registered name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha1(Binding::None | Binding::ClientOnly) => "SCRAM-SHA-1",
            Self::ScramSha1(_) => "SCRAM-SHA-1-PLUS",
            Self::ScramSha256(Binding::None | Binding::ClientOnly) => "SCRAM-SHA-256",
            Self::ScramSha256(_) => "SCRAM-SHA-256-PLUS",
        }
    }
}

/// Base64 as SASL wants it.
#[must_use]
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// The reverse of [`encode`].
pub fn decode(text: &str) -> Result<Vec<u8>> {
    STANDARD
        .decode(text.trim())
        .with_context(|| format!("not base64: {text:?}"))
}

/// PLAIN's one message (RFC 4616).
#[must_use]
pub fn plain(authzid: &str, user: &str, password: &str) -> String {
    encode(format!("{authzid}\0{user}\0{password}"))
}

/// What a salted password comes of: the hash, the password, the salt, and the iterations.
type Salting = (bool, String, Vec<u8>, u32);

/// One SCRAM authentication.
pub struct Scram {
    sha256: bool,
    gs2: String,
    /// What is bound, empty without.
    binding: Vec<u8>,
    first_bare: String,
    nonce: String,
    password: String,
    /// Set by [`Scram::respond`].
    server_signature: Vec<u8>,
}

impl Scram {
    /// `gs2` is the header with both commas (`n,,`); `binding` the data that it names.
    pub fn new(
        sha256: bool,
        gs2: &str,
        binding: &[u8],
        user: &str,
        password: &str,
    ) -> Result<Self> {
        let mut random = [0; 18];
        getrandom::fill(&mut random).context("no random bytes")?;
        let nonce = encode(random);
        let user = user.replace('=', "=3D").replace(',', "=2C");
        Ok(Self {
            sha256,
            gs2: gs2.to_owned(),
            binding: binding.to_owned(),
            first_bare: format!("n={user},r={nonce}"),
            nonce,
            password: password.to_owned(),
            server_signature: Vec::new(),
        })
    }

    /// The client's first message, not encoded.
    #[must_use]
    pub fn first(&self) -> String {
        format!("{}{}", self.gs2, self.first_bare)
    }

    /// The client's final message for the server's first, not encoded.
    pub fn respond(&mut self, server_first: &str) -> Result<String> {
        let field = |key: &str| {
            server_first
                .split(',')
                .find_map(|part| part.strip_prefix(key))
        };
        let nonce = field("r=").context("no nonce in the challenge")?;
        ensure!(
            nonce.starts_with(&self.nonce) && nonce.len() > self.nonce.len(),
            "the server added nothing to the nonce"
        );
        let salt = decode(field("s=").context("no salt in the challenge")?)?;
        let iterations: u32 = field("i=")
            .context("no iteration count in the challenge")?
            .parse()?;

        let salted = self.salted(&salt, iterations);
        let client_key = self.hmac(&salted, b"Client Key");
        let stored_key = self.hash(&client_key);
        let mut bound = self.gs2.as_bytes().to_vec();
        bound.extend_from_slice(&self.binding);
        let without_proof = format!("c={},r={nonce}", encode(bound));
        let auth_message = format!("{},{server_first},{without_proof}", self.first_bare);
        let signature = self.hmac(&stored_key, auth_message.as_bytes());
        let proof: Vec<u8> = client_key
            .iter()
            .zip(&signature)
            .map(|(key, bits)| key ^ bits)
            .collect();
        let server_key = self.hmac(&salted, b"Server Key");
        self.server_signature = self.hmac(&server_key, auth_message.as_bytes());
        Ok(format!("{without_proof},p={}", encode(proof)))
    }

    /// Checks that the server knows the password's keys too.
    pub fn verify(&self, server_final: &str) -> Result<()> {
        let signature = server_final
            .strip_prefix("v=")
            .context("no signature in the server's last message")?;
        ensure!(
            decode(signature)? == self.server_signature,
            "the server's signature is wrong"
        );
        Ok(())
    }

    /// The salted password, which clients keep (RFC 5802 §5.1): a crowd that logs in would compute nothing else.
    fn salted(&self, salt: &[u8], iterations: u32) -> Vec<u8> {
        static KNOWN: Mutex<BTreeMap<Salting, Vec<u8>>> = Mutex::new(BTreeMap::new());
        let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let salting = (
            self.sha256,
            self.password.clone(),
            salt.to_vec(),
            iterations,
        );
        if let Some(salted) = known().get(&salting) {
            return salted.clone();
        }
        let password = self.password.as_bytes();
        let salted = if self.sha256 {
            pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, salt, iterations).to_vec()
        } else {
            pbkdf2::pbkdf2_hmac_array::<Sha1, 20>(password, salt, iterations).to_vec()
        };
        known().insert(salting, salted.clone());
        salted
    }

    fn hash(&self, bytes: &[u8]) -> Vec<u8> {
        if self.sha256 {
            Sha256::digest(bytes).to_vec()
        } else {
            Sha1::digest(bytes).to_vec()
        }
    }

    fn hmac(&self, key: &[u8], bytes: &[u8]) -> Vec<u8> {
        if self.sha256 {
            hmac::<Hmac<Sha256>>(key, bytes)
        } else {
            hmac::<Hmac<Sha1>>(key, bytes)
        }
    }
}

fn hmac<M: Mac + KeyInit>(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(bytes);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677, section 3.
    #[test]
    fn computes_the_example_of_the_standard() {
        let mut scram = Scram::new(true, "n,,", b"", "user", "pencil").unwrap();
        scram.nonce = "rOprNGfwEbeRWgbNEkqO".to_owned();
        scram.first_bare = "n=user,r=rOprNGfwEbeRWgbNEkqO".to_owned();
        let answer = scram
            .respond("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
            .unwrap();
        assert_eq!(
            answer,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        scram
            .verify("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
            .unwrap();
    }
}
