//! SASL where a provider knows the accounts: it says who the peer is, and which account a user's name stands for.

use super::authentication::address;
use super::authority::Authority;
use super::io::Output;
use super::negotiation::Negotiation;
use super::state::{Identity, Prover, State, Stream};
use crate::jid::{self, BareJid};
use crate::sasl::{Exchange, Failure, ScramAttempt, ScramKeys, stand_in_keys_like};

impl Negotiation {
    /// Asks the provider about the user of an exchange that has begun.
    pub(super) fn ask_provider(&mut self, stream: Stream, exchange: Exchange) -> State {
        let authzid = match address(exchange.authzid()) {
            Ok(authzid) => authzid,
            Err(failure) => return self.fail(stream, failure),
        };
        match exchange {
            Exchange::Password(plain) => {
                self.push(Output::Judge {
                    username: plain.authcid,
                    password: plain.password,
                });
                State::Judging(stream, authzid)
            }
            Exchange::Scram(attempt) => {
                self.push(Output::FetchKeys {
                    username: attempt.first.username.clone(),
                    hash: attempt.hash,
                });
                State::FetchingKeys(stream, attempt, authzid)
            }
        }
    }

    pub(super) fn judged(
        &mut self,
        stream: Stream,
        authzid: Option<&BareJid>,
        verdict: Result<BareJid, Failure>,
    ) -> State {
        match verdict {
            Ok(jid) => self.admit(stream, jid, authzid, None),
            Err(failure) => self.fail(stream, failure),
        }
    }

    /// Sends the challenge. For a user who does not exist it looks the same, on every attempt.
    pub(super) fn fetched(
        &mut self,
        stream: Stream,
        attempt: ScramAttempt,
        authzid: Option<BareJid>,
        found: Option<(BareJid, ScramKeys)>,
    ) -> State {
        let Authority::Provider(abilities) = stream.authority else {
            return self.fail(stream, Failure::TemporaryAuthFailure);
        };
        let username = &attempt.first.username;
        let unprepared = || format!("{username}@{}", stream.host);
        let name =
            jid::bare(username, &stream.host).map_or_else(|_| unprepared(), |jid| jid.to_string());
        // Made for every user, so that the time it takes tells nothing either.
        let stand_in = stand_in_keys_like(
            &self.settings.fake_salt_secret,
            &name,
            attempt.hash,
            abilities.iterations,
            abilities.salt_bytes,
        );
        let (keys, prover) = match found {
            Some((jid, keys)) => (keys, Prover::Provided(jid, authzid)),
            None => (stand_in, Prover::Nobody),
        };
        self.challenge(stream, attempt, &keys, prover)
    }

    /// The provider's account is proven: whether the peer may act as it wants to shows only now, since nobody else knows
    /// which account a name stands for.
    pub(super) fn admit(
        &mut self,
        stream: Stream,
        jid: BareJid,
        authzid: Option<&BareJid>,
        last: Option<String>,
    ) -> State {
        if jid.domain().as_str() != stream.host || jid.node().is_none() {
            return self.fail(stream, Failure::TemporaryAuthFailure);
        }
        if authzid.is_some_and(|authzid| *authzid != jid) {
            return self.fail(stream, Failure::InvalidAuthzid);
        }
        self.push(Output::Admit(jid.clone()));
        State::Admitting(stream, jid, last)
    }

    pub(super) fn admitted(
        &mut self,
        stream: Stream,
        jid: BareJid,
        last: Option<&str>,
        admission: Result<u64, Failure>,
    ) -> State {
        match admission {
            Ok(account) => self.succeed(stream, Some(Identity { account, jid }), last),
            Err(failure) => self.fail(stream, failure),
        }
    }
}
