//! What is due when: the timers of plugins, and the requests whose replies they wait for.

pub(crate) mod event;
pub(crate) mod pending_requests;
pub(crate) mod queue;
pub(crate) mod timers;
