//! Calls into plugins: an instance for each, its budget and its record, and what becomes of its effects.

pub(crate) mod answering;
pub(crate) mod caller;
pub(crate) mod context;
pub(crate) mod hook_chain;
pub(crate) mod pool;
pub(crate) mod record;
pub(crate) mod shared_instances;
