//! The imports, answered by the scripted host. What each does is documented in `wit/`.

pub mod accounts;
pub mod clock;
pub mod config;
pub mod disco;
pub mod log;
pub mod memory;
pub mod random;
