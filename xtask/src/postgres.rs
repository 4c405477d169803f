//! PostgreSQL for the tests: they start a cluster of their own (`tests/cluster`).

use std::fs;

use anyhow::Result;

use crate::apt::{self, Services};
use crate::layout::Layout;
use crate::process;
use crate::progress::Progress;

/// Installs Debian's package where there is no PostgreSQL. Its service is not started.
pub(crate) fn install(layout: &Layout, progress: &Progress) -> Result<()> {
    if is_here() {
        return Ok(());
    }
    apt::ensure(
        layout,
        progress,
        &["postgresql"],
        "the tests with PostgreSQL",
        Services::NotStarted,
    )
}

/// Debian's programs lie in a folder for each version.
fn is_here() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql");
    let mut versions = versions.into_iter().flatten().flatten();
    versions.any(|version| version.path().join("bin/initdb").exists())
        || process::find("initdb").is_some()
}
