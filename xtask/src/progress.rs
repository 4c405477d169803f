//! What the person at the terminal sees: a line for each phase with the time since the start.

use std::io::Write;
use std::time::Instant;

/// Prints phases with the time that has passed since [`Progress::start`].
pub(crate) struct Progress {
    started: Instant,
}

impl Progress {
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// A phase begins.
    pub(crate) fn phase(&self, text: &str) {
        self.line("==>", text);
    }

    /// A detail inside a phase.
    pub(crate) fn note(&self, text: &str) {
        self.line("   ", text);
    }

    /// Everything that was asked for is done.
    pub(crate) fn done(&self, text: &str) {
        self.line("==>", text);
    }

    fn line(&self, mark: &str, text: &str) {
        let elapsed = self.started.elapsed().as_secs();
        plain(&format!(
            "{mark} [{:>2}:{:02}] {text}",
            elapsed / 60,
            elapsed % 60
        ));
    }
}

/// Prints an error with its causes on one line.
pub(crate) fn failure(error: &anyhow::Error) {
    plain(&format!("error: {error:#}"));
}

/// Prints a text to stderr; stdout belongs to what is run.
pub(crate) fn plain(text: &str) {
    // A closed stderr is no reason to stop building.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
