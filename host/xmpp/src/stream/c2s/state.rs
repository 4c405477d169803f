//! Where a negotiation stands. Each variant holds what is known there and nothing else.

use super::authority::Authority;
use crate::jid::BareJid;
use crate::sasl::{Exchange, Mechanism, ScramAttempt, ScramChallenge};
use crate::stanza::Stanza;
use crate::stream::settings::TlsInfo;

pub(super) enum State {
    /// TLS begins: with direct TLS at once, else after `<proceed/>`. Waits for the handshake.
    Securing,
    /// The client's header is awaited, the first one or the first under TLS.
    Opening { tls: Option<TlsInfo> },
    /// Our header is sent. Waits for the extensions' features.
    Advertising(Stream),
    /// Features are sent, and the client's next step is awaited.
    Unauthenticated(Stream, Handshake),
    /// An extension has the iq. Waits for its reply.
    Asking(Stream, Stanza),
    /// Waits for the account of an attempt to authenticate.
    LookingUp(Stream, Exchange, BareJid),
    /// Waits for the check of a password. None: there is no such account.
    Verifying(Stream, Option<Identity>),
    /// Waits for the provider's word on what PLAIN brought, and the identity that the peer wants to act as.
    Judging(Stream, Option<BareJid>),
    /// Waits for the provider's keys, likewise.
    FetchingKeys(Stream, ScramAttempt, Option<BareJid>),
    /// The provider's account is proven. Waits for its id. The text is SCRAM's last word.
    Admitting(Stream, BareJid, Option<String>),
    /// `<success/>` is sent, and the header of the authenticated stream is awaited.
    Reopening(Proven),
    /// Our header is sent. Waits for the extensions' features.
    AdvertisingBinding(Proven),
    /// Features are sent, and the client's request for a resource is awaited.
    Unbound(Proven),
    /// Waits for the resource that was asked for, to answer the iq that asked.
    Binding(Proven, Stanza),
    /// Waits for the session that is to be resumed.
    Resuming(Proven),
    /// Established, closed or disconnected: nothing more comes in or goes out.
    Done,
}

impl State {
    /// Whether an effect is outstanding.
    pub(super) fn is_waiting(&self) -> bool {
        match self {
            Self::Securing
            | Self::Advertising(_)
            | Self::Asking(..)
            | Self::LookingUp(..)
            | Self::Verifying(..)
            | Self::Judging(..)
            | Self::FetchingKeys(..)
            | Self::Admitting(..)
            | Self::AdvertisingBinding(_)
            | Self::Binding(..)
            | Self::Resuming(_) => true,
            Self::Opening { .. }
            | Self::Unauthenticated(..)
            | Self::Reopening(_)
            | Self::Unbound(_)
            | Self::Done => false,
        }
    }
}

/// An open stream of a peer that has not authenticated.
pub(super) struct Stream {
    pub(super) id: String,
    pub(super) host: String,
    pub(super) lang: Option<String>,
    pub(super) tls: Option<TlsInfo>,
    /// Who knows its accounts.
    pub(super) authority: Authority,
}

/// How far a SASL exchange is.
pub(super) enum Handshake {
    /// There is none.
    Idle,
    /// The empty challenge is sent, since `<auth/>` came without an initial response.
    Challenged(Mechanism),
    /// SCRAM's first messages are exchanged.
    Proving(Box<ScramChallenge>, Prover),
}

/// Whose password SCRAM is to prove.
pub(super) enum Prover {
    /// There is no such account: the proof will fail.
    Nobody,
    /// An account of the server.
    Account(Identity),
    /// An account of a provider, and the identity that the peer wants to act as.
    Provided(BareJid, Option<BareJid>),
}

/// An account.
pub(super) struct Identity {
    pub(super) account: u64,
    pub(super) jid: BareJid,
}

/// The stream of an authenticated peer.
pub(super) struct Proven {
    pub(super) identity: Identity,
    /// The host that the account was proven for.
    pub(super) host: String,
    pub(super) lang: Option<String>,
    pub(super) tls: Option<TlsInfo>,
}
