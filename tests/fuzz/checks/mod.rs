//! What the fuzz targets check. The corpus is replayed through the same functions by host/xml's tests.
#![allow(
    dead_code,
    clippy::pedantic,
    reason = "each target uses a part; this is test code"
)]

pub(crate) mod differential;
pub(crate) mod grammar;
pub(crate) mod stream;
