//! This server: its configuration, its accounts, and plugins that look at every message.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use memchr::memmem;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use waxwing_tests::client::login::password_of;
use waxwing_tests::{PATIENCE, environment};

use super::{Instances, Subject};
use crate::generator::{jid_of, user};

/// The plugin that reads the sender and the body of each chat message, by the instances that it wants; all names are as long.
fn hook(instances: Instances) -> &'static str {
    match instances {
        Instances::Free => "reads-two",
        Instances::OfGroup => "reads-key",
        Instances::New => "reads-new",
    }
}

/// What is off for every server: limits of traffic.
const LIMITS: &str = "[limits]\nstanzas_per_second = 0\nbytes_per_second = 0\n\
                      connections_per_address = 0\nconnections_per_second_per_address = 0\n";

/// The name of one of several plugins that are the same; as long as that of the first.
fn hook_name(number: u32) -> String {
    format!("reads-{number:03}")
}

/// Writes configuration and plugins into a folder.
pub(super) fn configure(folder: &Path, subject: Subject, tls: bool) -> Result<()> {
    let path = |name: &str| serde_json::to_string(&folder.join(name).to_string_lossy());
    let policy = if tls { "required" } else { "none" };
    let mut toml = format!(
        "data_dir = {}\n[[host]]\ndomain = \"localhost\"\n\
         [[listen]]\nkind = \"c2s\"\naddress = \"127.0.0.1:0\"\ntls = \"{policy}\"\n\
         [tls]\ncertificate = {}\nprivate_key = {}\n{LIMITS}",
        path("data")?,
        path("cert.pem")?,
        path("key.pem")?
    );
    for number in 0..subject.hooks {
        writeln!(
            toml,
            "[plugin.{}]\ngrants = [\"inbound\"]",
            hook_name(number)
        )?;
    }
    std::fs::write(folder.join("waxwing.toml"), toml)?;
    hooks(
        &folder.join("data/plugins"),
        hook(subject.instances),
        subject.hooks,
    )
}

/// The same plugin under several names: each name is one plugin more, with instances of its own.
fn hooks(folder: &Path, hook: &str, count: u32) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let component = environment::guest(&format!("fixtures/{hook}.wasm"))?;
    let component = std::fs::read(component)?;
    let places: Vec<usize> = memmem::find_iter(&component, hook).collect();
    ensure!(
        !places.is_empty(),
        "the plugin {hook} does not hold its name"
    );
    for number in 0..count {
        let (name, mut renamed) = (hook_name(number), component.clone());
        for place in &places {
            let at = renamed.get_mut(*place..*place + hook.len());
            at.context("a name beyond the end")?
                .copy_from_slice(name.as_bytes());
        }
        std::fs::write(folder.join(format!("{name}.wasm")), renamed)?;
    }
    Ok(())
}

/// Makes accounts; the server does not run.
pub(super) async fn accounts(binary: &Path, folder: &Path, accounts: u32) -> Result<()> {
    let mut lines = String::new();
    for number in 0..accounts {
        writeln!(lines, "{}\t{}", jid_of(number), password_of(&user(number)))?;
    }
    let file = folder.join("accounts.tsv");
    std::fs::write(&file, lines)?;
    let mut command = Command::new(binary);
    environment::remove_variables(&mut command);
    let added = command
        .args(["user", "add", "--from"])
        .arg(&file)
        .arg("--config")
        .arg(folder.join("waxwing.toml"))
        .output()
        .await?;
    let said = String::from_utf8_lossy(&added.stderr);
    ensure!(added.status.success(), "waxwing user add: {said}");
    Ok(())
}

/// Starts it and waits until it is ready.
pub(super) async fn start(
    binary: &Path,
    folder: &Path,
    subject: Subject,
) -> Result<(SocketAddr, Child)> {
    let log = folder.join("waxwing.log");
    let mut command = Command::new("taskset");
    environment::remove_variables(&mut command);
    command
        .arg("--cpu-list")
        .arg(subject.cpus())
        .arg(binary)
        .args(["run", "--config"])
        .arg(folder.join("waxwing.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(&log)?)
        .kill_on_drop(true);
    let mut child = command
        .spawn()
        .context("cannot start taskset; it is in the package util-linux")?;
    let stdout = child.stdout.take().context("no stdout")?;
    let line = timeout(PATIENCE, BufReader::new(stdout).lines().next_line()).await??;
    let log = std::fs::read_to_string(log).unwrap_or_default();
    let Some(line) = line else {
        bail!("the server ended: {log}");
    };
    for number in 0..subject.hooks {
        // Without its hooks the figures would be those of another server.
        let serving = format!("serving plugin=\"{}\"", hook_name(number));
        ensure!(
            log.contains(&serving),
            "{} does not serve: {log}",
            hook_name(number)
        );
    }
    let mut words = line.split_whitespace();
    let address = words.find_map(|pair| pair.strip_prefix("c2s="));
    let address = address.context("no c2s= in the ready line")?.parse()?;
    Ok((address, child))
}
