//! SASL within the stream (RFC 6120 §6.4): from `<auth/>` to `<success/>` or `<failure/>`.

use super::authority::Authority;
use super::features;
use super::io::Output;
use super::negotiation::Negotiation;
use super::settings::TlsInfo;
use super::state::{Attempt, Handshake, Identity, Proven, Prover, Scram, State, Stream};
use crate::error::StreamCondition;
use crate::jid::{self, BareJid};
use crate::ns;
use crate::sasl::{
    ClientFirst, Credentials, Exchange, Failure, Hash, Mechanism, Plain, ScramKeys, base64,
    stand_in_keys,
};
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
        let response = mechanism
            .and_then(|mechanism| Ok((mechanism, base64::initial_response(&data(auth)?)?)));
        match response {
            Err(failure) => self.fail(stream, failure),
            Ok((mechanism, Some(message))) => self.begin(stream, mechanism, &message),
            Ok((mechanism, None)) => {
                // Every mechanism here has the client speak first.
                self.send(&Element::builder("challenge", ns::SASL).build());
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
        let wanted = auth
            .attr("mechanism")
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
        let message = data(response).and_then(|data| base64::response(&data));
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
    fn refuse_binding(&mut self, stream: Stream, exchange: &Exchange) -> State {
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
        match mechanism.hash() {
            None => self.begin_plain(stream, message),
            Some(hash) => self.begin_scram(stream, mechanism, hash, message),
        }
    }

    fn begin_plain(&mut self, stream: Stream, message: &[u8]) -> State {
        let plain = match Plain::parse(message) {
            Ok(plain) => plain,
            Err(failure) => return self.fail(stream, failure),
        };
        let password = plain.password.to_owned();
        if let Authority::Provider(_) = stream.authority {
            return self.judge(stream, plain.authcid, plain.authzid, password);
        }
        match name(plain.authcid, plain.authzid, &stream.host) {
            Err(failure) => self.fail(stream, failure),
            Ok(Some(jid)) => self.look_up(stream, Attempt::Plain { jid, password }),
            Ok(None) => self.verify(stream, None, password),
        }
    }

    fn begin_scram(
        &mut self,
        stream: Stream,
        mechanism: Mechanism,
        hash: Hash,
        message: &[u8],
    ) -> State {
        let tls = stream.tls.as_ref();
        let provided = matches!(stream.authority, Authority::Provider(_));
        let offered = features::mechanisms(&self.settings, self.peer, tls, stream.authority)
            .any(Mechanism::is_plus);
        let begun = ClientFirst::parse(message).and_then(|first| {
            let offered = offered && self.binds_in_vain.as_ref() != Some(&first.username);
            let data = |kind: &str| tls.and_then(|tls| TlsInfo::binding(tls, kind));
            let binding = first.expected_binding(mechanism.is_plus(), offered, data)?;
            let jid = if provided {
                address(first.authzid.as_deref())?
            } else {
                name(&first.username, first.authzid.as_deref(), &stream.host)?
            };
            Ok((
                Scram {
                    hash,
                    first,
                    binding,
                },
                jid,
            ))
        });
        match begun {
            Err(failure) => self.fail(stream, failure),
            Ok((scram, authzid)) if provided => self.fetch(stream, scram, authzid),
            Ok((scram, Some(jid))) => self.look_up(stream, Attempt::Scram(scram, jid)),
            Ok((scram, None)) => self.challenge_account(stream, &scram, None, None),
        }
    }

    fn look_up(&mut self, stream: Stream, attempt: Attempt) -> State {
        let (Attempt::Plain { jid, .. } | Attempt::Scram(_, jid)) = &attempt;
        self.push(Output::LookUp(jid.clone()));
        State::LookingUp(stream, attempt)
    }

    pub(super) fn looked_up(
        &mut self,
        stream: Stream,
        attempt: Attempt,
        found: Option<Credentials>,
    ) -> State {
        match attempt {
            Attempt::Plain { jid, password } => {
                self.verify(stream, found.map(|found| (found, jid)), password)
            }
            Attempt::Scram(scram, jid) => {
                self.challenge_account(stream, &scram, Some(jid), found.as_ref())
            }
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
                Some(found.sha256),
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

    /// Sends the challenge for an account of the server. For one that does not exist it looks the same, on every attempt.
    fn challenge_account(
        &mut self,
        stream: Stream,
        scram: &Scram,
        jid: Option<BareJid>,
        found: Option<&Credentials>,
    ) -> State {
        // Made for every account, so that the time it takes tells nothing either.
        let unprepared = || format!("{}@{}", scram.first.username, stream.host);
        let name = jid.as_ref().map_or_else(unprepared, ToString::to_string);
        let stand_in = stand_in_keys(&self.settings.fake_salt_secret, &name, scram.hash);
        let keys = found.map_or(stand_in, |found| found.keys(scram.hash).clone());
        let prover = found.zip(jid).map_or(Prover::Nobody, |(found, jid)| {
            Prover::Account(Identity {
                account: found.account,
                jid,
            })
        });
        self.challenge(stream, scram, &keys, prover)
    }

    pub(super) fn challenge(
        &mut self,
        stream: Stream,
        scram: &Scram,
        keys: &ScramKeys,
        prover: Prover,
    ) -> State {
        let random = self.settings.random;
        let (exchange, message) = Exchange::start(
            &scram.first,
            scram.hash,
            keys,
            scram.binding.clone(),
            random,
        );
        let challenge =
            Element::builder("challenge", ns::SASL).text(&base64::encode(message.as_bytes()));
        self.send(&challenge.build());
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
        let mut success = Element::builder("success", ns::SASL);
        if let Some(last) = last {
            success = success.text(&base64::encode(last.as_bytes()));
        }
        self.send(&success.build());
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
        let condition = Element::builder(failure.name(), ns::SASL).build();
        self.send(
            &Element::builder("failure", ns::SASL)
                .child(condition)
                .build(),
        );
        if self.authentications > self.settings.auth_retries {
            return self.end_open(StreamCondition::PolicyViolation);
        }
        State::Unauthenticated(stream, Handshake::Idle)
    }
}

/// The character data of an element of SASL, which has no children.
fn data(element: &Element) -> Result<String, Failure> {
    if element.children().next().is_some() {
        return Err(Failure::MalformedRequest);
    }
    Ok(element.text().into_owned())
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
