//! Calls of plugins: an instance for each, its budget and its record, and what becomes of its effects.

pub(crate) mod announcements;
pub(crate) mod answering;
pub(crate) mod caller;
pub(crate) mod commit;
pub(crate) mod context;
pub(crate) mod event_queue;
pub(crate) mod hook_chain;
pub(crate) mod invoke;
pub(crate) mod pool;
pub(crate) mod record;
pub(crate) mod shared_instances;
