//! Adds up what the test harness prints, so that a run ends with one line.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// Tests passed, failed and ignored over several runs of cargo.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    passed: u64,
    failed: u64,
    ignored: u64,
    /// Runs of cargo that failed, also by not compiling.
    broken: u64,
}

impl Totals {
    /// Runs `command`, shows what it prints and counts its tests. A failure is kept for [`Totals::verdict`].
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<()> {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start cargo")?;
        let stdout = child.stdout.take().context("cargo has no stdout")?;
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            self.count(&line);
            writeln!(std::io::stdout().lock(), "{line}")?;
        }
        if !child.wait()?.success() {
            self.broken = self.broken.saturating_add(1);
        }
        Ok(())
    }

    /// Counts a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`; others are none of its business.
    pub(crate) fn count(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        // The first part says "ok." or "FAILED." before its number.
        for part in result.split(';') {
            let mut words = part.split_whitespace().rev();
            let (Some(what), Some(number)) = (words.next(), words.next()) else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match what {
                "passed" => self.passed = self.passed.saturating_add(number),
                "failed" => self.failed = self.failed.saturating_add(number),
                "ignored" => self.ignored = self.ignored.saturating_add(number),
                _ => {}
            }
        }
    }

    /// Adds another run's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.passed = self.passed.saturating_add(other.passed);
        self.failed = self.failed.saturating_add(other.failed);
        self.ignored = self.ignored.saturating_add(other.ignored);
        self.broken = self.broken.saturating_add(other.broken);
    }

    /// An error unless every run of cargo succeeded.
    pub(crate) fn verdict(&self) -> Result<()> {
        anyhow::ensure!(self.broken == 0, "{self}");
        Ok(())
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "tests: {} passed, {} failed, {} ignored",
            self.passed, self.failed, self.ignored
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_the_lines_of_the_harness() {
        let mut totals = Totals::default();
        totals.count("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        totals.count("test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        totals.count("test something ... ok");
        assert_eq!(totals.to_string(), "tests: 5 passed, 4 failed, 1 ignored");
    }

    #[test]
    fn a_run_that_fails_without_a_test_fails_the_whole() {
        let mut totals = Totals::default();
        totals
            .run(Command::new("sh").args(["-c", "exit 1"]))
            .unwrap();
        assert!(totals.verdict().is_err());
    }
}
