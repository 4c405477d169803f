//! A relay between a client and the server, whose connections are cut, or hang, when a test wants it: as a network does that fails.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A running relay; it ends when it is dropped.
#[derive(Debug)]
pub struct Relay {
    /// Where clients connect.
    pub address: SocketAddr,
    fate: watch::Sender<Fate>,
}

/// What becomes of the connections that there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Fate {
    /// How often they were cut.
    cuts: u64,
    /// How often they were made to hang.
    hangs: u64,
}

impl Relay {
    /// Starts a relay to a server.
    pub async fn start(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (fate, seen) = watch::channel(Fate::default());
        tokio::spawn(serve(listener, server, seen));
        Ok(Self { address, fate })
    }

    /// Cuts all connections that there are. New ones are relayed again.
    pub fn cut(&self) {
        self.fate
            .send_modify(|fate| fate.cuts = fate.cuts.saturating_add(1));
    }

    /// Lets all connections that there are hang: they stay, what comes is taken and goes nowhere, either way. New ones are relayed.
    pub fn hang(&self) {
        self.fate
            .send_modify(|fate| fate.hangs = fate.hangs.saturating_add(1));
    }
}

async fn serve(
    listener: TcpListener,
    server: SocketAddr,
    mut fate: watch::Receiver<Fate>,
) -> Result<()> {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // It concerns what there is; the end of the relay is an error here.
            changed = fate.changed() => {
                changed?;
                continue;
            }
        };
        let (client, _) = accepted.context("cannot accept")?;
        tokio::spawn(relay(client, server, fate.clone()));
    }
}

async fn relay(
    mut client: TcpStream,
    server: SocketAddr,
    fate: watch::Receiver<Fate>,
) -> Result<()> {
    let mut server = TcpStream::connect(server).await?;
    let begun = *fate.borrow();
    let mut cut = fate.clone();
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let is_over = || *fate.borrow() != begun;
    let passing = async {
        tokio::try_join!(
            pass(from_client, to_server, is_over),
            pass(from_server, to_client, is_over)
        )
    };
    tokio::select! {
        ended = passing => ended.map(drop),
        cut = cut.wait_for(|fate| fate.cuts != begun.cuts) => Ok(cut.map(drop)?),
    }
}

/// Passes on what comes, until it ends; nothing, not even the end, once the connection is to hang or to be cut: what is sent after that
/// was said never arrives.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    is_over: impl Fn() -> bool,
) -> Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let number = from.read(&mut buffer).await?;
        match buffer.get(..number) {
            _ if is_over() && number > 0 => {}
            _ if is_over() => return Ok(()),
            Some(bytes @ [_, ..]) => to.write_all(bytes).await?,
            _ => return Ok(to.shutdown().await?),
        }
    }
}
