//! Requests that plugins send.

use std::sync::Arc;
use std::time::Instant;

use waxwing_xmpp::jid::Jid;

/// What is to be remembered of a request that a plugin sends.
#[derive(Debug)]
pub(crate) struct NewRequest {
    pub(crate) token: u64,
    pub(crate) from: Jid,
    pub(crate) to: Jid,
    pub(crate) host: Arc<str>,
    pub(crate) until: Instant,
}
