//! How plugins can be compiled on this machine: with the target of the Rust in use, or with Debian's toolchain.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::variables;

/// The target of plugins: no WASI is needed.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// What Debian calls a Rust that is new enough, its standard library's source, and a linker for wasm.
pub const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld"];

/// A way to compile plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The Rust in use has the target.
    Installed,
    /// Debian's compiler builds the standard library for the target itself.
    Debian,
}

impl Toolchain {
    /// A way that is there, if any, for a package in `folder`: rustup may have another Rust there than elsewhere.
    pub fn present(folder: &Path) -> Option<Self> {
        if target_is_installed(folder) {
            return Some(Self::Installed);
        }
        let debian = DEBIAN_PACKAGES.iter().all(|name| is_installed(name));
        debian.then_some(Self::Debian)
    }

    /// What to do where no way is there, for people: the middle of a sentence.
    pub fn mend() -> String {
        format!(
            "run `rustup target add {TARGET}` where the network allows it, or on Debian 12, as root, `apt-get install {}`",
            DEBIAN_PACKAGES.join(" ")
        )
    }

    /// `cargo build` for the target, run in `folder`. It obeys `CARGO_TARGET_DIR`, and no flags that are meant for the host.
    /// Fails if `PATH` cannot be changed.
    pub fn cargo_build(self, folder: &Path) -> Result<Command> {
        let mut command = match self {
            Self::Installed => variables::cargo(),
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
            .current_dir(folder)
            .args(["build", "--target", TARGET]);
        if self == Self::Debian {
            command.args(["-Z", "build-std=std,panic_abort"]);
        }
        Ok(command)
    }

    /// The way as it is told to the person.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Installed => "the target of the installed Rust",
            Self::Debian => "Debian's Rust, which builds the standard library first",
        }
    }
}

/// Debian's cargo calls `rustc` by name, so /usr/bin comes first; nothing of rustup's may point elsewhere.
fn debian_cargo() -> Result<Command> {
    let mut command = Command::new("/usr/bin/cargo");
    variables::remove(&mut command, |name| {
        variables::is_about_this_package(name)
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
        .env("PATH", variables::path_with_first("/usr/bin")?)
        // -Z build-std is what this variable unlocks in a stable compiler.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld");
    Ok(command)
}

/// Whether the compiler that cargo uses in `folder` has the target's standard library.
fn target_is_installed(folder: &Path) -> bool {
    let rustc = variables::variable("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut rustc = Command::new(rustc);
    rustc
        .current_dir(folder)
        .args(["--print", "target-libdir", "--target", TARGET]);
    printed(&mut rustc).is_some_and(|libraries| holds_a_library(Path::new(libraries.trim())))
}

/// Whether a package of Debian is installed; not on another system.
pub fn is_installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${db:Status-Status}", package]);
    printed(&mut query).is_some_and(|status| status == "installed")
}

/// What a program printed, if there is one and it succeeded.
fn printed(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let succeeded = output.status.success();
    succeeded.then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn holds_a_library(folder: &Path) -> bool {
    let Ok(entries) = folder.read_dir() else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
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
        let command = Toolchain::Debian.cargo_build(Path::new("/tmp")).unwrap();
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

    #[test]
    fn the_mend_names_both_ways() {
        let mend = Toolchain::mend();
        assert!(
            mend.contains("rustup target add") && mend.contains("rust-web-src"),
            "{mend}"
        );
    }
}
