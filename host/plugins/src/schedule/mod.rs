//! Timers of plugins, and requests with a timeout.

pub(crate) mod event;
pub(crate) mod pending_requests;
pub(crate) mod timer_queue;
pub(crate) mod timers;
