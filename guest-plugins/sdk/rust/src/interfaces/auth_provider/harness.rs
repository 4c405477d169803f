//! Streams that log in at a provider, as the host leads them.

use crate::bindings::lifecycle::waxwing::plugin::manifest as wit;
use crate::{
    AuthFailure, AuthProvider, AuthStream, BindReason, ChangeFailure, Login, ScramHash, ScramKeys,
    TlsVersion, Transport,
};

use crate::harness::Harness;

/// A stream at a host that the plugin provides logins for. The plugin hears of it at the first question.
pub struct Connection<P: AuthProvider> {
    on: AuthStream,
    /// What the plugin keeps of it, and the number of the instance that does.
    kept: Option<(P::Stream, u64)>,
    account: Option<String>,
}

/// A stream over TLS 1.3 to that domain, from 192.0.2.1. The id stands for the connection.
pub fn auth_stream(id: &str, host: &str) -> AuthStream {
    AuthStream {
        id: id.to_owned(),
        host: host.to_owned(),
        tls: Some(TlsVersion::Tls13),
        loopback: false,
        transport: Transport::Starttls,
        address: Some("192.0.2.1".to_owned()),
    }
}

impl<P: AuthProvider> Connection<P> {
    /// The account that it is logged in as.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// Whether the plugin has been asked about it.
    pub fn is_known(&self) -> bool {
        self.kept.is_some()
    }
}

impl<P: AuthProvider> Harness<P> {
    /// A client connects.
    pub fn connect(&self, on: &AuthStream) -> Connection<P> {
        let mut on = on.clone();
        if !self.world.grants.contains("address") {
            on.address = None;
        }
        Connection {
            on,
            kept: None,
            account: None,
        }
    }

    /// A client sends SASL PLAIN. What the password is follows from its beginning, as in the host. A panic is a refusal for
    /// now; an account that is none of the stream's host too.
    pub fn log_in(&mut self, on: &mut Connection<P>, username: &str, password: &str) -> Login {
        let proofs = self.offer().map(|offer| offer.credentials);
        let offers =
            |proof| proofs.is_some_and(|proofs: wit::CredentialKinds| proofs.contains(proof));
        let (token, cookie) = (
            password.strip_prefix("//jid/"),
            password.strip_prefix("//cookie/"),
        );
        let asked = match (token, cookie) {
            (Some(token), _) if offers(wit::CredentialKinds::TOKEN) => self
                .ask(on, |plugin, stream| {
                    plugin.check_token(stream, username, token)
                }),
            (_, Some(cookie)) if offers(wit::CredentialKinds::COOKIE) => self
                .ask(on, |plugin, stream| {
                    plugin.check_cookie(stream, username, cookie)
                }),
            _ if offers(wit::CredentialKinds::PASSWORD) && !password.is_empty() => self
                .ask(on, |plugin, stream| {
                    plugin.check_password(stream, username, password)
                }),
            _ => return Login::WRONG,
        };
        match asked {
            Ok(Login::Allow(account)) if crate::jid::domain(&account) == on.on.host => {
                let bound = self.ask(on, |plugin, stream| {
                    plugin.bind(stream, &account, BindReason::New);
                });
                if bound.is_err() {
                    return Login::Unavailable;
                }
                on.account = Some(account.clone());
                Login::Allow(account)
            }
            Ok(Login::Allow(_)) | Err(_) => Login::Unavailable,
            Ok(refused) => refused,
        }
    }

    /// A client begins with SCRAM. A panic is a refusal for now.
    pub fn scram(
        &mut self,
        on: &mut Connection<P>,
        username: &str,
        hash: ScramHash,
    ) -> Result<Option<ScramKeys>, AuthFailure> {
        let asked = self.ask(on, |plugin, stream| plugin.scram(stream, username, hash));
        asked.unwrap_or(Err(AuthFailure::Unavailable))
    }

    /// A client that has logged in asks somebody for presence.
    pub fn valid_contact(
        &mut self,
        on: &mut Connection<P>,
        contact: &str,
    ) -> Result<bool, AuthFailure> {
        let asked = self.ask(on, |plugin, stream| plugin.valid_contact(stream, contact));
        asked.unwrap_or(Err(AuthFailure::Unavailable))
    }

    /// A client is gone.
    pub fn leave(&mut self, on: Connection<P>) {
        let Some((mut stream, instance)) = on.kept else {
            return;
        };
        if on.account.is_some() && instance == self.instances && self.plugin.is_some() {
            // There is nobody left to hear of a panic.
            let _ = self.call(|plugin| plugin.unbind(&mut stream));
        }
    }

    /// What becomes of `accounts.create` of a plugin.
    pub fn create_user(
        &mut self,
        host: &str,
        username: &str,
        password: &str,
    ) -> Result<(), ChangeFailure> {
        let changed = self.call(|plugin| plugin.create_user(host, username, password));
        changed.unwrap_or(Err(ChangeFailure::Unavailable))
    }

    /// What becomes of `accounts.set-password`.
    pub fn change_password(&mut self, account: &str, password: &str) -> Result<(), ChangeFailure> {
        let changed = self.call(|plugin| plugin.change_password(account, password));
        changed.unwrap_or(Err(ChangeFailure::Unavailable))
    }

    /// What becomes of `accounts.remove`.
    pub fn delete_user(&mut self, account: &str) -> Result<(), ChangeFailure> {
        let changed = self.call(|plugin| plugin.delete_user(account));
        changed.unwrap_or(Err(ChangeFailure::Unavailable))
    }

    /// The account of a user of the site.
    pub fn account_of(&mut self, host: &str, user: &str) -> Result<Option<String>, AuthFailure> {
        let found = self.call(|plugin| plugin.account_of(host, user));
        found.unwrap_or(Err(AuthFailure::Unavailable))
    }

    /// The user of the site behind an account.
    pub fn user_of(&mut self, account: &str) -> Result<Option<String>, AuthFailure> {
        let found = self.call(|plugin| plugin.user_of(account));
        found.unwrap_or(Err(AuthFailure::Unavailable))
    }

    fn offer(&self) -> Option<wit::AuthOffer> {
        self.subscriptions.auth()
    }

    /// Asks about a stream; what was kept of it is made anew where its instance is gone.
    fn ask<R>(
        &mut self,
        on: &mut Connection<P>,
        f: impl FnOnce(&P, &mut P::Stream) -> R,
    ) -> Result<R, String> {
        let lost = self.plugin.is_none();
        let kept = on.kept.take();
        let living = kept.filter(|(_, instance)| *instance == self.instances && !lost);
        let (facts, account) = (on.on.clone(), on.account.clone());
        let reloaded = self.reloaded == self.instances && !lost;
        let (stream, answer) = self.call(|plugin| {
            let mut stream = living.map_or_else(
                || {
                    let mut stream = plugin.stream(facts);
                    let reason = if reloaded {
                        BindReason::Reloaded
                    } else {
                        BindReason::Recovered
                    };
                    if let Some(account) = account {
                        plugin.bind(&mut stream, &account, reason);
                    }
                    stream
                },
                |(stream, _)| stream,
            );
            let answer = f(plugin, &mut stream);
            (stream, answer)
        })?;
        on.kept = Some((stream, self.instances));
        Ok(answer)
    }
}
