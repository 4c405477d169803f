//! Has this machine compile guests: installs what [`Toolchain`] finds missing.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use waxwing_component::toolchain::{DEBIAN_PACKAGES, TARGET, Toolchain};

use crate::apt::{self, Services};
use crate::layout::Layout;
use crate::process;
use crate::progress::Progress;

/// How long rustup may take to fetch the target (20 MB) before it counts as hanging.
const RUSTUP_LIMIT: Duration = Duration::from_mins(2);

/// Finds a way for the workspace, and installs what it needs; ways that need no network are tried first.
pub(crate) fn find(workspace: &Path, layout: &Layout, progress: &Progress) -> Result<Toolchain> {
    if let Some(present) = Toolchain::present(workspace) {
        return Ok(present);
    }
    let _lock = layout.lock("toolchain")?;
    let rustup = match add_target(workspace, progress)? {
        Ok(()) => return Ok(Toolchain::Installed),
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
        return Ok(Toolchain::Debian);
    }
    bail!(
        "the plugins are compiled to WebAssembly, and nothing here can do that ({rustup}); {}; then run this again",
        Toolchain::mend()
    );
}

/// `Ok(Err(reason))`: rustup is not there, does not answer, or refuses.
fn add_target(workspace: &Path, progress: &Progress) -> Result<Result<(), String>> {
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
        Some(_) if Toolchain::present(workspace) == Some(Toolchain::Installed) => Ok(()),
        Some(_) => Err("rustup added it to a toolchain that is not the one in use".to_owned()),
    })
}
