//! The server's side of SASL (RFC 6120 §6): SCRAM-SHA-256 and SCRAM-SHA-1 with and without channel binding, and PLAIN.
//!
//! EXTERNAL and ANONYMOUS are deliberately absent: no identity is taken from a certificate, and nobody is unnamed.
//! The exchange with the peer is driven by [`crate::stream`]. Here is which mechanisms there are ([`Mechanism`]), what each
//! begins with its first message ([`Exchange`]), and how messages are wrapped in elements ([`Dialect`]). A new mechanism is a
//! variant of the first two and a file that reads its messages.

pub mod base64;
#[cfg(test)]
pub(crate) mod client;
mod dialect;
mod exchange;
mod hash;
mod keys;
mod mechanism;
mod plain;
mod scram;

pub use dialect::{Dialect, Sasl1};
pub use exchange::{Channel, Exchange};
pub use hash::Hash;
pub use keys::{
    Credentials, MAX_ITERATIONS, NEW_ACCOUNT_ITERATIONS, PasswordError, SALT_BYTES, ScramKeys,
    burn, derive, is_valid_password, prepare_password, stand_in_keys, stand_in_keys_like,
    verify_plain,
};
pub use mechanism::Mechanism;
pub use plain::Plain;
pub use scram::{Binding, ClientFirst, ExpectedBinding, ScramAttempt, ScramChallenge};

/// Why an authentication attempt failed, as the peer is told (RFC 6120 §6.5). The stream lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The peer sent `<abort/>` (§6.5.1).
    #[error("the peer gave the attempt up")]
    Aborted,
    /// The account is disabled for now (§6.5.2).
    #[error("the account is disabled")]
    AccountDisabled,
    /// The credentials were right and have expired (§6.5.3).
    #[error("the credentials have expired")]
    CredentialsExpired,
    /// The mechanism needs TLS first (§6.5.4).
    #[error("the mechanism needs encryption first")]
    EncryptionRequired,
    /// The base64 is not canonical (§6.5.5, §13.9.1).
    #[error("the base64 is not canonical")]
    IncorrectEncoding,
    /// The authorization identity is not the account itself (§6.5.6).
    #[error("the authorization identity is not the account")]
    InvalidAuthzid,
    /// The mechanism is not offered (§6.5.7).
    #[error("the mechanism is not offered")]
    InvalidMechanism,
    /// The message breaks the mechanism's syntax (§6.5.8).
    #[error("the message breaks the mechanism's syntax")]
    MalformedRequest,
    /// Wrong credentials, no such account, or a channel binding that does not fit: never told apart (§6.5.10).
    #[error("the credentials are not right")]
    NotAuthorized,
    /// The account could not be looked up for now (§6.5.11).
    #[error("authentication is not possible for now")]
    TemporaryAuthFailure,
    /// The credentials are right, but the client bound them to a type of channel binding that this channel lacks
    /// (RFC 5802 §6). The peer is told not-authorized; it has guessed no password.
    #[error("the type of channel binding is not supported")]
    UnsupportedBinding,
}

impl Failure {
    /// The element's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::AccountDisabled => "account-disabled",
            Self::CredentialsExpired => "credentials-expired",
            Self::EncryptionRequired => "encryption-required",
            Self::IncorrectEncoding => "incorrect-encoding",
            Self::InvalidAuthzid => "invalid-authzid",
            Self::InvalidMechanism => "invalid-mechanism",
            Self::MalformedRequest => "malformed-request",
            Self::NotAuthorized | Self::UnsupportedBinding => "not-authorized",
            Self::TemporaryAuthFailure => "temporary-auth-failure",
        }
    }
}

/// A decoded message as text: UTF-8 without NUL, else malformed-request. PLAIN, whose separator is NUL, has its own check.
fn text(message: &[u8]) -> Result<&str, Failure> {
    let text = str::from_utf8(message).map_err(|_| Failure::MalformedRequest)?;
    if text.contains('\0') {
        Err(Failure::MalformedRequest)
    } else {
        Ok(text)
    }
}
