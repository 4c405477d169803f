//! What each plugin has cost and done: calls, CPU time, waits, faults, memory, stanzas. Kept by the plugin's name,
//! across versions, so that a slow or leaking plugin is found however often it is replaced.
//!
//! A call counts itself in a `lane` of its thread, without a lock. `calls::record` writes here; `platform::stats` and
//! `platform::metrics` read.

pub(crate) mod counters;
pub(crate) mod fault_log;
pub(crate) mod histogram;
pub(crate) mod lane;
pub(crate) mod log_budget;
pub(crate) mod own_metrics;
pub(crate) mod quarantine;
pub(crate) mod trace;
pub(crate) mod units;
