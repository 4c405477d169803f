//! A start that cannot succeed says why, in one line, and exits with 1; one that can do without what is missing serves.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use waxwing_tests::server::{Printed, Settings, run};

/// Starts a server on a data folder that keeps it from serving.
async fn failed_start(data: &Path) -> Result<Printed> {
    let data = format!("data_dir={:?}", data.display().to_string());
    let listen = "listen=[{kind=\"c2s\",address=\"127.0.0.1:0\",tls=\"none\"}]";
    run(&["run", "--set", &data, "--set", listen], "").await
}

/// The reason must name the file, be the last line, and be no panic.
fn ensure_reason(printed: &Printed, file: &str) -> Result<()> {
    ensure!(printed.code == Some(1), "{file}: {printed:?}");
    ensure!(
        !printed.stderr.contains("panicked"),
        "{file}: {}",
        printed.stderr
    );
    let reason = printed.stderr.lines().last();
    let reason = reason.with_context(|| format!("{file}: no reason"))?;
    ensure!(
        reason.starts_with("waxwing: ") && reason.contains(file),
        "{file}: {reason}"
    );
    Ok(())
}

/// The platform had made the runtime of its guests when it read the file, and tokio panics where a runtime is dropped inside
/// another one.
#[tokio::test]
async fn a_file_of_choices_that_is_cut_short_is_one_clear_line() -> Result<()> {
    let data = tempfile::tempdir()?;
    std::fs::write(data.path().join("plugins.toml"), "[plugin.x")?;
    let printed = failed_start(data.path()).await?;
    ensure_reason(&printed, "plugins.toml")
}

/// Nothing can be written below /proc, whoever the tests run as.
#[tokio::test]
async fn a_cache_that_cannot_be_written_is_one_clear_line() -> Result<()> {
    let data = tempfile::tempdir()?;
    std::os::unix::fs::symlink("/proc", data.path().join("cache"))?;
    let printed = failed_start(data.path()).await?;
    ensure_reason(&printed, "cache/key")
}

/// Other programs of the user may have taken all inotify instances.
#[tokio::test]
async fn a_server_without_inotify_serves_and_says_so() -> Result<()> {
    let server = Settings::new().without_inotify().start().await?;
    server.wait_for_log("plugins folder").await?;
    let (mut client, _) = server.session("juliet").await?;
    let ping = "<ping xmlns='urn:xmpp:ping'/>";
    let answer = client.iq("get", "localhost", ping).await?;
    assert_eq!(answer.attr("type"), Some("result"), "{answer}");
    server.stop().await
}
