//! The disk under SQLite is full.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tempfile::TempDir;
use waxwing_tests::server::Settings;

use super::{Stage, turn};

/// A place for data that can be full.
enum Disk {
    /// A file system of its own, where that may be mounted.
    Mounted(PathBuf),
    /// No file may grow: the system's limit for the server's process.
    Limited,
}

impl Disk {
    fn new(folder: &Path) -> Result<Self> {
        fs::create_dir(folder)?;
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"])
            .arg(folder);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        Ok(if mounted {
            Self::Mounted(folder.to_owned())
        } else {
            Self::Limited
        })
    }

    fn fill(&self, server: u32) -> Result<()> {
        match self {
            Self::Mounted(folder) => {
                let mut filler = File::create(folder.join("filler"))?;
                // First with much, then with what is left.
                for size in [1 << 20, 4096, 1] {
                    while filler.write_all(&vec![0; size]).is_ok() {}
                }
                Ok(())
            }
            Self::Limited => limit(server, Some(0)),
        }
    }

    fn free(&self, server: u32) -> Result<()> {
        match self {
            Self::Mounted(folder) => Ok(fs::remove_file(folder.join("filler"))?),
            Self::Limited => limit(server, None),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Self::Mounted(folder) = self {
            // Lazily: a server that a failed test leaves behind does not hold it.
            let _ = Command::new("umount").arg("-l").arg(folder).status();
        }
    }
}

/// The size that files of a process may have.
fn limit(process: u32, current: Option<u64>) -> Result<()> {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    let maximum = None;
    let limit = Rlimit { current, maximum };
    prlimit(
        Some(process.context("no process id")?),
        Resource::Fsize,
        limit,
    )?;
    Ok(())
}

/// Writes are refused, reads and online sessions go on, and the database is whole.
#[tokio::test(flavor = "multi_thread")]
async fn the_disk_is_full_and_then_has_space() -> Result<()> {
    let _turn = turn().await;
    let folder = TempDir::new()?;
    let data = folder.path().join("disk");
    let disk = Disk::new(&data)?;
    let settings = Settings::new().data(&data).survives_file_limit();
    let mut stage = Stage::new(settings).await?;
    let server = stage.server.pid()?;
    disk.fill(server)?;
    stage.endure_without_writes().await?;
    let roster = stage.get_roster().await?;
    ensure!(roster.stanza_error().is_none(), "a roster cannot be read");
    let (reader, _) = stage.server.log_in(&super::plain("tybalt")).await?;
    drop(reader);
    disk.free(server)?;
    stage.recover().await?.stop().await?;
    check(&data.join("waxwing.db"))
}

/// By Python, which has SQLite built in and is here for other tests.
fn check(database: &Path) -> Result<()> {
    let script = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check'))";
    let python = waxwing_tests::environment::clients()?.join("slixmpp/bin/python");
    let checked = Command::new(python)
        .args(["-c", script])
        .arg(database)
        .output()?;
    let said = String::from_utf8_lossy(&checked.stdout);
    ensure!(
        said.contains("'ok'"),
        "{said}{}",
        String::from_utf8_lossy(&checked.stderr)
    );
    Ok(())
}
