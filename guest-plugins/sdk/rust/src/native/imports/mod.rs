//! The imports, answered by the scripted host. What each does is documented in `wit/`.

pub mod accounts;
pub mod clock;
pub mod config;
pub mod disco;
pub mod events;
pub mod http_client;
pub mod log;
pub mod memory;
pub mod metrics;
pub mod prepare;
pub mod random;
pub mod roster;
pub mod router;
pub mod sessions;
pub mod storage;
pub mod timers;
