//! SCRAM, the server's side (RFC 5802, RFC 7677).

use super::{Failure, Hash, MAX_ITERATIONS, ScramKeys, base64, text};
use std::fmt;
use subtle::ConstantTimeEq as _;

/// Random bytes in the server's half of the nonce.
const NONCE_BYTES: usize = 18;
/// The longest nonce that is taken from a client, in bytes: it is echoed twice.
const MAX_CLIENT_NONCE: usize = 512;

/// What the client's message says of channel binding (RFC 5802 §5.1 and §6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// `n`: the client knows of none.
    Unsupported,
    /// `y`: the client knows it and believes that the server does not.
    NotOffered,
    /// `p=`: the client binds to the channel by this type.
    Required(String),
}

/// The channel binding that the client's last message must repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedBinding {
    /// The GS2 header, and the channel's data where the client binds to it.
    Exactly(Vec<u8>),
    /// The GS2 header, which names a type that this channel lacks. The exchange goes on to the client's proof and fails in
    /// any case: the proof alone tells the account's owner from somebody in between, who can send such a header too.
    Unsupported(Vec<u8>),
}

impl ExpectedBinding {
    fn fits(&self, binding: &[u8]) -> subtle::Choice {
        match self {
            Self::Exactly(expected) => binding.ct_eq(expected),
            Self::Unsupported(header) => u8::from(binding.starts_with(header)).into(),
        }
    }
}

/// The client's first message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFirst {
    /// Channel binding.
    pub binding: Binding,
    /// The identity to act as, when one was named.
    pub authzid: Option<String>,
    /// The account's localpart as typed.
    pub username: String,
    nonce: String,
    gs2_header: String,
    bare: String,
}

impl ClientFirst {
    /// Takes the message apart: `gs2-cbind-flag "," [ "a=" authzid ] "," "n=" username "," "r=" nonce`.
    ///
    /// Everything outside the grammar is malformed-request, a mandatory extension (`m=`) too since none is known.
    pub fn parse(message: &[u8]) -> Result<Self, Failure> {
        let message = text(message)?;
        let mut fields = message.splitn(3, ',');
        let (flag, authzid, bare) = (
            field(fields.next())?,
            field(fields.next())?,
            field(fields.next())?,
        );
        let gs2_header = format!("{flag},{authzid},");
        let authzid = match authzid {
            "" => None,
            authzid => Some(name(
                authzid
                    .strip_prefix("a=")
                    .ok_or(Failure::MalformedRequest)?,
            )?),
        };
        let mut fields = bare.split(',');
        let username = name(attribute(fields.next(), "n=")?)?;
        let nonce = attribute(fields.next(), "r=")?;
        if !is_nonce(nonce) || nonce.len() > MAX_CLIENT_NONCE || !fields.all(is_extension) {
            return Err(Failure::MalformedRequest);
        }
        Ok(Self {
            binding: binding(flag)?,
            authzid,
            username,
            nonce: nonce.to_owned(),
            gs2_header,
            bare: bare.to_owned(),
        })
    }

    /// The channel binding that the client's last message must repeat.
    ///
    /// `plus` says whether the mechanism binds; `offered` whether any that binds was offered on this stream, to a client that
    /// has not proven to know so; `data` gives the bytes of a type that this channel has. A mechanism and a flag that
    /// contradict each other are malformed-request; a downgrade (`y` though binding was offered) is not-authorized.
    pub fn expected_binding<'d>(
        &self,
        plus: bool,
        offered: bool,
        data: impl FnOnce(&str) -> Option<&'d [u8]>,
    ) -> Result<ExpectedBinding, Failure> {
        let header = self.gs2_header.as_bytes();
        match (&self.binding, plus) {
            (Binding::Required(kind), true) => Ok(match data(kind) {
                Some(data) => ExpectedBinding::Exactly([header, data].concat()),
                None => ExpectedBinding::Unsupported(header.to_vec()),
            }),
            (Binding::NotOffered, false) if offered => Err(Failure::NotAuthorized),
            (Binding::NotOffered | Binding::Unsupported, false) => {
                Ok(ExpectedBinding::Exactly(header.to_vec()))
            }
            _ => Err(Failure::MalformedRequest),
        }
    }
}

/// What an exchange begins with.
#[derive(Debug)]
pub struct ScramAttempt {
    /// The hash of the mechanism.
    pub hash: Hash,
    /// The client's first message.
    pub first: ClientFirst,
    /// What the client must repeat of the channel binding.
    pub binding: ExpectedBinding,
}

/// An exchange whose challenge is sent, and which waits for the client's last message.
pub struct ScramChallenge {
    hash: Hash,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
    username: String,
    nonce: String,
    expected_binding: ExpectedBinding,
    /// `client-first-message-bare "," server-first-message ","`.
    auth_message: String,
}

impl fmt::Debug for ScramChallenge {
    /// Shows no key, so that none reaches a log.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ScramChallenge")
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

impl ScramChallenge {
    /// Answers the client's first message with the user's keys; gives the exchange and the server's first message.
    pub fn start(attempt: ScramAttempt, keys: &ScramKeys, random: fn(&mut [u8])) -> (Self, String) {
        let ScramAttempt {
            hash,
            first,
            binding,
        } = attempt;
        let mut nonce = [0; NONCE_BYTES];
        random(&mut nonce);
        let nonce = format!("{}{}", first.nonce, base64::encode(&nonce));
        let iterations = keys.iterations.clamp(1, MAX_ITERATIONS);
        let message = format!("r={nonce},s={},i={iterations}", base64::encode(&keys.salt));
        let challenge = Self {
            hash,
            stored_key: keys.stored_key.clone(),
            server_key: keys.server_key.clone(),
            username: first.username,
            nonce,
            expected_binding: binding,
            auth_message: format!("{},{message},", first.bare),
        };
        (challenge, message)
    }

    /// The account's localpart as the client typed it.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Ends with the client's last message; gives the server's, which proves that the server knows the account's keys.
    ///
    /// Everything is not-authorized that the right password and an untouched channel would have made different; what breaks
    /// the grammar is malformed-request. The right password with a type of channel binding that the channel lacks is
    /// [`Failure::UnsupportedBinding`].
    pub fn finish(&self, message: &[u8]) -> Result<String, Failure> {
        let message = text(message)?;
        let (without_proof, proof) = message
            .rsplit_once(",p=")
            .ok_or(Failure::MalformedRequest)?;
        let proof = base64::decode(proof).map_err(|_| Failure::MalformedRequest)?;
        let mut fields = without_proof.split(',');
        let binding = base64::decode(attribute(fields.next(), "c=")?)
            .map_err(|_| Failure::MalformedRequest)?;
        let nonce = attribute(fields.next(), "r=")?;
        if !fields.all(is_extension) {
            return Err(Failure::MalformedRequest);
        }
        let auth_message = format!("{}{without_proof}", self.auth_message);
        let fits = self.expected_binding.fits(&binding)
            & nonce.as_bytes().ct_eq(self.nonce.as_bytes())
            & self.proven(&proof, auth_message.as_bytes());
        if !bool::from(fits) {
            return Err(Failure::NotAuthorized);
        }
        if let ExpectedBinding::Unsupported(_) = self.expected_binding {
            return Err(Failure::UnsupportedBinding);
        }
        let signature = self.hash.hmac(&self.server_key, auth_message.as_bytes());
        Ok(format!("v={}", base64::encode(&signature)))
    }

    /// Whether `H(proof XOR HMAC(StoredKey, AuthMessage))` is the stored key (RFC 5802 §3).
    fn proven(&self, proof: &[u8], auth_message: &[u8]) -> subtle::Choice {
        let signature = self.hash.hmac(&self.stored_key, auth_message);
        let client_key: Vec<u8> = signature
            .iter()
            .zip(proof)
            .map(|(left, right)| left ^ right)
            .collect();
        self.hash.digest(&client_key).ct_eq(&self.stored_key)
            & proof.len().ct_eq(&self.hash.length())
    }
}

fn field(field: Option<&str>) -> Result<&str, Failure> {
    field.ok_or(Failure::MalformedRequest)
}

fn attribute<'a>(found: Option<&'a str>, name: &str) -> Result<&'a str, Failure> {
    field(found)?
        .strip_prefix(name)
        .ok_or(Failure::MalformedRequest)
}

fn binding(flag: &str) -> Result<Binding, Failure> {
    match flag {
        "n" => Ok(Binding::Unsupported),
        "y" => Ok(Binding::NotOffered),
        _ => {
            let kind = flag.strip_prefix("p=").ok_or(Failure::MalformedRequest)?;
            let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
            if kind.is_empty() || !kind.bytes().all(known) {
                return Err(Failure::MalformedRequest);
            }
            Ok(Binding::Required(kind.to_owned()))
        }
    }
}

/// A `saslname`: `=2C` for a comma, `=3D` for an equals sign, no other equals sign, not empty (RFC 5802 §5.1).
fn name(text: &str) -> Result<String, Failure> {
    let mut parts = text.split('=');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (character, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return Err(Failure::MalformedRequest),
        };
        decoded.push(character);
        decoded.push_str(rest);
    }
    if decoded.is_empty() {
        Err(Failure::MalformedRequest)
    } else {
        Ok(decoded)
    }
}

fn is_nonce(nonce: &str) -> bool {
    !nonce.is_empty() && nonce.bytes().all(|byte| matches!(byte, b'!'..=b'~'))
}

/// An optional extension, which is ignored: a letter, an equals sign, a value.
fn is_extension(field: &str) -> bool {
    let mut characters = field.chars();
    let name = characters.next();
    name.is_some_and(|name| name.is_ascii_alphabetic() && name != 'm')
        && characters.next() == Some('=')
        && characters.next().is_some()
}

#[cfg(test)]
mod tests;
