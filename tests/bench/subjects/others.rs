//! The servers of other projects.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, bail};
use tokio::process::Child;
use tokio::task::JoinSet;
use waxwing_tests::peers::{self, Peer, Tls};

use super::{Server, Subject};
use crate::generator::user;

/// Registrations at the same time.
const AT_ONCE: usize = 8;

/// Starts the server; `folder` holds a certificate, and data if it ran there before.
pub(super) async fn start(folder: &Path, subject: Subject, tls: bool) -> Result<(Peer, Child)> {
    let (tls, cpus) = (if tls { Tls::Required } else { Tls::Off }, subject.cpus());
    match subject.server {
        Server::Prosody => peers::prosody_on(folder, tls, &cpus).await,
        Server::Ejabberd => peers::ejabberd_on(folder, tls, &cpus).await,
        Server::Relay | Server::Waxwing | Server::Against => bail!("no server of another project"),
    }
}

pub(super) fn address(peer: &Peer) -> Result<SocketAddr> {
    let (_, address) = peer
        .listeners
        .first()
        .context("the server listens nowhere")?;
    Ok(*address)
}

/// Registers users in-band.
pub(super) async fn accounts(peer: &Peer, accounts: u32) -> Result<()> {
    let (mut tasks, mut numbers) = (JoinSet::new(), 0..accounts);
    loop {
        while tasks.len() < AT_ONCE
            && let Some(number) = numbers.next()
        {
            let peer = peer.clone();
            tasks.spawn_local(async move { peer.register(&user(number)).await });
        }
        match tasks.join_next().await {
            Some(registered) => registered??,
            None => return Ok(()),
        }
    }
}
