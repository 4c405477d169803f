//! Recording sessions in the server's place.

use crate::bindings::lifecycle::waxwing::plugin::manifest as wit;
use crate::{ErrorCondition, Manifest, Plugin, StanzaError};

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

impl Manifest {
    /// Offers to provide sessions, with a priority like that of [`Self::rosters`].
    #[must_use]
    pub fn sessions(mut self, priority: i32) -> Self {
        self.0
            .subscriptions
            .push(wit::Subscription::SessionProvider(priority));
        self
    }
}

#[cfg(not(target_family = "wasm"))]
pub(crate) mod harness;

#[doc(hidden)]
#[macro_export]
macro_rules! __export_session_provider {
    ($plugin:ty) => {
        const _: () = {
            use ::std::{option::Option, result::Result, string::String, vec::Vec};
            use $crate::bindings::session_provider::exports::waxwing::plugin::session_provider as wit;
            use $crate::SessionProvider;

            fn with<R>(f: impl FnOnce(&$plugin) -> R) -> R {
                PLUGIN.with(|slot| slot.lend(f))
            }

            impl wit::Guest for Component {
                fn bind(session: wit::Session) -> Result<wit::Claim, wit::Failure> {
                    with(|plugin| SessionProvider::bind(plugin, &session))
                }
                fn unbind(session: wit::Session) {
                    with(|plugin| SessionProvider::unbind(plugin, &session));
                }
                fn release(jid: String) -> Result<(), wit::Failure> {
                    with(|plugin| SessionProvider::release(plugin, &jid))
                }
                fn set_presence(session: wit::Session, priority: Option<i8>, presence: Option<String>) -> Result<(), wit::Failure> {
                    with(|plugin| SessionProvider::set_presence(plugin, &session, priority, presence.as_deref()))
                }
                fn resources(account: String) -> Result<Vec<wit::Entry>, wit::Failure> {
                    with(|plugin| SessionProvider::resources(plugin, &account))
                }
            }
        };
        $crate::bindings::session_provider::export_session_provider!(Component with_types_in $crate::bindings::session_provider);
    };
}
