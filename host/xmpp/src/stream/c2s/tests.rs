//! Dialogues: what the client says, what the server answers, with effects carried out by a small server of one account.

mod arbitrary;
mod binding;
mod opening;
mod provided;
mod sasl;
mod tls;

use crate::jid;
use crate::sasl::base64;
use crate::sasl::{Credentials, Failure, Hash, Mechanism, burn, derive, verify_plain};
use crate::stream::*;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use waxwing_xml::{Element, Limits, StreamParser};

const OPEN: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
                    to='example.com' version='1.0'>";
const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const BIND: &str = "<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";

/// Bytes that never repeat.
fn random(bytes: &mut [u8]) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    for chunk in bytes.chunks_mut(8) {
        let mut value = NEXT
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        value ^= value >> 29;
        chunk.copy_from_slice(&value.to_le_bytes()[..chunk.len()]);
    }
}

/// All mechanisms, so that each is tried.
fn settings() -> Settings {
    let hosts = vec!["example.com".to_owned(), "example.net".to_owned()];
    Settings {
        mechanisms: Mechanism::ALL.to_vec(),
        ..Settings::new(hosts, [7; 32], random)
    }
}

/// TLS is not needed, and PLAIN may go without.
fn plain_settings() -> Settings {
    Settings {
        tls: TlsPolicy::None,
        allow_plain_without_tls: true,
        ..settings()
    }
}

fn tls_info() -> TlsInfo {
    TlsInfo {
        version: TlsVersion::Tls13,
        exporter: Some([5; 32]),
        end_point: Some(vec![6; 32]),
    }
}

fn credentials() -> Credentials {
    let keys = |hash| derive("r0m30", b"0123456789abcdef", 2, hash).unwrap();
    Credentials {
        account: 17,
        keys: Hash::ALL.map(|hash| (hash, keys(hash))).into(),
    }
}

/// A client and a negotiation, with a server between that knows juliet@example.com.
struct Pair {
    negotiation: Negotiation,
    parser: StreamParser,
    /// Sent by the client and not parsed.
    pending: Vec<u8>,
    /// Sent by the server and not taken by the test.
    said: String,
    tls: TlsInfo,
    features: Vec<Element>,
    /// Whether effects fail.
    broken: bool,
    /// Answers to requests for binding, before they are granted.
    bind_errors: VecDeque<crate::error::StanzaError>,
    looked_up: Vec<String>,
    authority: Authority,
    /// The account that the provider's user Jules has.
    provided: &'static str,
    admitted: Vec<String>,
    admission: Result<u64, Failure>,
    established: Option<Established>,
    /// Answers to requests for resumption.
    resumptions: VecDeque<Result<&'static str, crate::sm::NotResumed>>,
    closed: bool,
}

impl Pair {
    fn new(settings: Settings) -> Self {
        Self::with_peer(settings, Peer { loopback: true })
    }

    fn with_peer(settings: Settings, peer: Peer) -> Self {
        let direct = settings.direct_tls;
        let mut pair = Self {
            negotiation: Negotiation::new(Arc::new(settings), peer, Instant::now()),
            parser: StreamParser::new(Limits::pre_auth()),
            pending: Vec::new(),
            said: String::new(),
            tls: tls_info(),
            features: Vec::new(),
            broken: false,
            bind_errors: VecDeque::new(),
            looked_up: Vec::new(),
            authority: Authority::Server,
            provided: "juliet@example.com",
            admitted: Vec::new(),
            admission: Ok(18),
            established: None,
            resumptions: VecDeque::new(),
            closed: false,
        };
        if direct {
            assert!(pair.negotiation.is_waiting());
            pair.input(Input::TlsEstablished(tls_info()));
        }
        pair
    }

    /// A pair after STARTTLS, with the header of the secured stream answered.
    fn secured() -> Self {
        let mut pair = Self::new(settings());
        pair.client(OPEN);
        pair.client(STARTTLS);
        pair.client(OPEN);
        pair.server();
        pair
    }

    /// A pair that authenticated by PLAIN, with the header of the authenticated stream answered.
    fn authenticated() -> Self {
        let mut pair = Self::secured();
        pair.client(&auth("PLAIN", "\0juliet\0r0m30"));
        pair.client(OPEN);
        pair.server();
        pair
    }

    /// The client sends.
    fn client(&mut self, xml: &str) {
        self.pending.extend_from_slice(xml.as_bytes());
        self.pump();
    }

    /// What the server said since the last time.
    fn server(&mut self) -> String {
        std::mem::take(&mut self.said)
    }

    /// The client sends, the server answers.
    fn dialogue(&mut self, xml: &str) -> String {
        self.client(xml);
        self.server()
    }

    /// Asserts that the stream ended with the condition as the last thing said.
    fn ended_with(&mut self, condition: &str) {
        let said = self.server();
        let error =
            format!("<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'");
        assert!(said.contains(&error), "wanted {condition}: {said}");
        assert!(said.ends_with("</stream:error></stream:stream>"), "{said}");
        assert!(self.closed);
    }

    /// The provider's word on Jules, who is called juliet here.
    fn judge(&self, username: &str, password: &str) -> Result<jid::BareJid, Failure> {
        match (username, password) {
            ("Jules", "r0m30") => Ok(jid::parse_bare(self.provided).unwrap()),
            ("Jules", "locked") => Err(Failure::AccountDisabled),
            ("Jules", "old") => Err(Failure::CredentialsExpired),
            ("Jules", "later") => Err(Failure::TemporaryAuthFailure),
            _ => Err(Failure::NotAuthorized),
        }
    }

    fn input(&mut self, input: Input) {
        self.negotiation.handle(input);
        self.pump();
    }

    fn pump(&mut self) {
        loop {
            while let Some(output) = self.negotiation.poll() {
                assert!(!self.closed, "after the end: {output:?}");
                self.carry_out(output);
            }
            if self.negotiation.is_waiting()
                || self.closed
                || self.established.is_some()
                || self.pending.is_empty()
            {
                return;
            }
            let pending = std::mem::take(&mut self.pending);
            let mut input = pending.as_slice();
            match self.parser.next(&mut input) {
                Ok(Some(event)) => self.negotiation.handle(Input::Event(event)),
                Ok(None) => {}
                Err(error) => self.negotiation.handle(Input::Malformed(error)),
            }
            self.pending = input.to_vec();
        }
    }

    fn carry_out(&mut self, output: Output) {
        let answer = match output {
            Output::Send(bytes) => {
                self.said.push_str(str::from_utf8(&bytes).unwrap());
                return;
            }
            Output::RestartParser => return self.parser.restart(),
            Output::SetLimitsAuthenticated => return self.parser.set_limits(Limits::stanza()),
            Output::Close => {
                self.closed = true;
                return;
            }
            Output::Established(established) => {
                self.established = Some(established);
                return;
            }
            // Plaintext that is still unread would be taken for TLS records, and fail the handshake.
            Output::StartTls { .. } if !self.pending.is_empty() => Input::EffectFailed,
            _ if self.broken => Input::EffectFailed,
            Output::StartTls { .. } => Input::TlsEstablished(self.tls.clone()),
            Output::QueryFeatures(state) if state.authenticated => {
                Input::Features(Vec::new(), Authority::Server)
            }
            Output::QueryFeatures(_) => Input::Features(self.features.clone(), self.authority),
            Output::Judge { username, password } => Input::Judged(self.judge(&username, &password)),
            Output::FetchKeys { username, hash } => {
                let known = username == "Jules";
                let keys = || {
                    (
                        jid::parse_bare(self.provided).unwrap(),
                        credentials().keys(hash).unwrap().clone(),
                    )
                };
                Input::Keys(known.then(keys))
            }
            Output::Admit(jid) => {
                self.admitted.push(jid.to_string());
                Input::Admitted(self.admission)
            }
            Output::LookUp(jid) => {
                self.looked_up.push(jid.to_string());
                Input::Credentials((jid.as_str() == "juliet@example.com").then(credentials))
            }
            Output::VerifyPassword {
                keys: Some(keys),
                password,
            } => Input::PasswordVerified(verify_plain(&keys, &password)),
            Output::VerifyPassword {
                keys: None,
                password,
            } => {
                burn(&password);
                Input::PasswordVerified(false)
            }
            Output::PreAuth(stanza) if stanza.payload().unwrap().ns() == "jabber:iq:register" => {
                Input::PreAuthReply(PreAuthReply::Reply(stanza.result_reply(None)))
            }
            Output::PreAuth(_) => Input::PreAuthReply(PreAuthReply::NotHandled),
            Output::Resume { resume, .. } => {
                assert_eq!((resume.previd.as_str(), resume.handled), ("before", 5));
                let word = self.resumptions.pop_front().unwrap();
                Input::Resumed(word.map(|jid| jid::parse_full(jid).unwrap()))
            }
            Output::Bind { jid, request, .. } => {
                let resource = request.resource.unwrap_or_else(|| random_resource(random));
                let granted = jid::with_resource(&jid, &resource).unwrap();
                Input::Bound(self.bind_errors.pop_front().map_or(Ok(granted), Err))
            }
        };
        self.negotiation.handle(answer);
    }
}

fn auth(mechanism: &str, message: &str) -> String {
    auth_text(mechanism, &base64::encode(message.as_bytes()))
}

fn auth_text(mechanism: &str, text: &str) -> String {
    format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>{text}</auth>")
}

fn response(message: &str) -> String {
    format!(
        "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{}</response>",
        base64::encode(message.as_bytes())
    )
}

fn failure(condition: &str) -> String {
    format!("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><{condition}/></failure>")
}
