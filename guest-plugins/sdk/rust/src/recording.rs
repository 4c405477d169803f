//! Recording sessions in the server's place.

use crate::{ErrorCondition, Plugin, StanzaError};

pub use crate::bindings::session_provider::exports::waxwing::plugin::session_provider::{
    Claim, Entry as SessionEntry, Failure as SessionFailure, Session as BoundSession,
};

/// Records sessions (interface `session-provider`, granted as `session-provider`). The manifest says that it does:
/// [`Manifest::sessions`](crate::Manifest::sessions).
pub trait SessionProvider: Plugin {
    /// A session claims its full JID.
    fn bind(&self, session: &BoundSession) -> Result<Claim, SessionFailure>;

    /// A session that this plugin has bound is over. One whose address was released has another id than who has it now.
    fn unbind(&self, session: &BoundSession);

    /// Frees a full JID of whoever has it.
    fn release(&self, jid: &str) -> Result<(), SessionFailure>;

    /// A session is available with that priority and presence, or is not.
    fn set_presence(
        &self,
        session: &BoundSession,
        priority: Option<i8>,
        presence: Option<&str>,
    ) -> Result<(), SessionFailure>;

    /// The sessions of an account.
    fn resources(&self, account: &str) -> Result<Vec<SessionEntry>, SessionFailure>;
}

impl From<StanzaError> for Claim {
    fn from(error: StanzaError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<ErrorCondition> for Claim {
    fn from(condition: ErrorCondition) -> Self {
        StanzaError::new(condition).into()
    }
}

impl PartialEq for Claim {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bound, Self::Bound) | (Self::InUse, Self::InUse) => true,
            (Self::Refused(one), Self::Refused(other)) => one.condition == other.condition,
            _ => false,
        }
    }
}
