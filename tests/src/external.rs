//! Unmodified clients of other projects, each run as a script in a process of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;
use tokio::time::timeout;

use crate::{PATIENCE, environment};

/// Runs a script with slixmpp; `certificate` is trusted. Returns what it printed.
pub async fn slixmpp(script: &str, arguments: &[&str], certificate: &Path) -> Result<String> {
    python("slixmpp", script, arguments, certificate).await
}

/// Runs a script with a client of some years ago; `certificate` is trusted. Returns what it printed.
pub async fn older(script: &str, arguments: &[&str], certificate: &Path) -> Result<String> {
    python("older", script, arguments, certificate).await
}

async fn python(
    folder: &str,
    script: &str,
    arguments: &[&str],
    certificate: &Path,
) -> Result<String> {
    let mut command = Command::new(environment::clients()?.join(folder).join("bin/python"));
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    command.arg(scripts.join(folder).join(script));
    run(command, script, arguments, certificate).await
}

/// Runs a script with xmpp.js; `certificate` is trusted. Returns what it printed.
pub async fn xmpp_js(script: &str, arguments: &[&str], certificate: &Path) -> Result<String> {
    let folder = environment::clients()?.join("xmpp.js");
    // Node.js looks for packages from the script's own folder upwards.
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("clients/xmpp.js")
        .join(script);
    let copy = folder.join(format!("{}-{script}", std::process::id()));
    std::fs::copy(&source, &copy).with_context(|| format!("cannot copy {}", source.display()))?;
    let mut command = Command::new("node");
    command.arg(&copy);
    let printed = run(command, script, arguments, certificate).await;
    std::fs::remove_file(&copy).with_context(|| format!("cannot remove {}", copy.display()))?;
    printed
}

/// Runs the client made with tokio-xmpp, which cargo builds beside the tests. Returns what it printed.
pub async fn tokio_xmpp(arguments: &[&str], certificate: &Path) -> Result<String> {
    let program = example("tokio-xmpp-client")?;
    let what = "the client with tokio-xmpp";
    for _ in 0..RUNS {
        let running = run(Command::new(&program), what, arguments, certificate);
        if let Ok(ended) = timeout(HANGS_AFTER, running).await {
            return ended;
        }
    }
    bail!("{what} does not end")
}

/// Runs the client that becomes a contact and resumes its stream, made with tokio-xmpp. Returns what it printed.
pub async fn tokio_xmpp_contacts(arguments: &[&str], certificate: &Path) -> Result<String> {
    let program = Command::new(example("tokio-xmpp-contacts")?);
    run(
        program,
        "the contact with tokio-xmpp",
        arguments,
        certificate,
    )
    .await
}

/// A program that cargo builds beside the tests.
fn example(name: &str) -> Result<PathBuf> {
    let tests = std::env::current_exe().context("cannot tell where the tests are")?;
    let profile = tests.parent().and_then(Path::parent);
    let profile = profile.context("the tests lie in no folder of cargo's")?;
    Ok(profile.join("examples").join(name))
}

/// tokio-xmpp 6.0 may miss a wake-up: `StanzaReceiver::poll_next` is pending without a waker while the other half is in use. A client that
/// hangs for that reason, with what it waits for received, says nothing about the server; it is run so often at most.
const RUNS: u32 = 5;
/// A client that takes so long hangs.
const HANGS_AFTER: Duration = Duration::from_secs(20);

async fn run(
    mut command: Command,
    what: &str,
    arguments: &[&str],
    certificate: &Path,
) -> Result<String> {
    command
        .args(arguments)
        // Where OpenSSL (Python), Node.js and rustls-native-certs look for certificates to trust.
        .env("SSL_CERT_FILE", certificate)
        .env("NODE_EXTRA_CA_CERTS", certificate)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let child = command.spawn().with_context(|| {
        format!("cannot start {what}; run `cargo xtask test`, which installs what it needs")
    })?;
    let output = timeout(PATIENCE, child.wait_with_output())
        .await
        .with_context(|| format!("{what} does not end"))??;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{what} failed ({})\nstdout: {stdout}\nstderr: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(stdout)
}
