//! `cargo xtask bench`: the bench of `waxwing-tests`, on this server, two others from Debian, and a relay that only copies bytes.

use anyhow::Result;

use crate::apt::{self, Services};
use crate::guests::{self, Which};
use crate::host::{self, Profile};
use crate::layout::Layout;
use crate::process;
use crate::progress::Progress;

/// The servers compared with, as Debian ships them, and `taskset`.
const PACKAGES: [&str; 3] = ["prosody", "ejabberd", "util-linux"];

/// Arguments with which nothing is measured.
const ASKING: [&str; 3] = ["--help", "-h", "--list"];

/// Builds everything optimised, installs what is missing, and hands `arguments` to the bench.
pub(crate) fn run(layout: &Layout, progress: &Progress, arguments: &[String]) -> Result<()> {
    let has = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    let mut cargo = host::cargo(layout);
    cargo
        .args(["run", "--quiet", "--release"])
        .args(["--package", "waxwing-tests", "--bin", "bench", "--"])
        .args(arguments);
    if !ASKING.into_iter().any(has) {
        if has("--binary") {
            // The plugins that the bench puts into it.
            guests::build(layout, progress, Which::All)?;
        } else {
            let binary = host::build_with_guests(layout, progress, Profile::Release, Which::All)?;
            cargo.env("WAXWING_BIN", &binary);
        }
        apt::ensure(
            layout,
            progress,
            &PACKAGES,
            "the servers to compare with",
            Services::NotStarted,
        )?;
        progress.phase("measuring");
    }
    process::run(&mut cargo, "the bench")
}
