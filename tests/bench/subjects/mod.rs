//! What is measured: servers, each started from nothing but accounts that were made before.

mod others;
pub(crate) mod relay;
mod stock;
mod waxwing;

use std::net::SocketAddr;

use anyhow::{Context, Result};
use clap::ValueEnum;
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::process::Child;
use tokio::time::timeout;
use waxwing_tests::PATIENCE;

pub(crate) use stock::Stock;

/// A server that can be measured.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Server {
    /// A relay that only copies bytes: the floor of what any server takes
    Relay,
    /// This server
    Waxwing,
    /// The binary that --against names
    Against,
    /// Prosody as Debian packages it
    Prosody,
    /// ejabberd as Debian packages it
    Ejabberd,
}

/// Which instance of a plugin judges a message.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Instances {
    /// One that is free; while calls end at once that is always the same.
    #[default]
    Free,
    /// That of the sender's group, of 32.
    OfGroup,
    /// A new one.
    New,
}

/// A server with what makes a difference to the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Subject {
    pub(crate) server: Server,
    /// Plugins that judge every message: each reads the sender and the body.
    pub(crate) hooks: u32,
    #[serde(default)]
    pub(crate) instances: Instances,
    /// Processors of the server; this server has a shard on each.
    pub(crate) cores: u32,
}

impl Subject {
    pub(crate) fn new(server: Server) -> Self {
        Self {
            server,
            hooks: 0,
            instances: Instances::Free,
            cores: 1,
        }
    }

    pub(crate) fn hooks(mut self, hooks: u32) -> Self {
        self.hooks = hooks;
        self
    }

    pub(crate) fn instances(mut self, instances: Instances) -> Self {
        self.instances = instances;
        self
    }

    pub(crate) fn cores(mut self, cores: u32) -> Self {
        self.cores = cores;
        self
    }

    pub(crate) fn name(self) -> String {
        let server = match self.server {
            Server::Relay => "relay",
            Server::Waxwing => "Waxwing",
            Server::Against => "Waxwing, other binary",
            Server::Prosody => "Prosody",
            Server::Ejabberd => "ejabberd",
        };
        let hooks = match self.hooks {
            0 => String::new(),
            1 => ", 1 hook".to_owned(),
            hooks => format!(", {hooks} hooks"),
        };
        let instances = match self.instances {
            Instances::Free => "",
            Instances::OfGroup => ", 32 instances",
            Instances::New => ", a new instance each time",
        };
        let cores = match self.cores {
            1 => String::new(),
            cores => format!(", {cores} shards"),
        };
        format!("{server}{hooks}{instances}{cores}")
    }

    /// The processors that it may use: the first ones.
    fn cpus(self) -> String {
        format!("0-{}", self.cores.saturating_sub(1))
    }
}

/// What a load wants of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Needs {
    /// Users that have accounts, from the first on.
    pub(crate) accounts: u32,
    pub(crate) friends: Friends,
    /// TLS is required, where it is otherwise off.
    pub(crate) tls: bool,
    /// Octets of a message: what the relay reads at once.
    pub(crate) message: u32,
}

/// Who is on whose roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Friends {
    None,
    /// Each user has so many contacts.
    Ring(u32),
    /// The first user has all others as contacts.
    Star,
}

/// A server that was started; the folder goes with it.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
    child: Child,
    _folder: Option<TempDir>,
}

impl Running {
    fn new(address: SocketAddr, child: Child, folder: Option<TempDir>) -> Result<Self> {
        let pid = child.id().context("the server is gone")?;
        Ok(Self {
            address,
            pid,
            child,
            _folder: folder,
        })
    }

    /// Ends the server and what it started.
    pub(crate) async fn stop(mut self) -> Result<()> {
        end(&mut self.child).await
    }
}

/// Ends a process in good order, or else at once.
async fn end(child: &mut Child) -> Result<()> {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    if let Some(pid) = pid.and_then(Pid::from_raw) {
        rustix::process::kill_process(pid, Signal::TERM)?;
    }
    if timeout(PATIENCE, child.wait()).await.is_err() {
        child.kill().await?;
    }
    Ok(())
}
