//! The machine: which input leads from which state to which, and how a stream is opened and ended.

use super::authority::Authority;
use super::features;
use super::io::{Input, Output, StreamState};
use super::state::{Handshake, Proven, State, Stream};
use crate::error::{Condition, StanzaError, StreamCondition, StreamError};
use crate::ns;
use crate::sasl::{Dialect, Sasl1};
use crate::sm;
use crate::stanza::is_stream_error;
use crate::stream::header::{Header, Version};
use crate::stream::settings::{Peer, Settings, TlsInfo};
use crate::stream::{OpenReply, random_id};
use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::Instant;
use waxwing_xml::{Element, StreamEvent, StreamHeader};

/// A client's stream from its first byte to a bound resource.
pub struct Negotiation {
    pub(super) settings: Arc<Settings>,
    pub(super) peer: Peer,
    /// How SASL is offered and spoken on this stream.
    pub(super) dialect: &'static dyn Dialect,
    deadline: Instant,
    state: State,
    output: VecDeque<Output>,
    /// Attempts made, which outlive the states of one attempt.
    pub(super) authentications: u8,
    /// The user who has proven the password with a type of channel binding that this channel lacks. Such a client has been
    /// shown a mechanism that binds, so that its later `y` hides no downgrade.
    pub(super) binds_in_vain: Option<String>,
    /// How often such a proof was not counted as an attempt.
    pub(super) refused_bindings: u8,
    pub(super) bindings: u8,
    pub(super) requests: u8,
}

impl fmt::Debug for Negotiation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Negotiation")
            .field("waiting", &self.is_waiting())
            .finish_non_exhaustive()
    }
}

impl Negotiation {
    /// A negotiation for a connection accepted `now`.
    pub fn new(settings: Arc<Settings>, peer: Peer, now: Instant) -> Self {
        let state = if settings.direct_tls {
            State::Securing
        } else {
            State::Opening { tls: None }
        };
        Self {
            deadline: now.checked_add(settings.deadline).unwrap_or(now),
            settings,
            peer,
            dialect: &Sasl1,
            state,
            output: VecDeque::new(),
            authentications: 0,
            binds_in_vain: None,
            refused_bindings: 0,
            bindings: 0,
            requests: 0,
        }
    }

    /// Takes one input. Never panics; an answer that nothing asked for changes nothing, and an event while an effect is
    /// outstanding ends the stream.
    pub fn handle(&mut self, input: Input) {
        let state = mem::replace(&mut self.state, State::Done);
        self.state = match (state, input) {
            (State::Done, _) | (_, Input::Disconnected) => State::Done,
            (state, Input::Malformed(error)) => self.end(state, StreamError::from(&error)),
            (state, Input::DeadlinePassed) => {
                let error = StreamError::new(StreamCondition::ConnectionTimeout);
                self.end(
                    state,
                    error.with_text("authentication and binding took too long"),
                )
            }
            (state, Input::ShuttingDown) => self.end(state, StreamCondition::SystemShutdown),
            (state, Input::Event(_)) if state.is_waiting() => {
                self.end(state, StreamCondition::InternalServerError)
            }
            (state, Input::Event(StreamEvent::Open(header))) => self.open(state, &header),
            (state, Input::Event(StreamEvent::Element(element))) => self.element(state, element),
            (state, Input::Event(StreamEvent::Close)) => self.peer_closed(&state),
            (state, answer) => self.answer(state, answer),
        };
    }

    /// The next thing to do. To be drained after each [`Negotiation::handle`].
    pub fn poll(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// Whether an effect is outstanding, so that no events are to be read.
    pub fn is_waiting(&self) -> bool {
        self.state.is_waiting()
    }

    /// When [`Input::DeadlinePassed`] is due.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    fn answer(&mut self, state: State, answer: Input) -> State {
        match (state, answer) {
            (State::Securing, Input::TlsEstablished(tls)) => {
                self.push(Output::RestartParser);
                State::Opening { tls: Some(tls) }
            }
            (State::Securing, Input::EffectFailed) => self.close(),
            (State::Advertising(mut stream), Input::Features(elements, authority)) => {
                stream.authority = authority;
                self.advertise(stream, elements)
            }
            (State::Advertising(stream), Input::EffectFailed) => self.advertise(stream, Vec::new()),
            (State::Asking(stream, request), Input::PreAuthReply(reply)) => {
                self.reply(stream, &request, reply)
            }
            (State::Asking(stream, request), Input::EffectFailed) => {
                self.no_reply(stream, &request)
            }
            (State::LookingUp(stream, exchange, jid), Input::Credentials(found)) => {
                self.looked_up(stream, exchange, Some(jid), found)
            }
            (State::Verifying(stream, identity), Input::PasswordVerified(right)) => {
                self.verified(stream, identity.filter(|_| right))
            }
            (State::Judging(stream, authzid), Input::Judged(verdict)) => {
                self.judged(stream, authzid.as_ref(), verdict)
            }
            (State::FetchingKeys(stream, attempt, authzid), Input::Keys(found)) => {
                self.fetched(stream, attempt, authzid, found)
            }
            (State::Admitting(stream, jid, last), Input::Admitted(admission)) => {
                self.admitted(stream, jid, last.as_deref(), admission)
            }
            (
                State::LookingUp(stream, ..)
                | State::Verifying(stream, _)
                | State::Judging(stream, _)
                | State::FetchingKeys(stream, ..)
                | State::Admitting(stream, ..),
                Input::EffectFailed,
            ) => self.fail(stream, crate::sasl::Failure::TemporaryAuthFailure),
            (State::AdvertisingBinding(proven), Input::Features(elements, _)) => {
                self.advertise_binding(proven, elements)
            }
            (State::AdvertisingBinding(proven), Input::EffectFailed) => {
                self.advertise_binding(proven, Vec::new())
            }
            (State::Binding(proven, request), Input::Bound(bound)) => {
                self.bound(proven, &request, bound)
            }
            (State::Binding(proven, request), Input::EffectFailed) => {
                self.bound(proven, &request, Err(StanzaError::temporary()))
            }
            (State::Resuming(proven), Input::Resumed(resumed)) => self.resumed(proven, resumed),
            (State::Resuming(proven), Input::EffectFailed) => {
                self.resumed(proven, Err(Condition::InternalServerError.into()))
            }
            // Late, or nobody asked: an effect of a stream that has gone on since.
            (state, _) => state,
        }
    }

    /// §4.3: answers the client's header, and goes on to features.
    fn open(&mut self, state: State, header: &StreamHeader) -> State {
        let (mut header, verdict) = Header::read(header, &self.settings.clone());
        match state {
            State::Opening { tls } => {
                let id = self.send_header(&header);
                match verdict {
                    Err(condition) => self.end_open(condition),
                    Ok(()) => self.opened(Stream {
                        id,
                        host: header.host,
                        lang: header.lang,
                        tls,
                        // Until somebody says who it is.
                        authority: Authority::NOBODY,
                    }),
                }
            }
            State::Reopening(proven) => {
                let same = header.host == proven.host;
                header.host.clone_from(&proven.host);
                let id = self.send_header(&header);
                match verdict {
                    Err(condition) => self.end_open(condition),
                    Ok(()) if !same => self.end_open(StreamCondition::NotAuthorized),
                    Ok(()) => self.reopened(
                        &id,
                        Proven {
                            lang: header.lang,
                            ..proven
                        },
                    ),
                }
            }
            // No parser gives a header amid a stream.
            state => self.end(state, StreamCondition::BadFormat),
        }
    }

    fn opened(&mut self, stream: Stream) -> State {
        if features::needs_tls(&self.settings, stream.tls.as_ref()) {
            return self.advertise(stream, Vec::new());
        }
        self.query_features(&stream.id, &stream.host, stream.tls.as_ref(), false);
        State::Advertising(stream)
    }

    fn reopened(&mut self, id: &str, proven: Proven) -> State {
        self.query_features(id, &proven.host, proven.tls.as_ref(), true);
        State::AdvertisingBinding(proven)
    }

    fn query_features(&mut self, id: &str, host: &str, tls: Option<&TlsInfo>, authenticated: bool) {
        self.push(Output::QueryFeatures(StreamState {
            id: id.to_owned(),
            host: host.to_owned(),
            tls: tls.map(|tls| tls.version),
            authenticated,
        }));
    }

    fn advertise(&mut self, stream: Stream, extensions: Vec<Element>) -> State {
        let features = features::before_authentication(
            &self.settings,
            self.peer,
            stream.tls.as_ref(),
            stream.authority,
            self.dialect,
            extensions,
        );
        self.send(&features);
        State::Unauthenticated(stream, Handshake::Idle)
    }

    fn element(&mut self, state: State, element: Element) -> State {
        if is_stream_error(&element) {
            return self.peer_closed(&state);
        }
        match state {
            State::Unauthenticated(stream, handshake) => {
                self.before_authentication(stream, handshake, element)
            }
            State::Unbound(proven) => self.before_binding(proven, element),
            // No parser gives an element before a header.
            state => self.end(state, StreamCondition::BadFormat),
        }
    }

    fn before_authentication(
        &mut self,
        stream: Stream,
        handshake: Handshake,
        element: Element,
    ) -> State {
        match (element.ns(), element.name(), handshake) {
            (ns::SASL, "auth", _) => self.authenticate(stream, &element),
            (ns::SASL, "response", handshake) => self.respond(stream, handshake, &element),
            (ns::SASL, "abort", _) => self.abort(stream),
            (ns::TLS, "starttls", _) => self.start_tls(&stream),
            (ns::COMPRESS, "compress", handshake) => {
                self.refuse_compression();
                State::Unauthenticated(stream, handshake)
            }
            // XEP-0198 §3: neither before authentication.
            (ns::SM, "enable" | "resume", handshake) => {
                self.send(&sm::failed(&Condition::UnexpectedRequest.into()));
                State::Unauthenticated(stream, handshake)
            }
            (_, _, handshake) => self.early_stanza(stream, &handshake, element),
        }
    }

    /// §5.4.2: everything that was known of the stream is dropped here.
    fn start_tls(&mut self, stream: &Stream) -> State {
        if !features::offers_tls(&self.settings, stream.tls.as_ref()) {
            return self.refuse_tls();
        }
        self.send(&Element::builder("proceed", ns::TLS).build());
        self.push(Output::StartTls {
            host: stream.host.clone(),
        });
        State::Securing
    }

    /// §5.4.2.2.
    pub(super) fn refuse_tls(&mut self) -> State {
        self.send(&Element::builder("failure", ns::TLS).build());
        self.push(Output::Send(self.settings.framing.close().to_vec()));
        self.close()
    }

    /// XEP-0138 §5, without offering it.
    pub(super) fn refuse_compression(&mut self) {
        let reason = Element::builder("unsupported-method", ns::COMPRESS).build();
        self.send(
            &Element::builder("failure", ns::COMPRESS)
                .child(reason)
                .build(),
        );
    }

    /// Sends our header; gives the stream's new id.
    fn send_header(&mut self, header: &Header) -> String {
        let id = random_id(self.settings.random);
        let reply = OpenReply {
            from: &header.host,
            to: header.from.as_deref(),
            id: &id,
            version: header.version,
        };
        self.push(Output::Send(self.settings.framing.open(&reply)));
        id
    }

    /// Ends the stream with an error, after our header if it is still missing (§4.9.1.2).
    fn end(&mut self, state: State, error: impl Into<StreamError>) -> State {
        let host = match state {
            State::Done => return State::Done,
            // Bytes of ours would not be XML to a peer that speaks TLS by now.
            State::Securing => return self.close(),
            State::Opening { .. } => self.settings.default_host().to_owned(),
            State::Reopening(proven) => proven.host,
            _ => return self.end_open(error),
        };
        self.send_header(&Header {
            host,
            from: None,
            version: Some(Version::ONE),
            lang: None,
        });
        self.end_open(error)
    }

    /// Ends a stream whose header was sent.
    pub(super) fn end_open(&mut self, error: impl Into<StreamError>) -> State {
        let bytes = self.settings.framing.error_and_close(&error.into());
        self.push(Output::Send(bytes));
        self.close()
    }

    /// §4.4: the peer closes, and so do we.
    fn peer_closed(&mut self, state: &State) -> State {
        if !matches!(
            state,
            State::Opening { .. } | State::Reopening(_) | State::Securing
        ) {
            self.push(Output::Send(self.settings.framing.close().to_vec()));
        }
        self.close()
    }

    fn close(&mut self) -> State {
        self.push(Output::Close);
        State::Done
    }

    pub(super) fn send(&mut self, element: &Element) {
        let bytes = self.settings.framing.element(element);
        self.push(Output::Send(bytes));
    }

    pub(super) fn push(&mut self, output: Output) {
        self.output.push_back(output);
    }
}
