//! What waits for a session, and what happens to a stanza between the router and the client.

pub(crate) mod backpressure;
pub(crate) mod buffers;
pub(crate) mod liveness;
pub(crate) mod mailbox;
pub(crate) mod queued_stanza;
pub(crate) mod receipt;
pub(crate) mod session_handle;
mod spool_claims;
pub(crate) mod spool_queue;
pub(crate) mod wakeup;
