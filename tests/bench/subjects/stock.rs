//! Data folders with accounts and rosters in them, made once in a run and copied for each start.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::process::Command;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::client::Resumption;
use waxwing_tests::{environment, tls};

use super::{Friends, Needs, Running, Server, Subject, end, others, relay, waxwing};
use crate::generator::{Keyring, Target, Transport, friends};
use crate::report;

/// Numbers of accounts that are made: the least that is enough serves several loads.
const SIZES: [u32; 4] = [100, 1_000, 3_000, 15_000];

/// Everything that servers are started from.
pub(crate) struct Stock {
    binary: PathBuf,
    against: Option<PathBuf>,
    made: HashMap<(Subject, Needs), TempDir>,
    keyring: Keyring,
    client: Arc<ClientConfig>,
}

impl Stock {
    pub(crate) fn new(binary: Option<PathBuf>, against: Option<PathBuf>) -> Result<Self> {
        let mut client = tls::client_config(tls::Version::V13)?;
        // Each login is to cost what a first one costs.
        client.resumption = Resumption::disabled();
        Ok(Self {
            binary: binary.map_or_else(environment::binary, Ok)?,
            against,
            made: HashMap::new(),
            keyring: Keyring::default(),
            client: Arc::new(client),
        })
    }

    /// Whether there is a second binary.
    pub(crate) fn has_against(&self) -> bool {
        self.against.is_some()
    }

    /// The binary of this server, or the other one.
    pub(crate) fn binary(&self, server: Server) -> Result<&Path> {
        match server {
            Server::Against => self.against.as_deref().context("--against names no binary"),
            _ => Ok(&self.binary),
        }
    }

    /// Starts a server that has what a load needs.
    pub(crate) async fn start(
        &mut self,
        subject: Subject,
        needs: Needs,
    ) -> Result<(Running, Target)> {
        if subject.server == Server::Relay {
            let running = relay::start(subject, needs.message).await?;
            let target = Target::new(
                running.address,
                running.pid,
                Transport::Relay,
                &self.keyring,
            );
            return Ok((running, target));
        }
        let folder = self.copy(subject, needs).await?;
        let running = self.start_in(folder, subject, needs.tls).await?;
        let transport = if needs.tls {
            Transport::Tls(Arc::clone(&self.client))
        } else {
            Transport::Plain
        };
        let target = Target::new(running.address, running.pid, transport, &self.keyring);
        Ok((running, target))
    }

    async fn start_in(&self, folder: TempDir, subject: Subject, tls: bool) -> Result<Running> {
        let (address, child) = match subject.server {
            Server::Waxwing | Server::Against => {
                waxwing::configure(folder.path(), subject, tls)?;
                waxwing::start(self.binary(subject.server)?, folder.path(), subject).await?
            }
            _ => {
                let (peer, child) = others::start(folder.path(), subject, tls).await?;
                (others::address(&peer)?, child)
            }
        };
        Running::new(address, child, Some(folder))
    }

    /// A copy of the folder that has what is needed.
    async fn copy(&mut self, subject: Subject, needs: Needs) -> Result<TempDir> {
        let enough = SIZES.into_iter().find(|size| *size >= needs.accounts);
        let accounts = match needs.friends {
            Friends::None => enough.unwrap_or(needs.accounts),
            Friends::Ring(_) | Friends::Star => needs.accounts,
        };
        let wanted = Needs {
            accounts,
            tls: false,
            message: 0,
            ..needs
        };
        let key = (subject.cores(1), wanted);
        if !self.made.contains_key(&key) {
            report::progress(&format!(
                "making {accounts} accounts for {}",
                subject.name()
            ));
            let folder = self.make(subject.cores(1), wanted).await?;
            self.made.insert(key, folder);
        }
        let made = self.made.get(&key).context("the accounts are gone")?;
        let folder = tempfile::tempdir()?;
        let copied = Command::new("cp")
            .arg("--archive")
            .arg(made.path().join("."))
            .arg(folder.path())
            .status()
            .await?;
        ensure!(copied.success(), "cannot copy {}", made.path().display());
        Ok(folder)
    }

    async fn make(&self, subject: Subject, needs: Needs) -> Result<TempDir> {
        let folder = tempfile::tempdir()?;
        let path = folder.path();
        tls::write_certificate("localhost", &path.join("cert.pem"), &path.join("key.pem"))?;
        let (address, mut child) = match subject.server {
            Server::Waxwing | Server::Against => {
                let binary = self.binary(subject.server)?;
                waxwing::configure(path, subject, false)?;
                waxwing::accounts(binary, path, needs.accounts).await?;
                // The plugins are compiled once too.
                waxwing::start(binary, path, subject).await?
            }
            _ => {
                let (peer, child) = others::start(path, subject, false).await?;
                others::accounts(&peer, needs.accounts).await?;
                (others::address(&peer)?, child)
            }
        };
        let friendships = match needs.friends {
            Friends::None => Vec::new(),
            Friends::Ring(contacts) => friends::ring(needs.accounts, contacts),
            Friends::Star => friends::star(needs.accounts.saturating_sub(1)),
        };
        if !friendships.is_empty() {
            let pid = child.id().context("the server is gone")?;
            let target = Target::new(address, pid, Transport::Plain, &self.keyring);
            friends::make(&target, needs.accounts, &friendships)
                .await
                .context("making rosters")?;
        }
        end(&mut child).await?;
        Ok(folder)
    }
}
