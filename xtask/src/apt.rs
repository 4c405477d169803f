//! Packages of Debian and its relatives: installed as root, otherwise named with the command that installs them.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use waxwing_component::toolchain::is_installed;

use crate::layout::Layout;
use crate::process;
use crate::progress::Progress;

/// What invoke-rc.d asks before it starts a service on installation.
const POLICY: &str = "/usr/sbin/policy-rc.d";
/// Ours, told from the administrator's own by its second line.
const OUR_POLICY: &str =
    "#!/bin/sh\n# made by cargo xtask while it installs packages, removed afterwards\nexit 101\n";

/// Whether installed packages may start services.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Services {
    /// As the packages wish.
    AsPackaged,
    /// None is started: the benches start servers of their own.
    NotStarted,
}

/// Whether packages can be installed by [`ensure`] at all.
pub(crate) fn can_install() -> bool {
    process::find("apt-get").is_some() && process::is_root()
}

/// Installs those of `packages` that are missing; `why` completes "… are needed".
pub(crate) fn ensure(
    layout: &Layout,
    progress: &Progress,
    packages: &[&str],
    why: &str,
    services: Services,
) -> Result<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!(
        "apt-get install --no-install-recommends {}",
        missing.join(" ")
    );
    if process::find("apt-get").is_none() {
        bail!(
            "{why} need {}, which this system has under other names or not at all: install them by its own means",
            missing.join(", ")
        );
    }
    if !process::is_root() {
        bail!(
            "{why} need packages that only root can install; run `{line}` as root, then this again"
        );
    }
    let _lock = layout.lock("apt")?;
    progress.note(&format!("{why} need system packages; as root: {line}"));
    let _policy = match services {
        Services::NotStarted => Some(Policy::install()?),
        Services::AsPackaged => None,
    };
    if install(&missing).is_err() {
        progress.note("not found in the package lists that are here: fetching new ones");
        update().context("cannot fetch the lists of packages; is the network there?")?;
        install(&missing)
            .with_context(|| format!("cannot install packages; try `{line}` by hand"))?;
    }
    Ok(())
}

fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    packages
        .iter()
        .copied()
        .filter(|package| !is_installed(package))
        .collect()
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    // A mirror that does not answer is given up after half a minute, and another apt-get is waited for.
    command
        .args([
            "-o",
            "Acquire::http::Timeout=30",
            "-o",
            "Acquire::https::Timeout=30",
            "-o",
            "Acquire::Retries=2",
        ])
        .args([
            "-o",
            "DPkg::Lock::Timeout=300",
            "-o",
            "APT::Update::Error-Mode=any",
        ])
        .args(["--quiet=2", "--assume-yes"])
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn update() -> Result<()> {
    process::run(apt_get().arg("update"), "apt-get update")
}

fn install(packages: &[&str]) -> Result<()> {
    let mut command = apt_get();
    command
        .args(["install", "--no-install-recommends"])
        .args(packages);
    // dpkg tells every file it unpacks: worth reading only when it fails.
    let printed = process::capture(&mut command)?;
    if !printed.status.success() {
        bail!(
            "apt-get install: {}",
            process::last_lines(&printed.stderr, 3)
        );
    }
    Ok(())
}

/// A policy that starts no service, in place until it is dropped.
struct Policy {
    ours: bool,
}

impl Policy {
    fn install() -> Result<Self> {
        let path = Path::new(POLICY);
        let found = fs::read_to_string(path).ok();
        // One of ours may be left from a run that was killed; the administrator's own stays what it is.
        let ours = found.is_none() || found.as_deref() == Some(OUR_POLICY);
        if ours {
            fs::write(path, OUR_POLICY).with_context(|| format!("cannot write {POLICY}"))?;
            make_executable(path)?;
        }
        Ok(Self { ours })
    }
}

#[cfg(unix)]
fn make_executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot make {} executable", path.display()))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> Result<()> {
    Ok(())
}

impl Drop for Policy {
    fn drop(&mut self) {
        if self.ours {
            // A policy left behind is found and removed by the next run.
            let _ = fs::remove_file(POLICY);
        }
    }
}
