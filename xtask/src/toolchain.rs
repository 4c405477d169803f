//! How guests can be compiled on this machine: with the target of the Rust in use, or with Debian's toolchain.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::apt::{self, Services};
use crate::layout::Layout;
use crate::process;
use crate::progress::Progress;

/// The target of guests: no WASI is needed.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
/// What Debian calls a Rust that is new enough, its standard library's source, and a linker for wasm.
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld"];
/// How long rustup may take to fetch the target (20 MB) before it counts as hanging.
const RUSTUP_LIMIT: Duration = Duration::from_mins(2);

/// A way to compile guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The Rust in use has the target.
    Installed,
    /// Debian's compiler builds the standard library for the target itself.
    Debian,
}

impl Toolchain {
    /// Finds a way, and installs what it needs; ways that need no network are tried first.
    pub(crate) fn find(layout: &Layout, progress: &Progress) -> Result<Self> {
        if target_is_installed() {
            return Ok(Self::Installed);
        }
        if apt::installed(&DEBIAN_PACKAGES) {
            return Ok(Self::Debian);
        }
        let _lock = layout.lock("toolchain")?;
        let rustup = match add_target(progress)? {
            Ok(()) => return Ok(Self::Installed),
            Err(why_not) => why_not,
        };
        progress.note(&format!("the target {TARGET} cannot be added: {rustup}"));
        if apt::can_install() {
            apt::ensure(
                layout,
                progress,
                &DEBIAN_PACKAGES,
                "guests compiled by Debian's Rust",
                Services::AsPackaged,
            )?;
            return Ok(Self::Debian);
        }
        bail!(
            "the plugins are compiled to WebAssembly, and nothing here can do that ({rustup}); \
             run `rustup target add {TARGET}` where the network allows it, \
             or on Debian 12, as root, `apt-get install {}`; then run this again",
            DEBIAN_PACKAGES.join(" ")
        );
    }

    /// A cargo command for the guests' workspace; `subcommand` is `build` or `clippy`.
    pub(crate) fn cargo(
        self,
        subcommand: &str,
        workspace: &Path,
        target_folder: &Path,
    ) -> Result<Command> {
        let mut command = match self {
            Self::Installed => process::cargo(),
            Self::Debian => debian_cargo()?,
        };
        // Flags for the host, such as a linker, mean nothing for wasm.
        for name in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_TARGET",
            "CARGO_BUILD_RUSTFLAGS",
        ] {
            command.env_remove(name);
        }
        command
            .current_dir(workspace)
            .arg(subcommand)
            .args(["--target", TARGET]);
        if self == Self::Debian {
            command.args(["-Z", "build-std=std,panic_abort"]);
        }
        command.env("CARGO_TARGET_DIR", target_folder);
        Ok(command)
    }

    /// The way as it is told to the person.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Installed => "the target of the installed Rust",
            Self::Debian => "Debian's Rust, which builds the standard library first",
        }
    }
}

/// Debian's cargo calls `rustc` by name, so /usr/bin comes first; nothing of rustup's may point elsewhere.
fn debian_cargo() -> Result<Command> {
    let mut command = Command::new("/usr/bin/cargo");
    process::remove_variables(&mut command, |name| {
        process::is_about_this_package(name)
            || name.starts_with("RUSTUP_")
            || [
                "CARGO",
                "RUSTC",
                "RUSTDOC",
                "RUSTC_WRAPPER",
                "RUST_RECURSION_COUNT",
                "LD_LIBRARY_PATH",
            ]
            .contains(&name)
    });
    command
        .env("PATH", process::path_with_first("/usr/bin")?)
        // -Z build-std is what this variable unlocks in a stable compiler.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld");
    Ok(command)
}

/// Whether the compiler that cargo uses here has the target's standard library.
fn target_is_installed() -> bool {
    let rustc = process::variable("RUSTC").unwrap_or_else(|| "rustc".into());
    process::capture(Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]))
        .is_ok_and(|printed| {
            printed.status.success() && holds_a_library(&PathBuf::from(printed.stdout.trim()))
        })
}

fn holds_a_library(folder: &Path) -> bool {
    let Ok(entries) = folder.read_dir() else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
}

/// `Ok(Err(reason))`: rustup is not there, does not answer, or refuses.
fn add_target(progress: &Progress) -> Result<Result<(), String>> {
    if process::find("rustup").is_none() {
        return Ok(Err("there is no rustup".to_owned()));
    }
    progress.note(&format!("rustup target add {TARGET}"));
    let printed = process::capture_within(
        Command::new("rustup").args(["target", "add", TARGET]),
        RUSTUP_LIMIT,
    )?;
    Ok(match printed {
        None => Err(format!(
            "rustup did not finish within {} seconds",
            RUSTUP_LIMIT.as_secs()
        )),
        Some(printed) if !printed.status.success() => Err(format!(
            "rustup says: {}",
            process::last_lines(&printed.stderr, 1)
        )),
        Some(_) if target_is_installed() => Ok(()),
        Some(_) => Err("rustup added it to a toolchain that is not the one in use".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_or_absent_folder_holds_no_library() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!holds_a_library(folder.path()));
        assert!(!holds_a_library(&folder.path().join("absent")));
        std::fs::write(folder.path().join("libstd-0123.rlib"), "").unwrap();
        assert!(holds_a_library(folder.path()));
    }

    #[test]
    fn debian_builds_the_standard_library() {
        let command = Toolchain::Debian
            .cargo("build", Path::new("/tmp"), Path::new("/tmp/t"))
            .unwrap();
        let arguments: Vec<_> = command
            .get_args()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect();
        assert_eq!(
            arguments,
            [
                "build",
                "--target",
                TARGET,
                "-Z",
                "build-std=std,panic_abort"
            ]
        );
        assert_eq!(command.get_program(), "/usr/bin/cargo");
    }
}
