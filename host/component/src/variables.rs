//! Starting cargo without the environment that a cargo above us set for its own package.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

/// The cargo that started us, or the one in `PATH`, without what a cargo told us about our own package.
pub fn cargo() -> Command {
    let mut command = Command::new(variable("CARGO").unwrap_or_else(|| "cargo".into()));
    remove(&mut command, is_about_this_package);
    command
}

/// Removes each variable of our environment for which `which` holds.
pub fn remove(command: &mut Command, which: fn(&str) -> bool) {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(which) {
            command.env_remove(name);
        }
    }
}

/// Whether cargo sets `name` for a program that it runs, about the program's own package.
pub fn is_about_this_package(name: &str) -> bool {
    const PREFIXES: [&str; 4] = ["CARGO_PKG_", "CARGO_BIN_", "CARGO_MANIFEST_", "CARGO_CFG_"];
    const NAMES: [&str; 4] = [
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_TMPDIR",
        "OUT_DIR",
    ];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(&name)
}

/// The value of a variable, if it is set and not empty.
pub fn variable(name: impl AsRef<OsStr>) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// `PATH` with `first` before everything else. Fails if `first` has a separator of paths in it.
pub(crate) fn path_with_first(first: &str) -> Result<OsString> {
    let old = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(PathBuf::from(first)).chain(env::split_paths(&old));
    env::join_paths(folders).with_context(|| format!("cannot put {first} into PATH"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_which_variables_are_about_this_package() {
        assert!(is_about_this_package("CARGO_PKG_NAME"));
        assert!(!is_about_this_package("CARGO_TARGET_DIR"));
        assert!(!is_about_this_package("CARGO_HOME"));
    }
}
