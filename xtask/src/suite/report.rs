//! What a run of tests shows: each test with its time when it ends, everything that failed, and at the end one line and the ten slowest.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};

use super::durations;
use crate::progress::Progress;
use crate::totals::Totals;

/// As many of the slowest tests are named.
const SLOWEST: usize = 10;

/// What all programs report to, several at once.
pub(crate) struct Report<'a> {
    progress: &'a Progress,
    /// What shows a text to the person.
    show: fn(&str),
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    totals: Totals,
    took: Vec<(Duration, String)>,
    failed: Vec<String>,
    /// Programs that failed without a test that did.
    broken: Vec<String>,
    programs: BTreeMap<String, Duration>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(progress: &'a Progress) -> Self {
        Self {
            progress,
            show,
            seen: Mutex::default(),
        }
    }

    /// What a program that starts now prints.
    pub(super) fn printed_by(&self, program: &str) -> Printed<'_> {
        self.progress.note(&format!("tests of {program}"));
        Printed {
            report: self,
            program: program.to_owned(),
            rest: String::new(),
        }
    }

    /// Something besides tests failed: what, and why.
    pub(crate) fn fault(&self, what: &str, error: &anyhow::Error) {
        crate::progress::plain(&format!("error: {what}: {error:#}"));
        self.with(|seen| seen.broken.push(what.to_owned()));
    }

    /// Tests that a program of cargo's ran and showed.
    pub(crate) fn add(&self, what: &str, tests: &Totals) {
        self.with(|seen| {
            if tests.verdict().is_err() {
                seen.broken.push(what.to_owned());
            }
            seen.totals.add(tests);
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        act(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The slowest tests and the programs with their times, to be shown.
    pub(crate) fn slowest(&self) -> String {
        self.with(|seen| {
            seen.took.sort_by(|a, b| b.cmp(a));
            let mut text = format!("the {SLOWEST} slowest tests:\n");
            for (took, name) in seen.took.iter().take(SLOWEST) {
                // A String takes whatever is written to it.
                let _ = writeln!(text, "{:>8.1} s  {name}", took.as_secs_f64());
            }
            text.push_str("programs:\n");
            for (name, took) in &seen.programs {
                let _ = writeln!(text, "{:>8.1} s  {name}", took.as_secs_f64());
            }
            text
        })
    }

    /// The line of a run in which nothing failed. Fails with what did.
    pub(crate) fn verdict(&self) -> Result<String> {
        self.with(|seen| {
            let Seen { failed, broken, .. } = seen;
            let totals = &seen.totals;
            ensure!(
                failed.is_empty() && broken.is_empty(),
                "{totals}; failed: {}",
                [failed.join(", "), broken.join(", ")]
                    .into_iter()
                    .filter(|names| !names.is_empty())
                    .collect::<Vec<_>>()
                    .join(", ")
            );
            Ok(totals.to_string())
        })
    }
}

/// What one program prints: a test's line is shown at once, the rest together when the program has ended.
pub(super) struct Printed<'a> {
    report: &'a Report<'a>,
    program: String,
    rest: String,
}

impl Printed<'_> {
    pub(super) fn line(&mut self, line: &str) {
        self.report.with(|seen| seen.totals.count(line));
        match durations::ended(line) {
            Some(_) if line.ends_with(" ... FAILED") => {
                let line = format!("{}: {line}", self.program);
                self.report.with(|seen| seen.failed.push(line.clone()));
                (self.report.show)(&line);
            }
            Some(_) => (self.report.show)(&format!("{}: {line}", self.program)),
            None => {
                self.rest.push_str(line);
                self.rest.push('\n');
            }
        }
    }

    pub(super) fn end(self, succeeded: bool, took: Vec<(String, Duration)>, whole: Duration) {
        let program = &self.program;
        self.report.with(|seen| {
            let took = took.into_iter();
            seen.took
                .extend(took.map(|(name, took)| (took, format!("{program}: {name}"))));
            let before = seen.programs.entry(program.clone()).or_default();
            *before = before.saturating_add(whole);
            let has_failed = seen
                .failed
                .iter()
                .any(|test| test.starts_with(program.as_str()));
            if !succeeded && !has_failed {
                seen.broken.push(program.clone());
            }
        });
        (self.report.show)(&format!("--- {program} ---\n{}", self.rest.trim()));
    }
}

fn show(text: &str) {
    // A closed stdout is no reason to stop testing.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_failed_and_what_was_slow() {
        let progress = Progress::start();
        let report = Report {
            show: |_| (),
            ..Report::new(&progress)
        };
        let mut printed = report.printed_by("scenarios");
        printed.line("test a ... ok");
        printed.line("test b ... FAILED");
        printed
            .line("test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out");
        let took = [("a", 1), ("b", 7)].map(|(name, s)| (name.to_owned(), Duration::from_secs(s)));
        printed.end(false, took.to_vec(), Duration::from_secs(8));
        let error = report.verdict().unwrap_err().to_string();
        assert!(
            error.contains("1 passed, 1 failed") && error.contains("scenarios: test b"),
            "{error}"
        );
        let slowest = report.slowest();
        let (b, a) = (
            slowest.find("7.0 s  scenarios: b"),
            slowest.find("1.0 s  scenarios: a"),
        );
        assert!(b.is_some() && b < a, "{slowest}");
    }

    #[test]
    fn a_program_that_fails_without_a_test_fails_the_whole() {
        let progress = Progress::start();
        let report = Report {
            show: |_| (),
            ..Report::new(&progress)
        };
        report
            .printed_by("hostile")
            .end(false, Vec::new(), Duration::ZERO);
        assert!(
            report
                .verdict()
                .unwrap_err()
                .to_string()
                .contains("hostile")
        );
    }
}
