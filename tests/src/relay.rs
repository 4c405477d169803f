//! A relay between a client and the server, whose connections are cut when a test wants it: as a network does that fails.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A running relay; it ends when it is dropped.
#[derive(Debug)]
pub struct Relay {
    /// Where clients connect.
    pub address: SocketAddr,
    cut: watch::Sender<u64>,
}

impl Relay {
    /// Starts a relay to a server.
    pub async fn start(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (cut, seen) = watch::channel(0);
        tokio::spawn(serve(listener, server, seen));
        Ok(Self { address, cut })
    }

    /// Cuts all connections that there are. New ones are relayed again.
    pub fn cut(&self) {
        self.cut
            .send_modify(|times| *times = times.saturating_add(1));
    }
}

async fn serve(
    listener: TcpListener,
    server: SocketAddr,
    mut cut: watch::Receiver<u64>,
) -> Result<()> {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // What is cut is what there is; the end of the relay is an error here.
            changed = cut.changed() => {
                changed?;
                continue;
            }
        };
        let (mut client, _) = accepted.context("cannot accept")?;
        let mut cut = cut.clone();
        tokio::spawn(async move {
            let mut server = TcpStream::connect(server).await?;
            cut.mark_unchanged();
            tokio::select! {
                copied = copy_bidirectional(&mut client, &mut server) => copied.map(drop),
                _ = cut.changed() => Ok(()),
            }
        });
    }
}
