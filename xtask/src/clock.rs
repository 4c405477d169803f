//! libfaketime for the tests: they set the clock that a server sees.

use std::fs;

use anyhow::Result;

use crate::apt::{self, Services};
use crate::layout::Layout;
use crate::progress::Progress;

/// Installs Debian's package where there is no such library.
pub(crate) fn install(layout: &Layout, progress: &Progress) -> Result<()> {
    if is_here() {
        return Ok(());
    }
    apt::ensure(
        layout,
        progress,
        &["libfaketime"],
        "the tests that set the clock",
        Services::AsPackaged,
    )
}

/// It lies in the folder of the machine's architecture, where the tests look for it too.
fn is_here() -> bool {
    let folders = fs::read_dir("/usr/lib");
    let mut folders = folders.into_iter().flatten().flatten();
    folders.any(|folder| folder.path().join("faketime/libfaketimeMT.so.1").is_file())
}
