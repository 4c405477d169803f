//! Tests of the SDK as a plugin uses it.

mod forms;
mod harness;
mod judging;
mod matchers;
mod payload;
