//! Deciding who logs in.

use crate::bindings::lifecycle::waxwing::plugin::manifest as wit;
use crate::{ErrorCondition, Manifest, Plugin, StanzaError};

pub use crate::bindings::auth_provider::exports::waxwing::plugin::auth_provider::{
    AuthError, AuthFailure, AuthStream, BindReason, ChangeFailure, ScramHash, ScramKeys,
    Verdict as Login,
};

/// Decides who logs in (interface `auth-provider`, granted as `auth-provider`). Everything refuses unless it is written here.
/// The manifest says what it can do: [`Manifest::auth`](crate::Manifest::auth).
pub trait AuthProvider: Plugin {
    /// What it remembers of one stream: a cache, made anew after a trap or a reload.
    type Stream: 'static;

    /// Begins with a stream, at the first question about it.
    fn stream(&self, on: AuthStream) -> Self::Stream;

    /// Whether a user, as typed, logs in with a password.
    fn check_password(&self, _: &mut Self::Stream, _username: &str, _password: &str) -> Login {
        Login::WRONG
    }

    /// Whether a user logs in with a token.
    fn check_token(&self, _: &mut Self::Stream, _username: &str, _token: &str) -> Login {
        Login::WRONG
    }

    /// Whether a user logs in by a web site's cookie.
    fn check_cookie(&self, _: &mut Self::Stream, _username: &str, _cookie: &str) -> Login {
        Login::WRONG
    }

    /// The SCRAM keys of a user; none if there is no such user or it may not log in.
    fn scram(
        &self,
        _: &mut Self::Stream,
        _username: &str,
        _hash: ScramHash,
    ) -> Result<Option<ScramKeys>, AuthFailure> {
        Ok(None)
    }

    /// The stream is this account's from now on.
    fn bind(&self, _: &mut Self::Stream, _account: &str, _reason: BindReason) {}

    /// The stream, which was bound, is over.
    fn unbind(&self, _: &mut Self::Stream) {}

    /// Whether the stream's account may ask that one for its presence.
    fn valid_contact(&self, _: &mut Self::Stream, _contact: &str) -> Result<bool, AuthFailure> {
        Ok(false)
    }

    /// Makes an account.
    fn create_user(
        &self,
        _host: &str,
        _username: &str,
        _password: &str,
    ) -> Result<(), ChangeFailure> {
        Err(ErrorCondition::NotAllowed.into())
    }

    /// Gives an account a new password.
    fn change_password(&self, _account: &str, _password: &str) -> Result<(), ChangeFailure> {
        Err(ErrorCondition::NotAllowed.into())
    }

    /// Removes an account.
    fn delete_user(&self, _account: &str) -> Result<(), ChangeFailure> {
        Err(ErrorCondition::NotAllowed.into())
    }

    /// The account of a user of the site; none if it has none.
    fn account_of(&self, _host: &str, _user: &str) -> Result<Option<String>, AuthFailure> {
        Ok(None)
    }

    /// The site's user behind an account; none if nobody is.
    fn user_of(&self, _account: &str) -> Result<Option<String>, AuthFailure> {
        Ok(None)
    }
}

impl Login {
    /// Wrong credentials, or no such user: the usual refusal.
    pub const WRONG: Self = Self::Refuse(AuthError::NotAuthorized);
}

impl PartialEq for Login {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Allow(one), Self::Allow(other)) => one == other,
            (Self::Refuse(one), Self::Refuse(other)) => one == other,
            (Self::Unavailable, Self::Unavailable) => true,
            _ => false,
        }
    }
}

impl From<StanzaError> for ChangeFailure {
    fn from(error: StanzaError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<ErrorCondition> for ChangeFailure {
    fn from(condition: ErrorCondition) -> Self {
        StanzaError::new(condition).into()
    }
}

/// What a provider of logins can do: `AuthOffer::new().passwords().scram_sha256()`.
#[derive(Clone, Copy, Debug)]
pub struct AuthOffer(pub(crate) wit::AuthOffer);

impl AuthOffer {
    /// The priority that a provider has unless it says otherwise: above the server's own accounts, which have 0, with room on
    /// both sides.
    pub const PRIORITY: i32 = 100;

    /// Nothing yet.
    #[expect(clippy::new_without_default, reason = "an offer of nothing is refused")]
    pub fn new() -> Self {
        Self(wit::AuthOffer {
            credentials: wit::CredentialKinds::empty(),
            hashes: wit::ScramHashes::empty(),
            iterations: 10_000,
            salt_bytes: 16,
            priority: Self::PRIORITY,
        })
    }

    /// Passwords, for `check_password`.
    #[must_use]
    pub fn passwords(mut self) -> Self {
        self.0.credentials |= wit::CredentialKinds::PASSWORD;
        self
    }

    /// Tokens, for `check_token`.
    #[must_use]
    pub fn tokens(mut self) -> Self {
        self.0.credentials |= wit::CredentialKinds::TOKEN;
        self
    }

    /// Cookies, for `check_cookie`.
    #[must_use]
    pub fn cookies(mut self) -> Self {
        self.0.credentials |= wit::CredentialKinds::COOKIE;
        self
    }

    /// Keys for SCRAM-SHA-1, from `scram`.
    #[must_use]
    pub fn scram_sha1(mut self) -> Self {
        self.0.hashes |= wit::ScramHashes::SHA1;
        self
    }

    /// Keys for SCRAM-SHA-256, from `scram`.
    #[must_use]
    pub fn scram_sha256(mut self) -> Self {
        self.0.hashes |= wit::ScramHashes::SHA256;
        self
    }

    /// How the keys of users look that do not exist: rounds and length of the salt.
    #[must_use]
    pub fn looks_like(mut self, iterations: u32, salt_bytes: u32) -> Self {
        self.0.iterations = iterations;
        self.0.salt_bytes = salt_bytes;
        self
    }

    /// Another priority than [`Self::PRIORITY`].
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.0.priority = priority;
        self
    }
}

impl Manifest {
    /// Offers to decide who logs in.
    #[must_use]
    pub fn auth(mut self, offer: crate::AuthOffer) -> Self {
        self.0
            .subscriptions
            .push(wit::Subscription::AuthProvider(offer.0));
        self
    }
}

#[cfg(not(target_family = "wasm"))]
pub(crate) mod harness;

#[doc(hidden)]
#[macro_export]
macro_rules! __export_auth_provider {
    ($plugin:ty) => {
        const _: () = {
            use $crate::bindings::auth_provider::exports::waxwing::plugin::auth_provider as wit;
            use ::std::{option::Option, result::Result, string::String};

            struct StreamAuth(::std::cell::RefCell<<$plugin as $crate::AuthProvider>::Stream>);

            impl StreamAuth {
                fn with<R>(&self, f: impl FnOnce(&$plugin, &mut <$plugin as $crate::AuthProvider>::Stream) -> R) -> R {
                    PLUGIN.with(|slot| slot.lend(|plugin| f(plugin, &mut self.0.borrow_mut())))
                }
            }

            impl wit::GuestStreamAuth for StreamAuth {
                fn new(on: wit::AuthStream) -> Self {
                    let stream = PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AuthProvider>::stream(plugin, on)));
                    Self(::std::cell::RefCell::new(stream))
                }
                fn check_password(&self, username: String, password: String) -> wit::Verdict {
                    self.with(|plugin, stream| <$plugin as $crate::AuthProvider>::check_password(plugin, stream, &username, &password))
                }
                fn check_token(&self, username: String, token: String) -> wit::Verdict {
                    self.with(|plugin, stream| <$plugin as $crate::AuthProvider>::check_token(plugin, stream, &username, &token))
                }
                fn check_cookie(&self, username: String, cookie: String) -> wit::Verdict {
                    self.with(|plugin, stream| <$plugin as $crate::AuthProvider>::check_cookie(plugin, stream, &username, &cookie))
                }
                fn scram(&self, username: String, hash: wit::ScramHash) -> Result<Option<wit::ScramKeys>, wit::AuthFailure> {
                    self.with(|plugin, stream| <$plugin as $crate::AuthProvider>::scram(plugin, stream, &username, hash))
                }
                fn bind(&self, account: String, reason: wit::BindReason) {
                    self.with(|plugin, stream| <$plugin as $crate::AuthProvider>::bind(plugin, stream, &account, reason));
                }
                fn unbind(&self) {
                    self.with(|plugin, stream| <$plugin as $crate::AuthProvider>::unbind(plugin, stream));
                }
                fn valid_contact(&self, contact: String) -> Result<bool, wit::AuthFailure> {
                    self.with(|plugin, stream| <$plugin as $crate::AuthProvider>::valid_contact(plugin, stream, &contact))
                }
            }

            impl wit::Guest for Component {
                type StreamAuth = StreamAuth;

                fn create_user(host: String, username: String, password: String) -> Result<(), wit::ChangeFailure> {
                    PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AuthProvider>::create_user(plugin, &host, &username, &password)))
                }
                fn change_password(account: String, password: String) -> Result<(), wit::ChangeFailure> {
                    PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AuthProvider>::change_password(plugin, &account, &password)))
                }
                fn delete_user(account: String) -> Result<(), wit::ChangeFailure> {
                    PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AuthProvider>::delete_user(plugin, &account)))
                }
                fn account_of(host: String, user: String) -> Result<Option<String>, wit::AuthFailure> {
                    PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AuthProvider>::account_of(plugin, &host, &user)))
                }
                fn user_of(account: String) -> Result<Option<String>, wit::AuthFailure> {
                    PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AuthProvider>::user_of(plugin, &account)))
                }
            }
        };
        $crate::bindings::auth_provider::export_auth_provider!(Component with_types_in $crate::bindings::auth_provider);
    };
}
