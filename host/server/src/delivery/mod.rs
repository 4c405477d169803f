//! What waits for a session: its mailbox, what lies in it, receipts, and the queues to the tasks that work beside sessions.
//! Above is the router.

pub(crate) mod address;
pub(crate) mod backpressure;
pub(crate) mod buffers;
pub(crate) mod envelope;
pub(crate) mod liveness;
pub(crate) mod mailbox;
pub(crate) mod queued_stanza;
pub(crate) mod receipt;
pub(crate) mod roster_job;
pub(crate) mod session_handle;
mod spool_claims;
pub(crate) mod spool_queue;
pub(crate) mod wakeup;
pub(crate) mod worth_keeping;
