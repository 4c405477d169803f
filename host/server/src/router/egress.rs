//! The way to other servers.

use std::fmt::Debug;

use waxwing_xmpp::error::Condition;

use crate::delivery::{envelope::Envelope, mailbox::Flow};

/// Takes stanzas for domains that this server does not serve.
pub(crate) trait Egress: Debug + Send + Sync {
    /// Sends a stanza on its way. One that cannot be sent comes back, with the condition for its sender.
    fn send(&self, stanza: Envelope) -> Result<Flow, (Envelope, Condition)>;
}

/// A server without server-to-server streams: it finds no other server (RFC 6120 §10.4).
#[derive(Debug)]
pub(crate) struct NoEgress;

impl Egress for NoEgress {
    fn send(&self, stanza: Envelope) -> Result<Flow, (Envelope, Condition)> {
        Err((stanza, Condition::RemoteServerNotFound))
    }
}
