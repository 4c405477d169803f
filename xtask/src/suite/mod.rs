//! Running tests: programs that cargo built, beside each other, with what each test took.

mod durations;
mod part;
mod program;
mod queue;
mod report;

pub(crate) use part::{Kind, Part, parts};
pub(crate) use program::{Program, build};
pub(crate) use queue::Queue;
pub(crate) use report::Report;

/// Programs whose harness takes one filter only.
const TAKES_ONE_FILTER: [&str; 2] = ["hostile", "dialogues"];
/// Programs whose tests take turns, whatever they are told.
const ONE_AT_A_TIME: [&str; 1] = ["hostile"];
