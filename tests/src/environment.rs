//! Where `cargo xtask test` put what the tests need. What is missing is an error with the mend, never a skipped test.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

const MEND: &str = "run `cargo xtask test`, which makes it and says where it is";

/// The server's binary.
pub fn binary() -> Result<PathBuf> {
    existing("WAXWING_BIN", "the server's binary")
}

/// Removes our own variables from a command: the server takes `WAXWING_…` for configuration.
pub fn remove_variables(command: &mut tokio::process::Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WAXWING_") {
            command.env_remove(name);
        }
    }
}

/// A command that runs the server's binary.
pub fn waxwing() -> Result<tokio::process::Command> {
    let mut command = tokio::process::Command::new(binary()?);
    remove_variables(&mut command);
    Ok(command)
}

/// The folder with other projects' clients.
pub fn clients() -> Result<PathBuf> {
    existing(
        "WAXWING_TEST_ENV",
        "the folder of the clients that the tests use",
    )
}

/// A built component by its path below the folder of guests: `examples/word-filter.wasm`.
pub fn guest(file: &str) -> Result<PathBuf> {
    let path = existing("WAXWING_GUESTS", "the folder of the built plugins")?.join(file);
    ensure!(
        path.is_file(),
        "there is no plugin {}; {MEND}",
        path.display()
    );
    Ok(path)
}

/// The library that lets a process see another time (libfaketime).
pub fn faketime() -> Result<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").context("cannot read /usr/lib")?;
    let folders = folders.flatten().map(|folder| folder.path());
    let mut libraries = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    let found = libraries.find(|library| library.is_file());
    found.with_context(|| format!("libfaketime is not installed; {MEND}"))
}

/// The program `HAProxy`.
pub fn haproxy() -> Result<PathBuf> {
    // Debian's place for it is not in the path of every user.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let mut programs = folders.map(|folder| folder.join("haproxy"));
    let found = programs.find(|program| program.is_file());
    found.with_context(|| format!("HAProxy is not installed; {MEND}"))
}

fn existing(variable: &str, what: &str) -> Result<PathBuf> {
    let path = std::env::var_os(variable)
        .map(PathBuf::from)
        .with_context(|| format!("{variable} does not name {what}; {MEND}"))?;
    ensure!(
        path.exists(),
        "{} does not exist ({variable}, {what}); {MEND}",
        path.display()
    );
    Ok(path)
}
