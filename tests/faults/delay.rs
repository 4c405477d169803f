//! The way to a database on another machine: what goes by it comes later.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UnixStream},
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep_until},
};

/// Listens on a port, and passes on to a socket and back. What comes back is late.
pub(crate) struct Delay {
    pub(crate) port: u16,
    millis: Arc<AtomicU64>,
    listening: JoinHandle<()>,
}

impl Delay {
    pub(crate) async fn new(socket: PathBuf) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let millis = Arc::new(AtomicU64::new(0));
        let delay = Arc::clone(&millis);
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if let Ok(server) = UnixStream::connect(&socket).await {
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::spawn(pass(from_client, to_server, Arc::default()));
                    tokio::spawn(pass(from_server, to_client, Arc::clone(&delay)));
                }
            }
        });
        Ok(Self {
            port,
            millis,
            listening,
        })
    }

    /// How late what comes from now on is.
    pub(crate) fn set(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.millis.store(millis, Ordering::Relaxed);
    }
}

impl Drop for Delay {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Passes octets on, each as late as it was said when they came.
async fn pass(
    mut from: impl AsyncReadExt + Unpin + Send + 'static,
    mut to: impl AsyncWriteExt + Unpin,
    delay: Arc<AtomicU64>,
) {
    let (queue, mut queued) = mpsc::channel::<(Instant, Vec<u8>)>(1024);
    tokio::spawn(async move {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(number @ 1..) = from.read(&mut buffer).await {
            let late = Duration::from_millis(delay.load(Ordering::Relaxed));
            let octets = buffer.get(..number).unwrap_or_default().to_vec();
            if queue.send((Instant::now() + late, octets)).await.is_err() {
                return;
            }
        }
    });
    while let Some((when, octets)) = queued.recv().await {
        sleep_until(when).await;
        if to.write_all(&octets).await.is_err() {
            return;
        }
    }
    // That it is over is passed on too.
    let _ = to.shutdown().await;
}
