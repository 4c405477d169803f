//! Tests of the SDK as a plugin uses it.

mod forms;
mod harness;
mod matchers;
mod payload;
