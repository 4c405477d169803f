//! A plugin from `waxwing plugin new` to the running server.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use waxwing_tests::server::Settings;
use waxwing_tests::{Server, environment};

/// How long a plugin and its SDK may take to compile, with all that they depend on.
const BUILD: Duration = Duration::from_mins(5);

/// Where what the plugin depends on is compiled once; cargo made it for these tests.
fn shared() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugin-new")
}

/// Runs `waxwing plugin` as a developer does, without a server or a configuration.
async fn plugin(arguments: &[&str], folder: &Path) -> Result<Output> {
    let mut command = environment::waxwing()?;
    command
        .current_dir(folder)
        .arg("plugin")
        .args(arguments)
        .env("CARGO_TARGET_DIR", shared())
        .kill_on_drop(true);
    tokio::time::timeout(BUILD, command.output())
        .await
        .with_context(|| format!("waxwing plugin {arguments:?} does not end"))?
        .context("cannot start waxwing")
}

/// What it printed; it must succeed.
async fn succeeds(arguments: &[&str], folder: &Path) -> Result<String> {
    let output = plugin(arguments, folder).await?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{arguments:?}: {stderr}");
    Ok(String::from_utf8(output.stdout)?)
}

/// The signed text of a message to oneself.
async fn sent_to_oneself(server: &Server) -> Result<String> {
    let (mut juliet, jid) = server.session("juliet").await?;
    juliet
        .send(&format!(
            "<message to='{jid}' type='chat'><body>hi</body></message>"
        ))
        .await?;
    let (_, body) = juliet.message().await?;
    juliet.close().await?;
    Ok(body)
}

#[tokio::test]
async fn a_new_plugin_is_built_checked_installed_and_acts() -> Result<()> {
    // In the same place each time: another path would be another package to compile.
    let folder = shared().join("source");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    succeeds(&["new", "signature", "--language", "rust"], &folder).await?;
    let again = plugin(&["new", "signature"], &folder).await?;
    let refused = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(refused.contains("is there already"), "{refused}");

    let printed = succeeds(&["build", "signature"], &folder).await?;
    let component = folder.join("signature/signature.wasm");
    assert!(printed.contains("signature.wasm"), "{printed}");
    let finished = succeeds(&["build", "signature/signature.wasm"], &folder).await?;
    assert!(finished.contains("is a finished component"), "{finished}");

    // The core module that cargo left is what another tool would hand over.
    let module = shared().join("wasm32-unknown-unknown/release/signature.wasm");
    let module = module.display().to_string();
    succeeds(&["build", &module, "--output", "other.wasm"], &folder).await?;
    assert_eq!(
        std::fs::read(&component)?,
        std::fs::read(folder.join("other.wasm"))?
    );

    acts(&component.display().to_string()).await
}

async fn acts(component: &str) -> Result<()> {
    let server = Settings::new().start().await?;
    let checked = server.cli(&["plugin", "check", component]).await?;
    assert!(
        checked
            .stdout
            .starts_with("signature 0.1.0: signs chat messages"),
        "{checked:?}"
    );
    let installed = server
        .cli(&["plugin", "install", component, "--grant", "inbound"])
        .await?;
    assert_eq!(installed.code, Some(0), "{}", installed.stderr);
    assert_eq!(sent_to_oneself(&server).await?, "hi (signed)");
    server.stop().await
}
