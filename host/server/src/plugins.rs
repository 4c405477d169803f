//! The seam to the plugin platform: what sessions ask of it.

use std::net::IpAddr;

use waxwing_xml::Element;
use waxwing_xmpp::{
    error::StanzaError,
    jid::{BareJid, FullJid},
    stanza::Stanza,
    stream::{PreAuthReply, TlsVersion},
};

/// What a filter decided about a stanza.
#[derive(Debug)]
#[must_use]
pub(crate) enum Inbound {
    /// It goes on, perhaps changed.
    Pass(Stanza),
    /// It is dropped.
    Drop,
    /// It goes back to its sender.
    Bounce(StanzaError),
    /// It is a request, and this is its result.
    Answer(Option<Element>),
}

/// What came of a request.
#[derive(Debug)]
#[must_use]
pub(crate) enum IqAnswer {
    /// Nobody serves it.
    Unhandled,
    /// The result, and what to do once it is queued.
    Result(Option<Element>, Vec<After>),
    /// The error.
    Error(StanzaError),
}

/// What is done after an answer was queued.
#[derive(Debug)]
pub(crate) enum After {
    /// All sessions of an account end by not-authorized.
    EndSessions {
        /// The account.
        account: BareJid,
    },
}

/// The session that a stanza comes from.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    jid: FullJid,
}

impl Sender {
    pub(crate) fn new(jid: FullJid) -> Self {
        Self { jid }
    }
}

/// A stream whose client has not logged in.
#[derive(Debug)]
pub(crate) struct PreAuthStream {
    pub(crate) id: String,
    pub(crate) host: String,
    pub(crate) tls: Option<TlsVersion>,
    pub(crate) loopback: bool,
    pub(crate) address: IpAddr,
}

/// The plugins of one shard.
#[derive(Debug, Default)]
pub(crate) struct ShardPlugins;

impl ShardPlugins {
    pub(crate) fn wants_inbound(&self, _stanza: &Stanza, _sender: &Sender) -> bool {
        false
    }

    pub(crate) async fn inbound(&self, stanza: Stanza, _sender: &Sender) -> Inbound {
        Inbound::Pass(stanza)
    }

    pub(crate) async fn iq(&self, _request: &Stanza) -> IqAnswer {
        IqAnswer::Unhandled
    }

    pub(crate) async fn stream_features(&self, _stream: &PreAuthStream) -> Vec<Element> {
        Vec::new()
    }

    pub(crate) async fn pre_auth(&self, _stream: &PreAuthStream, _request: &Stanza) -> PreAuthReply {
        PreAuthReply::NotHandled
    }
}
