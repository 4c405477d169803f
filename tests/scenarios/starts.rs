//! A start that cannot succeed says why, in one line, and exits with 1; one that can do without what is missing serves.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::timeout;
use waxwing_tests::server::{Printed, Settings};
use waxwing_tests::{PATIENCE, environment};

/// Starts a server on a data folder and, if it serves, has it end. What it printed and its exit code.
async fn start(data: &Path) -> Result<Printed> {
    let data_dir = format!("data_dir={:?}", data.display().to_string());
    let listen = "listen=[{kind=\"c2s\",address=\"127.0.0.1:0\",tls=\"optional\"}]";
    let mut command = environment::waxwing()?;
    command
        .args(["run", "--set", &data_dir, "--set", listen])
        .current_dir(data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().context("cannot start waxwing")?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    let mut stdout = BufReader::new(child.stdout.take().context("no stdout")?);
    let mut line = String::new();
    let whole = async {
        stdout.read_line(&mut line).await?;
        if line.starts_with("ready ") {
            kill_process(pid.and_then(Pid::from_raw).context("no pid")?, Signal::TERM)?;
        }
        anyhow::Ok(child.wait_with_output().await?)
    };
    let output = timeout(PATIENCE, whole).await;
    let output = output.context("it neither serves nor ends")??;
    Ok(Printed {
        code: output.status.code(),
        stdout: line,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// The reason must name the file, be the last line, and be no panic.
fn ensure_reason(printed: &Printed, file: &str) -> Result<()> {
    ensure!(printed.code == Some(1), "{file}: {printed:?}");
    let stderr = &printed.stderr;
    ensure!(!stderr.contains("panicked"), "{file}: {stderr}");
    let reason = stderr.lines().last().unwrap_or_default();
    ensure!(
        reason.starts_with("waxwing: ") && reason.contains(file),
        "{file}: {reason}"
    );
    Ok(())
}

/// The platform had made the runtime of its guests when it read the file, and tokio panics where a runtime is dropped
/// inside another one.
#[tokio::test]
async fn a_file_of_choices_that_is_cut_short_is_one_clear_line() -> Result<()> {
    let data = tempfile::tempdir()?;
    fs::write(data.path().join("plugins.toml"), "[plugin.x")?;
    ensure_reason(&start(data.path()).await?, "plugins.toml")
}

/// Nothing can be written below /proc, whoever the tests run as.
#[tokio::test]
async fn a_cache_that_cannot_be_written_is_one_clear_line() -> Result<()> {
    let data = tempfile::tempdir()?;
    symlink("/proc", data.path().join("cache"))?;
    ensure_reason(&start(data.path()).await?, "cache/key")
}

/// What a start reads or writes in the data folder.
const ENTRIES: [&str; 10] = [
    "waxwing.lock",
    "waxwing.db",
    "secret",
    "self-signed-cert.pem",
    "self-signed-key.pem",
    "plugins",
    "plugins.toml",
    "cache",
    "cache/key",
    "admin.sock",
];

/// What may be there instead.
#[derive(Clone, Copy, Debug)]
enum Instead {
    CutShort,
    Directory,
    Pipe,
    LinkToNothing,
}

impl Instead {
    fn put(self, path: &Path) -> Result<()> {
        match self {
            Self::CutShort => fs::write(path, "[plugin.x")?,
            Self::Directory => fs::create_dir(path)?,
            Self::Pipe => {
                let made = std::process::Command::new("mkfifo").arg(path).status()?;
                ensure!(made.success(), "mkfifo {}", path.display());
            }
            Self::LinkToNothing => symlink("nowhere/at/all", path)?,
        }
        Ok(())
    }
}

/// Whatever lies there, a start serves or names what is in its way. It waits for no pipe, and does not panic.
#[tokio::test]
async fn whatever_lies_in_the_data_folder_a_start_serves_or_says_why() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let good = folder.path().join("good");
    fs::create_dir(&good)?;
    let first = start(&good).await?;
    ensure!(first.code == Some(0), "{first:?}");
    for entry in ENTRIES {
        for instead in [
            Instead::CutShort,
            Instead::Directory,
            Instead::Pipe,
            Instead::LinkToNothing,
        ] {
            let data = folder.path().join(format!("{instead:?}"));
            let copied = std::process::Command::new("cp")
                .arg("-a")
                .args([&good, &data])
                .status()?;
            ensure!(copied.success(), "cp {}", data.display());
            let path = data.join(entry);
            if path.is_dir() {
                fs::remove_dir_all(&path)?;
            } else if path.symlink_metadata().is_ok() {
                fs::remove_file(&path)?;
            }
            instead.put(&path)?;
            let printed = start(&data).await;
            let printed = printed.with_context(|| format!("{entry}: {instead:?}"))?;
            ensure!(
                !printed.stderr.contains("panicked"),
                "{entry}: {instead:?}: {printed:?}"
            );
            if printed.code != Some(0) {
                ensure_reason(&printed, entry).with_context(|| format!("{instead:?}"))?;
            }
            fs::remove_dir_all(&data)?;
        }
    }
    Ok(())
}

/// Other programs of the user may have taken all inotify instances.
#[tokio::test]
async fn a_server_without_inotify_serves_and_looks_at_the_plugins_folder() -> Result<()> {
    let server = Settings::new()
        .config("[plugin.counter]\ngrants = [\"iq-handler\"]")
        .without_inotify()
        .start()
        .await?;
    server
        .wait_for_log("the system does not report changes in the plugins folder")
        .await?;
    let component = environment::guest("fixtures/counter.wasm")?;
    let partial = server.plugins().join("counter.partial");
    fs::copy(component, &partial)?;
    fs::rename(partial, server.plugins().join("counter.wasm"))?;
    server.wait_for_log("serving plugin=\"counter\"").await?;
    server.stop().await
}
