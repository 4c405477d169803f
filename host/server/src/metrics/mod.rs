//! What the server counts, for monitoring. Nothing here knows the server.

pub(crate) mod router;
pub(crate) mod striped;
