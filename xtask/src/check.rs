//! `cargo xtask test`: everything that can be shown by tests, from a machine with nothing but Rust.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::clients;
use crate::clock;
use crate::counts::{self, Mode};
use crate::host::{self, Profile};
use crate::hostile;
use crate::layout::Layout;
use crate::postgres;
use crate::process;
use crate::progress::{self, Progress};
use crate::totals::Totals;

/// The crates tested on their own. Apart from `waxwing-tests`, whose clients would switch on features of shared
/// dependencies that the server is not built with.
const CRATES: [&str; 5] = [
    "waxwing-xml",
    "waxwing-xmpp",
    "waxwing-storage",
    "waxwing-plugins",
    "waxwing-server",
];

/// Scenarios that are run on PostgreSQL too: what they show stands or falls with the database.
const ON_POSTGRESQL: [&str; 9] = [
    "contacts::",
    "stream_management::",
    "receiving::",
    "survival::",
    "copying::",
    "effects::storage",
    "effects::atomicity",
    "accounts::",
    "registration::",
];

/// Runs the crates' own tests, xtask's, and the black-box tests of the built server; `arguments` go to the last.
pub(crate) fn run(layout: &Layout, progress: &Progress, arguments: &[String]) -> Result<()> {
    // What needs the network first: a failure is told before minutes of compiling, not after.
    clients::install(layout, progress)?;
    postgres::install(layout, progress)?;
    clock::install(layout, progress)?;
    hostile::build_languages(layout, progress)?;
    let binary = host::build_with_guests(layout, progress, Profile::Debug)?;
    let mut totals = Totals::default();
    let mut counted = Ok(());
    if arguments.is_empty() {
        counted = counts::run(layout, progress, Mode::Check);
        if let Err(error) = &counted {
            progress::failure(error);
        }
        progress.phase("tests of the server's crates");
        let mut cargo = host::cargo(layout);
        cargo.args(["test", "--no-fail-fast"]);
        for name in CRATES {
            cargo.args(["--package", name]);
        }
        totals.run(&mut cargo)?;
        progress.phase("tests of the plugins, natively");
        let mut cargo = process::cargo();
        cargo
            .current_dir(layout.guest_workspace())
            .env("CARGO_TARGET_DIR", layout.guest_native())
            .args(["test", "--no-fail-fast", "--workspace"]);
        totals.run(&mut cargo)?;
        progress.phase("tests of xtask");
        totals.run(host::cargo(layout).args(["test", "--package", "xtask"]))?;
    }
    progress.phase("black-box tests of the built server");
    totals.run(black_box(layout, &binary).args(arguments))?;
    if arguments.is_empty() {
        progress.phase("what depends on the database, on PostgreSQL");
        let mut cargo = on_postgresql(black_box(layout, &binary));
        cargo.args(["--test", "scenarios", "--"]);
        totals.run(cargo.args(ON_POSTGRESQL))?;
    }
    totals.verdict()?;
    counted?;
    progress.done(&totals.to_string());
    Ok(())
}

/// `cargo test` for what talks to the built server; what is to be run of it is still to be added.
pub(crate) fn black_box(layout: &Layout, binary: &Path) -> Command {
    let mut cargo = host::cargo(layout);
    cargo
        .args(["test", "--no-fail-fast", "--package", "waxwing-tests"])
        .env("WAXWING_BIN", binary)
        .env("WAXWING_TEST_ENV", layout.test_environment());
    cargo
}

/// The same, with PostgreSQL as the servers' database.
pub(crate) fn on_postgresql(mut cargo: Command) -> Command {
    cargo.env("WAXWING_TEST_STORAGE", "postgres");
    cargo
}
