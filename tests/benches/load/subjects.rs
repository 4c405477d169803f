//! The servers that are measured, each started from nothing with the accounts of the load.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use rustix::process::{Pid, Signal};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use waxwing_tests::client::login::password_of;
use waxwing_tests::peers::{self, Peer, Tls};
use waxwing_tests::{PATIENCE, environment};

use crate::generator::{self, Load};

/// A server that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    /// This server
    Waxwing,
    /// This server with the plugin word-filter judging every message
    WaxwingFiltered,
    /// Prosody as Debian packages it
    Prosody,
    /// ejabberd as Debian packages it
    Ejabberd,
}

impl Subject {
    pub(crate) const ALL: [Self; 4] = [
        Self::Waxwing,
        Self::WaxwingFiltered,
        Self::Prosody,
        Self::Ejabberd,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Waxwing => "Waxwing",
            Self::WaxwingFiltered => "Waxwing, each message filtered",
            Self::Prosody => "Prosody",
            Self::Ejabberd => "ejabberd",
        }
    }
}

/// A server that was started.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
    child: Child,
}

impl Running {
    fn new(address: SocketAddr, child: Child) -> Result<Self> {
        let pid = child.id().context("the server is gone")?;
        Ok(Self {
            address,
            pid,
            child,
        })
    }

    /// Ends the server and what it started.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            rustix::process::kill_process(pid, Signal::TERM)?;
        }
        if timeout(PATIENCE, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }
}

/// Starts a server on one processor, with the accounts that the load needs.
pub(crate) async fn start(
    subject: Subject,
    folder: &Path,
    load: &Load,
    cpu: usize,
) -> Result<Running> {
    let (peer, child) = match subject {
        Subject::Waxwing => return waxwing(folder, load, cpu, false).await,
        Subject::WaxwingFiltered => return waxwing(folder, load, cpu, true).await,
        Subject::Prosody => peers::prosody_on(folder, Tls::Off, Some(cpu)).await?,
        Subject::Ejabberd => peers::ejabberd_on(folder, Some(cpu)).await?,
    };
    register(&peer, load).await?;
    let (_, address) = peer
        .listeners
        .first()
        .context("the server listens nowhere")?;
    Running::new(*address, child)
}

async fn register(peer: &Peer, load: &Load) -> Result<()> {
    for pair in 0..load.pairs {
        let (sender, receiver) = generator::users(pair);
        peer.register(&sender).await?;
        peer.register(&receiver).await?;
    }
    Ok(())
}

async fn waxwing(folder: &Path, load: &Load, cpu: usize, filtered: bool) -> Result<Running> {
    let binary = environment::binary()?;
    let config = folder.join("waxwing.toml");
    let data = serde_json::to_string(&folder.join("data").to_string_lossy())?;
    let mut toml = format!(
        "data_dir = {data}\n[[listen]]\nkind = \"c2s\"\naddress = \"127.0.0.1:0\"\ntls = \"none\"\n"
    );
    if filtered {
        let plugins = folder.join("data/plugins");
        std::fs::create_dir_all(&plugins)?;
        std::fs::copy(
            environment::guest("examples/word-filter.wasm")?,
            plugins.join("word-filter.wasm"),
        )?;
        toml.push_str(
            "[plugin.word-filter]\ngrants = [\"inbound\"]\n\
             [plugin.word-filter.config]\nwords = [\"apple\", \"banana\", \"cherry\", \"damson\"]\naction = \"mask\"\n",
        );
    }
    std::fs::write(&config, toml)?;
    let accounts = folder.join("accounts.tsv");
    std::fs::write(&accounts, account_lines(load)?)?;
    let added = environment::waxwing()?
        .args(["user", "add", "--from"])
        .arg(&accounts)
        .arg("--config")
        .arg(&config)
        .output()
        .await?;
    ensure!(
        added.status.success(),
        "waxwing user add: {}",
        String::from_utf8_lossy(&added.stderr)
    );

    let mut command = Command::new("taskset");
    environment::remove_variables(&mut command);
    command
        .arg("--cpu-list")
        .arg(cpu.to_string())
        .arg(&binary)
        .args(["run", "--config"])
        .arg(&config);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(folder.join("waxwing.log"))?)
        .kill_on_drop(true);
    let mut child = command
        .spawn()
        .context("cannot start taskset; it is in the package util-linux")?;
    let stdout = child.stdout.take().context("no stdout")?;
    let line = timeout(PATIENCE, BufReader::new(stdout).lines().next_line()).await??;
    let Some(line) = line else {
        bail!(
            "the server ended: {}",
            std::fs::read_to_string(folder.join("waxwing.log")).unwrap_or_default()
        );
    };
    let address = line
        .split_whitespace()
        .find_map(|pair| pair.strip_prefix("c2s="))
        .context("no c2s= in the ready line")?;
    if filtered {
        // A filter that was refused would make the figures those of a server without one.
        let log = std::fs::read_to_string(folder.join("waxwing.log"))?;
        ensure!(
            log.contains("serving plugin=\"word-filter\""),
            "word-filter does not serve: {log}"
        );
    }
    Running::new(address.parse()?, child)
}

fn account_lines(load: &Load) -> Result<String> {
    let mut lines = String::new();
    for pair in 0..load.pairs {
        let (sender, receiver) = generator::users(pair);
        for user in [sender, receiver] {
            writeln!(lines, "{user}@localhost\t{}", password_of(&user))?;
        }
    }
    Ok(lines)
}
