//! The server Waxwing: the one place that composes the other crates.

pub mod accounts;
pub mod admin;
pub mod cli;
pub mod config;
pub mod hashing;
pub mod tls;
