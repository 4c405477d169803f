//! The server Waxwing: the one place that composes the other crates.

pub mod admin;
pub mod cli;
pub mod config;
pub mod tls;
