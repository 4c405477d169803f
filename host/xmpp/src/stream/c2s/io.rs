//! What goes into a negotiation and what comes out.

use super::authority::Authority;
use crate::bind::BindRequest;
use crate::error::{StanzaError, StreamError};
use crate::jid::{BareJid, FullJid};
use crate::sasl::{Credentials, Failure, Hash, ScramKeys};
use crate::sm::{NotResumed, Resume};
use crate::stanza::Stanza;
use crate::stream::settings::{TlsInfo, TlsVersion};
use std::fmt;
use waxwing_xml::{Element, StreamEvent, XmlError};

/// What happened.
pub enum Input {
    /// The parser found a header, an element or the stream's end. Only while [`super::Negotiation::is_waiting`] is false.
    Event(StreamEvent),
    /// The parser refused the peer's bytes.
    Malformed(XmlError),
    /// Answers [`Output::StartTls`]; with direct TLS, the first input.
    TlsEstablished(TlsInfo),
    /// Answers [`Output::QueryFeatures`]: the extensions' elements for `<stream:features/>`, and who knows the accounts of
    /// the host, which is of interest before authentication only.
    Features(Vec<Element>, Authority),
    /// Answers [`Output::LookUp`]. None: there is no such account, or it is disabled.
    Credentials(Option<Credentials>),
    /// Answers [`Output::VerifyPassword`].
    PasswordVerified(bool),
    /// Answers [`Output::Judge`]: the account that the peer is, or what it is told.
    Judged(Result<BareJid, Failure>),
    /// Answers [`Output::FetchKeys`]. None: there is no such user, or it may not log in.
    Keys(Option<(BareJid, ScramKeys)>),
    /// Answers [`Output::Admit`] with the account's id, or what the peer is told.
    Admitted(Result<u64, Failure>),
    /// Answers any effect that could not be carried out. A failed TLS handshake too, though there the socket just closes.
    EffectFailed,
    /// Answers [`Output::PreAuth`].
    PreAuthReply(PreAuthReply),
    /// Answers [`Output::Bind`] with the address that the session now has, or the error that the client gets.
    Bound(Result<FullJid, StanzaError>),
    /// Answers [`Output::Resume`] with the address that the session has, or what the client gets instead.
    Resumed(Result<FullJid, NotResumed>),
    /// The socket is gone: nothing more is output.
    Disconnected,
    /// [`super::Negotiation::deadline`] has passed.
    DeadlinePassed,
    /// The server stops.
    ShuttingDown,
}

impl fmt::Debug for Input {
    /// Shows what happened, but nothing that the peer sent: it may be a password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Event(StreamEvent::Open(_)) => "Open",
            Self::Event(StreamEvent::Element(_)) => "Element",
            Self::Event(StreamEvent::Close) => "PeerClosed",
            Self::Malformed(_) => "Malformed",
            Self::TlsEstablished(_) => "TlsEstablished",
            Self::Features(..) => "Features",
            Self::Credentials(_) => "Credentials",
            Self::PasswordVerified(_) => "PasswordVerified",
            Self::Judged(_) => "Judged",
            Self::Keys(_) => "Keys",
            Self::Admitted(_) => "Admitted",
            Self::EffectFailed => "EffectFailed",
            Self::PreAuthReply(_) => "PreAuthReply",
            Self::Bound(_) => "Bound",
            Self::Resumed(_) => "Resumed",
            Self::Disconnected => "Disconnected",
            Self::DeadlinePassed => "DeadlinePassed",
            Self::ShuttingDown => "ShuttingDown",
        })
    }
}

/// What an extension makes of an iq before authentication.
#[derive(Debug)]
pub enum PreAuthReply {
    /// This is the answer; the stream goes on.
    Reply(Element),
    /// Nobody handles it, so it must not have been sent: the stream ends with not-authorized.
    NotHandled,
    /// The stream ends with this error.
    Close(StreamError),
}

/// What is to be done, in order.
pub enum Output {
    /// Write these bytes.
    Send(Vec<u8>),
    /// Write all that is queued, then let TLS begin, and answer [`Input::TlsEstablished`]. Bytes of the peer that were read
    /// but not parsed when this comes were sent in clear to be taken for protected ones: close the socket (RFC 6120 §5.4.2.3).
    StartTls {
        /// The host to which the peer opened the stream: whose certificate to show, where the peer's ClientHello names none.
        host: String,
    },
    /// A new stream header is expected.
    RestartParser,
    /// The parser may go over to the limits for authenticated peers.
    SetLimitsAuthenticated,
    /// Ask the extensions for stream features, and answer [`Input::Features`].
    QueryFeatures(StreamState),
    /// Look the account up, and answer [`Input::Credentials`].
    LookUp(BareJid),
    /// Check the password on the hashing pool, and answer [`Input::PasswordVerified`].
    VerifyPassword {
        /// Check with [`crate::sasl::verify_plain`]. None, for no such account: [`crate::sasl::burn`], and answer false.
        keys: Option<ScramKeys>,
        /// As typed.
        password: String,
    },
    /// Ask the provider who the peer is, and answer [`Input::Judged`].
    Judge {
        /// The user as typed, not empty.
        username: String,
        /// As typed, not empty.
        password: String,
    },
    /// Ask the provider for a user's keys, and answer [`Input::Keys`].
    FetchKeys {
        /// The user as typed.
        username: String,
        /// Which keys.
        hash: Hash,
    },
    /// Find or make the server's record of a provider's account, tell the provider that it has logged in, and answer
    /// [`Input::Admitted`].
    Admit(BareJid),
    /// Offer the iq to the extensions, and answer [`Input::PreAuthReply`]. It is a get or set for the host.
    PreAuth(Stanza),
    /// Bind a resource, and answer [`Input::Bound`].
    Bind {
        /// The id from [`Credentials`].
        account: u64,
        /// The account.
        jid: BareJid,
        /// What the client asks for.
        request: BindRequest,
    },
    /// Take over the session whose connection was lost, and answer [`Input::Resumed`].
    Resume {
        /// The id from [`Credentials`].
        account: u64,
        /// The account.
        jid: BareJid,
        /// What the client wants to go on with.
        resume: Resume,
    },
    /// The stream is the session's from now on. After a resumption the session itself says so first, as it knows what it has
    /// handled.
    Established(Established),
    /// Write all that is queued, then close the socket. Nothing comes after it.
    Close,
}

impl fmt::Debug for Output {
    /// Shows no password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(bytes) => out
                .debug_tuple("Send")
                .field(&String::from_utf8_lossy(bytes))
                .finish(),
            Self::StartTls { host } => out.debug_tuple("StartTls").field(host).finish(),
            Self::RestartParser => out.write_str("RestartParser"),
            Self::SetLimitsAuthenticated => out.write_str("SetLimitsAuthenticated"),
            Self::QueryFeatures(state) => out.debug_tuple("QueryFeatures").field(state).finish(),
            Self::LookUp(jid) => out.debug_tuple("LookUp").field(jid).finish(),
            Self::VerifyPassword { keys, .. } => out
                .debug_struct("VerifyPassword")
                .field("keys", keys)
                .finish_non_exhaustive(),
            Self::Judge { .. } => out.write_str("Judge"),
            Self::FetchKeys { hash, .. } => out.debug_tuple("FetchKeys").field(hash).finish(),
            Self::Admit(jid) => out.debug_tuple("Admit").field(jid).finish(),
            Self::PreAuth(stanza) => out.debug_tuple("PreAuth").field(stanza).finish(),
            Self::Resume { jid, .. } => out.debug_tuple("Resume").field(jid).finish(),
            Self::Bind { jid, request, .. } => {
                out.debug_tuple("Bind").field(jid).field(request).finish()
            }
            Self::Established(established) => {
                out.debug_tuple("Established").field(established).finish()
            }
            Self::Close => out.write_str("Close"),
        }
    }
}

/// The stream for which extensions are asked for features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamState {
    /// The stream's id, as in our header.
    pub id: String,
    /// Our host.
    pub host: String,
    /// TLS, where it is established.
    pub tls: Option<TlsVersion>,
    /// Whether the peer has authenticated.
    pub authenticated: bool,
}

/// A stream with a bound resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Established {
    /// The id from [`Credentials`].
    pub account: u64,
    /// The session's address.
    pub jid: FullJid,
    /// Our host.
    pub host: String,
    /// The `xml:lang` of the peer's header, for stanzas without one (RFC 6120 §4.7.4).
    pub lang: Option<String>,
    /// TLS, where it is established.
    pub tls: Option<TlsInfo>,
}
