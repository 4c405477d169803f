//! Builds the server's binary with the plugins inside, and runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Error, Result};

use crate::guests::{self, Which};
use crate::layout::Layout;
use crate::process;
use crate::progress::Progress;

/// Cargo's profile for the server; guests are always optimised.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build: dependencies are optimised all the same.
    Debug,
    /// What is shipped; the engine alone takes minutes to compile.
    Release,
}

impl Profile {
    /// Takes `--release` from the front of the arguments, and a `--` such as cargo's users put before what follows.
    pub(crate) fn take(arguments: &[String]) -> (Self, &[String]) {
        let (profile, rest) = match arguments.split_first() {
            Some((first, rest)) if first == "--release" => (Self::Release, rest),
            _ => (Self::Debug, arguments),
        };
        match rest.split_first() {
            Some((first, rest)) if first == "--" => (profile, rest),
            _ => (profile, rest),
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}

/// Builds guests, then the server; returns where the binary lies.
pub(crate) fn build_with_guests(
    layout: &Layout,
    progress: &Progress,
    profile: Profile,
    which: Which,
) -> Result<PathBuf> {
    guests::build(layout, progress, which)?;
    progress.phase(match profile {
        Profile::Debug => "building the server",
        Profile::Release => "building the server, optimised",
    });
    let mut cargo = cargo(layout);
    cargo.args(["build", "--package", "waxwing-server", "--bin", "waxwing"]);
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    process::run(&mut cargo, "building the server")?;
    let binary = layout.target.join(profile.folder()).join("waxwing");
    if profile == Profile::Release {
        set_symbols_apart(&binary, progress)?;
    }
    Ok(binary)
}

/// Moves the symbols of a binary into a file beside it, `waxwing.debug`. Backtraces and debuggers find it there by the link that stays
/// in the binary; the server runs without it.
///
/// Cargo keeps its own copy by a hard link, which keeps its symbols; a binary without another link has been through this.
fn set_symbols_apart(binary: &Path, progress: &Progress) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    if binary.metadata()?.nlink() < 2 {
        return Ok(());
    }
    if process::find("objcopy").is_none() {
        progress.note("the symbols stay in the binary: there is no objcopy here");
        return Ok(());
    }
    let symbols = binary.with_extension("debug");
    let fresh = binary.with_extension("new");
    let mut copy = Command::new("objcopy");
    copy.arg("--only-keep-debug").arg(binary).arg(&symbols);
    process::run(&mut copy, "copying the symbols")?;
    let mut strip = Command::new("objcopy");
    strip.arg("--strip-all");
    strip.arg(format!("--add-gnu-debuglink={}", symbols.display()));
    process::run(strip.arg(binary).arg(&fresh), "removing the symbols")?;
    fs::rename(&fresh, binary)?;
    let size = |file: &Path| file.metadata().map_or(0, |found| found.len() >> 20);
    let (program, apart) = (size(binary), size(&symbols));
    progress.note(&format!("{program} MB, and {apart} MB of symbols apart"));
    Ok(())
}

/// Cargo in the host's workspace; the server's build script embeds the guests named here.
pub(crate) fn cargo(layout: &Layout) -> Command {
    let mut cargo = process::cargo();
    cargo
        .current_dir(&layout.root)
        .env("CARGO_TARGET_DIR", &layout.target)
        .env("WAXWING_GUESTS", layout.guests());
    cargo
}

/// Becomes the server, so that signals reach it; returns only when that fails.
pub(crate) fn serve(binary: &Path, arguments: &[String], progress: &Progress) -> Error {
    progress.phase("serving; Ctrl-C ends it");
    let mut command = Command::new(binary);
    command.arg("run").args(arguments);
    process::remove_variables(&mut command, |name| {
        process::is_about_this_package(name) || name == "CARGO"
    });
    become_program(&mut command)
}

#[cfg(unix)]
fn become_program(command: &mut Command) -> Error {
    use std::os::unix::process::CommandExt;
    Error::from(command.exec()).context(format!(
        "cannot start {}",
        command.get_program().to_string_lossy()
    ))
}

#[cfg(not(unix))]
fn become_program(_: &mut Command) -> Error {
    anyhow::anyhow!("the server runs on Linux and macOS only")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_runs_without_its_symbols_and_keeps_them_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let [whole, binary] = ["whole", "waxwing"].map(|name| folder.path().join(name));
        fs::copy(std::env::current_exe().unwrap(), &whole).unwrap();
        fs::hard_link(&whole, &binary).unwrap();
        let size = |file: &Path| file.metadata().unwrap().len();
        let progress = Progress::start();
        set_symbols_apart(&binary, &progress).unwrap();
        assert!(size(&binary) < size(&whole));
        let symbols = size(&folder.path().join("waxwing.debug"));
        assert!(symbols > 1000);
        let listed = process::capture(Command::new(&binary).arg("--list")).unwrap();
        assert!(listed.stdout.contains("without_its_symbols"));
        // The next build finds nothing to do, and leaves both as they are.
        set_symbols_apart(&binary, &progress).unwrap();
        assert_eq!(size(&folder.path().join("waxwing.debug")), symbols);
    }

    #[test]
    fn what_follows_two_dashes_is_for_the_server() {
        let taken = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
            let (profile, rest) = Profile::take(&arguments);
            (profile == Profile::Release, rest.join(" "))
        };
        assert_eq!(
            taken(&["--", "--config", "f"]),
            (false, "--config f".to_owned())
        );
        assert_eq!(taken(&["--config", "f"]), (false, "--config f".to_owned()));
        assert_eq!(taken(&["--release", "--", "--x"]), (true, "--x".to_owned()));
    }
}
