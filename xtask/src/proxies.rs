//! HAProxy for the tests: they put it in front of the server.

use std::path::Path;

use anyhow::Result;

use crate::apt::{self, Services};
use crate::layout::Layout;
use crate::process;
use crate::progress::Progress;

/// Installs Debian's package where there is no HAProxy. Its service is not started.
pub(crate) fn install(layout: &Layout, progress: &Progress) -> Result<()> {
    if Path::new("/usr/sbin/haproxy").is_file() || process::find("haproxy").is_some() {
        return Ok(());
    }
    apt::ensure(
        layout,
        progress,
        &["haproxy"],
        "the tests with a proxy",
        Services::NotStarted,
    )
}
