//! SASL within the stream (RFC 6120 §6.4): from `<auth/>` to `<success/>` or `<failure/>`.

use super::authority::Authority;
use super::features;
use super::io::Output;
use super::negotiation::Negotiation;
use super::state::{Handshake, Identity, Proven, Prover, State, Stream};
use crate::error::StreamCondition;
use crate::jid::{self, BareJid};
use crate::sasl::{
    Channel, Credentials, Exchange, Failure, Mechanism, ScramAttempt, ScramChallenge, ScramKeys,
    stand_in_keys,
};
use crate::stream::settings::TlsInfo;
use waxwing_xml::Element;

/// Proofs with an unsupported type of channel binding that are not counted as attempts: one for each mechanism with channel
/// binding that a client may know, and some to spare.
const MAX_REFUSED_BINDINGS: u8 = 8;

impl Negotiation {
    /// §6.4.2. An exchange that is under way is forgotten.
    pub(super) fn authenticate(&mut self, stream: Stream, auth: &Element) -> State {
        self.authentications = self.authentications.saturating_add(1);
        if self.authentications > self.settings.auth_retries.saturating_add(1) {
            return self.end_open(StreamCondition::PolicyViolation);
        }
        let mechanism = self.mechanism(&stream, auth);
        let response =
            mechanism.and_then(|mechanism| Ok((mechanism, self.dialect.initial_response(auth)?)));
        match response {
            Err(failure) => self.fail(stream, failure),
            Ok((mechanism, Some(message))) => self.begin(stream, mechanism, &message),
            Ok((mechanism, None)) => {
                // Every mechanism here has the client speak first.
                self.send(&self.dialect.challenge(None));
                State::Unauthenticated(stream, Handshake::Challenged(mechanism))
            }
        }
    }

    /// The mechanism asked for, if it is offered.
    fn mechanism(&self, stream: &Stream, auth: &Element) -> Result<Mechanism, Failure> {
        let tls = stream.tls.as_ref();
        if features::needs_tls(&self.settings, tls) {
            return Err(Failure::EncryptionRequired);
        }
        let wanted = self
            .dialect
            .mechanism(auth)
            .and_then(Mechanism::from_name)
            .ok_or(Failure::InvalidMechanism)?;
        if features::mechanisms(&self.settings, self.peer, tls, stream.authority)
            .any(|offered| offered == wanted)
        {
            return Ok(wanted);
        }
        let would_do = wanted == Mechanism::Plain
            && stream.authority.can(wanted)
            && self.settings.mechanisms.contains(&wanted)
            && features::offers_tls(&self.settings, tls);
        Err(if would_do {
            Failure::EncryptionRequired
        } else {
            Failure::InvalidMechanism
        })
    }

    /// §6.4.3.
    pub(super) fn respond(
        &mut self,
        stream: Stream,
        handshake: Handshake,
        response: &Element,
    ) -> State {
        let message = self.dialect.response(response);
        match (handshake, message) {
            (Handshake::Idle, _) => self.stray(stream, Failure::MalformedRequest),
            (_, Err(failure)) => self.fail(stream, failure),
            (Handshake::Challenged(mechanism), Ok(message)) => {
                self.begin(stream, mechanism, &message)
            }
            (Handshake::Proving(exchange, prover), Ok(message)) => {
                match exchange.finish(&message) {
                    Ok(last) => self.proven(stream, prover, last),
                    Err(Failure::UnsupportedBinding) => self.refuse_binding(stream, &exchange),
                    Err(failure) => self.fail(stream, failure),
                }
            }
        }
    }

    /// The password is right and the type of channel binding is not supported: no guess, so no attempt.
    ///
    /// From here on `y` of this user is taken for `n` (RFC 5802 §6). Without the proof that would undo the protection from
    /// downgrades, since whoever strips the mechanisms from our features could send an attempt of this kind ahead of the
    /// client's `y`.
    fn refuse_binding(&mut self, stream: Stream, exchange: &ScramChallenge) -> State {
        self.binds_in_vain = Some(exchange.username().to_owned());
        if self.refused_bindings < MAX_REFUSED_BINDINGS {
            self.refused_bindings = self.refused_bindings.saturating_add(1);
            self.authentications = self.authentications.saturating_sub(1);
        }
        self.fail(stream, Failure::UnsupportedBinding)
    }

    fn proven(&mut self, stream: Stream, prover: Prover, last: String) -> State {
        match prover {
            Prover::Nobody => self.fail(stream, Failure::NotAuthorized),
            Prover::Account(identity) => self.succeed(stream, Some(identity), Some(&last)),
            Prover::Provided(jid, authzid) => self.admit(stream, jid, authzid.as_ref(), Some(last)),
        }
    }

    /// §6.4.4. Without an exchange too, so that the client has its answer.
    pub(super) fn abort(&mut self, stream: Stream) -> State {
        self.stray(stream, Failure::Aborted)
    }

    /// Fails what belongs to no attempt, counted as one so that it cannot go on for ever.
    fn stray(&mut self, stream: Stream, failure: Failure) -> State {
        self.authentications = self
            .authentications
            .saturating_add(u8::from(failure != Failure::Aborted));
        self.fail(stream, failure)
    }

    /// The client's first message.
    fn begin(&mut self, stream: Stream, mechanism: Mechanism, message: &[u8]) -> State {
        let tls = stream.tls.as_ref();
        let offers_binding = features::mechanisms(&self.settings, self.peer, tls, stream.authority)
            .any(Mechanism::is_plus);
        let channel = Channel {
            binding: &|kind| tls.and_then(|tls| TlsInfo::binding(tls, kind)),
            offers_binding,
            binds_in_vain: self.binds_in_vain.as_deref(),
        };
        match (mechanism.begin(message, &channel), stream.authority) {
            (Err(failure), _) => self.fail(stream, failure),
            (Ok(exchange), Authority::Provider(_)) => self.ask_provider(stream, exchange),
            (Ok(exchange), Authority::Server) => self.look_up(stream, exchange),
        }
    }

    /// Looks for the account of the server that an exchange names.
    fn look_up(&mut self, stream: Stream, exchange: Exchange) -> State {
        match name(exchange.username(), exchange.authzid(), &stream.host) {
            Err(failure) => self.fail(stream, failure),
            Ok(None) => self.looked_up(stream, exchange, None, None),
            Ok(Some(jid)) => {
                self.push(Output::LookUp(jid.clone()));
                State::LookingUp(stream, exchange, jid)
            }
        }
    }

    pub(super) fn looked_up(
        &mut self,
        stream: Stream,
        exchange: Exchange,
        jid: Option<BareJid>,
        found: Option<Credentials>,
    ) -> State {
        match exchange {
            Exchange::Password(plain) => self.verify(stream, found.zip(jid), plain.password),
            Exchange::Scram(attempt) => self.challenge_account(stream, attempt, jid, found),
        }
    }

    fn verify(
        &mut self,
        stream: Stream,
        found: Option<(Credentials, BareJid)>,
        password: String,
    ) -> State {
        let (keys, identity) = match found {
            Some((found, jid)) => (
                found.strongest().cloned(),
                Some(Identity {
                    account: found.account,
                    jid,
                }),
            ),
            None => (None, None),
        };
        self.push(Output::VerifyPassword { keys, password });
        State::Verifying(stream, identity)
    }

    pub(super) fn verified(&mut self, stream: Stream, identity: Option<Identity>) -> State {
        self.succeed(stream, identity, None)
    }

    /// Sends the challenge for an account of the server. For one that does not exist, or has no keys for the hash, it looks
    /// the same, on every attempt.
    fn challenge_account(
        &mut self,
        stream: Stream,
        attempt: ScramAttempt,
        jid: Option<BareJid>,
        found: Option<Credentials>,
    ) -> State {
        // Made for every account, so that the time it takes tells nothing either.
        let unprepared = || format!("{}@{}", attempt.first.username, stream.host);
        let name = jid.as_ref().map_or_else(unprepared, ToString::to_string);
        let stand_in = stand_in_keys(&self.settings.fake_salt_secret, &name, attempt.hash);
        let found =
            found.and_then(|found| Some((found.account, found.keys(attempt.hash)?.clone())));
        let (keys, prover) = match (found, jid) {
            (Some((account, keys)), Some(jid)) => {
                (keys, Prover::Account(Identity { account, jid }))
            }
            _ => (stand_in, Prover::Nobody),
        };
        self.challenge(stream, attempt, &keys, prover)
    }

    pub(super) fn challenge(
        &mut self,
        stream: Stream,
        attempt: ScramAttempt,
        keys: &ScramKeys,
        prover: Prover,
    ) -> State {
        let (exchange, message) = ScramChallenge::start(attempt, keys, self.settings.random);
        self.send(&self.dialect.challenge(Some(message.as_bytes())));
        State::Unauthenticated(stream, Handshake::Proving(Box::new(exchange), prover))
    }

    /// §6.4.6, where there is an identity; else not-authorized.
    pub(super) fn succeed(
        &mut self,
        stream: Stream,
        identity: Option<Identity>,
        last: Option<&str>,
    ) -> State {
        let Some(identity) = identity else {
            return self.fail(stream, Failure::NotAuthorized);
        };
        self.send(&self.dialect.success(last.map(str::as_bytes)));
        self.push(Output::RestartParser);
        self.push(Output::SetLimitsAuthenticated);
        State::Reopening(Proven {
            identity,
            host: stream.host,
            lang: None,
            tls: stream.tls,
        })
    }

    /// §6.4.5: the stream lives on until the retries are used up.
    pub(super) fn fail(&mut self, stream: Stream, failure: Failure) -> State {
        self.send(&self.dialect.failure(failure));
        if self.authentications > self.settings.auth_retries {
            return self.end_open(StreamCondition::PolicyViolation);
        }
        State::Unauthenticated(stream, Handshake::Idle)
    }
}

/// The account that a peer names, and the check that it wants to act as nobody else (§6.3.8).
///
/// None: no account can have this name, which must not show before the end.
fn name(authcid: &str, authzid: Option<&str>, host: &str) -> Result<Option<BareJid>, Failure> {
    let jid = jid::bare(authcid, host).ok();
    match authzid.map(jid::parse_bare) {
        None => Ok(jid),
        Some(Ok(authzid)) if Some(&authzid) == jid.as_ref() => Ok(jid),
        Some(_) => Err(Failure::InvalidAuthzid),
    }
}

/// The identity that a peer wants to act as, where a provider knows which account its name stands for.
pub(super) fn address(authzid: Option<&str>) -> Result<Option<BareJid>, Failure> {
    let parsed = authzid.map(jid::parse_bare).transpose();
    parsed.map_err(|_| Failure::InvalidAuthzid)
}
