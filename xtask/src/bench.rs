//! `cargo xtask bench`: the load bench of `waxwing-tests`, against this server and two others from Debian.

use anyhow::Result;

use crate::apt::{self, Services};
use crate::host::{self, Profile};
use crate::layout::Layout;
use crate::process;
use crate::progress::Progress;

/// The servers compared with, as Debian ships them, and `taskset`.
const PACKAGES: [&str; 3] = ["prosody", "ejabberd", "util-linux"];

/// Builds everything optimised, installs what is missing, and hands `arguments` to the bench.
pub(crate) fn run(layout: &Layout, progress: &Progress, arguments: &[String]) -> Result<()> {
    let binary = host::build_with_guests(layout, progress, Profile::Release)?;
    apt::ensure(
        layout,
        progress,
        &PACKAGES,
        "the servers to compare with",
        Services::NotStarted,
    )?;
    progress.phase("measuring");
    let mut cargo = host::cargo(layout);
    cargo
        .args([
            "run",
            "--quiet",
            "--release",
            "--package",
            "waxwing-tests",
            "--bin",
            "load",
            "--",
        ])
        .args(arguments)
        .env("WAXWING_BIN", &binary);
    process::run(&mut cargo, "the load bench")
}
