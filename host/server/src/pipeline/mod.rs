//! What the server does with a stanza that a session hands in.

pub(crate) mod component;
pub(crate) mod iq;
pub(crate) mod presence;
