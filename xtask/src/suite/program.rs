//! Programs of tests: built by cargo, run by us, so that they run beside each other and it is seen how long each test takes.

use std::ffi::OsString;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::durations::Durations;
use super::report::Report;
use crate::process;

/// A test target that is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// The target's name, for a library that of its package.
    pub(crate) name: String,
    executable: PathBuf,
    /// Cargo runs tests in the package's folder.
    folder: PathBuf,
    /// Variables of its environment.
    variables: Vec<(&'static str, OsString)>,
    /// Names that select tests: any of them. Without names all tests run.
    filters: Vec<String>,
    /// What its tests print is shown as they do.
    shows_all: bool,
    /// As many tests at once; without it as the harness likes.
    threads: Option<usize>,
}

/// What cargo says of something that it built.
#[derive(Deserialize)]
struct Artifact {
    reason: String,
    manifest_path: Option<PathBuf>,
    target: Option<ArtifactTarget>,
    profile: Option<ArtifactProfile>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct ArtifactTarget {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct ArtifactProfile {
    test: bool,
}

/// Builds what `cargo`, a `cargo test` with packages and targets, names. Fails if something does not compile.
pub(crate) fn build(cargo: &mut Command, what: &str) -> Result<Vec<Program>> {
    cargo
        .args(["--no-run", "--message-format=json-render-diagnostics"])
        .stdout(Stdio::piped());
    let mut child = cargo.spawn().context("cannot start cargo")?;
    let stdout = child.stdout.take().context("cargo has no stdout")?;
    let mut programs = Vec::new();
    for line in BufReader::new(stdout).lines() {
        programs.extend(program(&line?));
    }
    let status = child.wait()?;
    ensure!(status.success(), "{what} failed ({status})");
    Ok(programs)
}

/// The program of tests that a line of cargo's tells of, if any.
fn program(line: &str) -> Option<Program> {
    let artifact: Artifact = serde_json::from_str(line).ok()?;
    let is_test = artifact.reason == "compiler-artifact" && artifact.profile?.test;
    let target = artifact.target?;
    let folder = artifact.manifest_path?.parent()?.to_owned();
    let is_own = target
        .kind
        .iter()
        .any(|kind| kind == "test" || kind == "bin");
    let name = if is_own {
        target.name
    } else {
        // A library's name has no hyphens; its package's is the one that people type.
        target.name.replace('_', "-")
    };
    is_test.then_some(())?;
    Some(Program {
        name,
        executable: artifact.executable?,
        folder,
        variables: Vec::new(),
        filters: Vec::new(),
        shows_all: false,
        threads: None,
    })
}

impl Program {
    /// With a variable of its environment.
    pub(crate) fn variable(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// With those tests only whose names hold one of these. None: all of them.
    pub(crate) fn only(mut self, filters: &[impl AsRef<str>]) -> Self {
        self.filters = filters
            .iter()
            .map(|name| name.as_ref().to_owned())
            .collect();
        self
    }

    /// What its tests print is shown as they do, also where they succeed.
    pub(crate) fn shows_all(mut self) -> Self {
        self.shows_all = true;
        self
    }

    /// With so many tests at once.
    pub(crate) fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Under another name in what is shown.
    pub(crate) fn called(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.executable);
        process::remove_variables(&mut command, process::is_about_this_package);
        command
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// The names of its tests that the filters let through, in the order in which they begin.
    pub(crate) fn tests(&self) -> Result<Vec<String>> {
        let mut all = Vec::new();
        for filters in self.runs() {
            let mut command = self.command();
            command.args(["--list", "--format", "terse"]).args(filters);
            let listed = process::capture(&mut command)?;
            let failure = process::last_lines(&listed.stderr, 3);
            ensure!(listed.status.success(), "{self} lists no tests: {failure}");
            let names = listed.stdout.lines();
            all.extend(names.filter_map(|line| Some(line.strip_suffix(": test")?.to_owned())));
        }
        Ok(all)
    }

    /// The filters of each run: all at once, or one after the other where the harness takes one only.
    fn runs(&self) -> Vec<Vec<String>> {
        if super::TAKES_ONE_FILTER.contains(&self.name.as_str()) && !self.filters.is_empty() {
            let filters = self.filters.iter();
            return filters.map(|filter| vec![filter.clone()]).collect();
        }
        vec![self.filters.clone()]
    }

    /// Runs its tests and reports each. Fails if it cannot be run; that tests fail is the report's business.
    pub(crate) fn run(&self, report: &Report<'_>) -> Result<()> {
        for filters in self.runs() {
            let order = self.clone().only(&filters).tests()?;
            if !order.is_empty() {
                self.run_with(&filters, order, report)?;
            }
        }
        Ok(())
    }

    fn run_with(&self, filters: &[String], order: Vec<String>, report: &Report<'_>) -> Result<()> {
        let of_machine = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = match self.name.as_str() {
            name if super::ONE_AT_A_TIME.contains(&name) => 1,
            _ => self.threads.unwrap_or_else(of_machine),
        };
        let mut command = self.command();
        command
            .args(["--test-threads", &threads.to_string()])
            .args(filters)
            .stdout(Stdio::piped());
        if self.shows_all {
            command.arg("--nocapture");
        }
        let begun = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {self}"))?;
        let stdout = child.stdout.take().context("a program without stdout")?;
        let mut durations = Durations::begin(order, threads, begun);
        let mut printed = report.printed_by(&self.name);
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            durations.read(&line, Instant::now());
            printed.line(&line);
        }
        let succeeded = child.wait()?.success();
        printed.end(succeeded, durations.ended, begun.elapsed());
        Ok(())
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: &str, name: &str, test: bool) -> String {
        format!(
            "{{\"reason\":\"compiler-artifact\",\"manifest_path\":\"/w/host/xml/Cargo.toml\",\"target\":{{\"name\":\"{name}\",\
             \"kind\":[\"{kind}\"]}},\"profile\":{{\"test\":{test}}},\"executable\":\"/w/target/debug/deps/x-1\"}}"
        )
    }

    #[test]
    fn takes_programs_of_tests_from_what_cargo_says() {
        let library = program(&line("lib", "waxwing_xml", true)).unwrap();
        assert_eq!(library.name, "waxwing-xml");
        assert_eq!(library.folder, PathBuf::from("/w/host/xml"));
        assert_eq!(
            program(&line("test", "scenarios", true)).unwrap().name,
            "scenarios"
        );
        assert_eq!(program(&line("example", "tokio-xmpp-client", false)), None);
        assert_eq!(
            program("{\"reason\":\"build-finished\",\"success\":true}"),
            None
        );
        assert_eq!(program("warning: something"), None);
    }
}
