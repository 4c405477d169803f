//! `cargo xtask dialogues`: the scripts of `tests/scenarios/dialogues` against any XMPP server.

use anyhow::Result;

use crate::apt::{self, Services};
use crate::host;
use crate::layout::Layout;
use crate::process;
use crate::progress::Progress;

/// Builds the runner, installs Prosody where that is to be run against, and hands `arguments` to the runner.
pub(crate) fn run(layout: &Layout, progress: &Progress, arguments: &[String]) -> Result<()> {
    if arguments.iter().any(|argument| argument == "--prosody") {
        apt::ensure(
            layout,
            progress,
            &["prosody"],
            "the dialogues with Prosody",
            Services::NotStarted,
        )?;
    }
    let mut cargo = host::cargo(layout);
    cargo
        .args([
            "run",
            "--quiet",
            "--package",
            "waxwing-tests",
            "--bin",
            "dialogues",
            "--",
        ])
        .args(arguments);
    process::run(&mut cargo, "a dialogue that went otherwise")
}
