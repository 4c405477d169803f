//! What each mechanism makes of a client's first message.

use super::scram::{ClientFirst, ScramAttempt};
use super::{Failure, Mechanism, Plain};

/// An exchange that has begun and waits for what is known of its user.
#[derive(Debug)]
pub enum Exchange {
    /// A password in clear, to be checked.
    Password(Plain),
    /// SCRAM, which goes on with a challenge made from the user's keys.
    Scram(ScramAttempt),
}

/// What an exchange needs to know of the stream that it is on.
pub struct Channel<'a> {
    /// The data of a type of channel binding, if the connection has it.
    pub binding: &'a dyn Fn(&str) -> Option<&'a [u8]>,
    /// Whether a mechanism that binds is offered.
    pub offers_binding: bool,
    /// The user who has proven the password with a type of channel binding that the connection lacks.
    pub binds_in_vain: Option<&'a str>,
}

impl Mechanism {
    /// Begins an exchange with the client's first message.
    ///
    /// # Errors
    /// Malformed-request for a message outside the mechanism's grammar, and what [`ClientFirst::expected_binding`] says.
    pub fn begin(self, message: &[u8], channel: &Channel<'_>) -> Result<Exchange, Failure> {
        match self {
            Self::Plain => Plain::parse(message).map(Exchange::Password),
            Self::Scram { hash, plus } => {
                let first = ClientFirst::parse(message)?;
                let knows = channel.binds_in_vain == Some(first.username.as_str());
                let offered = channel.offers_binding && !knows;
                let binding = first.expected_binding(plus, offered, channel.binding)?;
                Ok(Exchange::Scram(ScramAttempt {
                    hash,
                    first,
                    binding,
                }))
            }
        }
    }
}

impl Exchange {
    /// The user as typed: an account's localpart, or a name that a provider knows.
    pub fn username(&self) -> &str {
        match self {
            Self::Password(plain) => &plain.authcid,
            Self::Scram(attempt) => &attempt.first.username,
        }
    }

    /// The identity to act as, when one was named.
    pub fn authzid(&self) -> Option<&str> {
        match self {
            Self::Password(plain) => plain.authzid.as_deref(),
            Self::Scram(attempt) => attempt.first.authzid.as_deref(),
        }
    }
}
