//! Programs that are ready to run: whoever builds puts them here, and lanes take them.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::program::Program;
use super::report::Report;

/// A queue of programs.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Program>,
    is_complete: bool,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These are ready.
    pub(crate) fn add(&self, programs: impl IntoIterator<Item = Program>) {
        self.state().ready.extend(programs);
        self.changed.notify_all();
    }

    /// No more will come.
    pub(crate) fn complete(&self) {
        self.state().is_complete = true;
        self.changed.notify_all();
    }

    /// Runs programs until all have been taken.
    pub(crate) fn work(&self, report: &Report<'_>) {
        while let Some(program) = self.take() {
            if let Err(error) = program.run(report) {
                report.fault(&program.name, &error);
            }
        }
    }

    /// The next program, as soon as there is one; none when all have been taken.
    fn take(&self) -> Option<Program> {
        let mut state = self.state();
        loop {
            if let Some(program) = state.ready.pop_front() {
                return Some(program);
            }
            if state.is_complete {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}
