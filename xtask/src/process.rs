//! Running other programs: shown or captured, with a time limit where the network may hang.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
pub(crate) use waxwing_component::variables::{
    cargo, is_about_this_package, remove as remove_variables,
};

/// How often a program with a time limit is looked at.
const POLL: Duration = Duration::from_millis(50);

/// What a program printed, and how it ended.
pub(crate) struct Captured {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `command` in view of the person; an exit code other than 0 is an error that names `what`.
pub(crate) fn run(command: &mut Command, what: &str) -> Result<()> {
    let status = command.status().with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!("{what} failed ({status})");
    }
    Ok(())
}

/// Runs `command` unseen and returns what it printed, whatever the exit code.
pub(crate) fn capture(command: &mut Command) -> Result<Captured> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| cannot_start(command))?;
    Ok(Captured {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Runs `command` with its stderr kept, and ends it after `limit`. `Ok(None)`: it took longer.
pub(crate) fn capture_within(command: &mut Command, limit: Duration) -> Result<Option<Captured>> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| cannot_start(command))?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let Some(status) = wait_within(&mut child, limit)? else {
        return Ok(None);
    };
    let text = |reader: thread::JoinHandle<String>| reader.join().unwrap_or_default();
    Ok(Some(Captured {
        status,
        stdout: text(stdout),
        stderr: text(stderr),
    }))
}

fn drain(source: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut source) = source {
            // What could be read until the pipe broke is all there is to show.
            let _ = source.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn wait_within(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= limit {
            child
                .kill()
                .context("cannot end a program that took too long")?;
            child.wait()?;
            return Ok(None);
        }
        thread::park_timeout(POLL);
    }
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`", command.get_program().to_string_lossy())
}

/// Where `program` lies in `PATH`, if anywhere.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| is_executable(file))
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file()
}

/// Whether the effective user may install system packages.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The last lines of `text` that say something, for an error message.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let from = lines.len().saturating_sub(count);
    lines.get(from..).unwrap_or_default().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_a_program_that_hangs() {
        let ended =
            capture_within(Command::new("sleep").arg("60"), Duration::from_millis(200)).unwrap();
        assert!(ended.is_none());
    }

    #[test]
    fn keeps_what_a_program_printed() {
        let printed = capture_within(
            Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]),
            Duration::from_secs(30),
        )
        .unwrap()
        .unwrap();
        assert_eq!(
            (printed.stdout.as_str(), printed.stderr.as_str()),
            ("out\n", "err\n")
        );
        assert_eq!(printed.status.code(), Some(3));
    }

    #[test]
    fn shows_the_last_lines_that_say_something() {
        assert_eq!(last_lines("one\n\ntwo\nthree\n\n", 2), "two; three");
        assert_eq!(last_lines("", 2), "");
    }
}
