//! A shard: one thread with a runtime of its own, its share of every listener, and the sessions that it accepted.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    rc::Rc,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    net::TcpStream,
    runtime::{Builder, LocalOptions},
    sync::oneshot,
    task::spawn_local,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use waxwing_xml::Limits;

use super::Server;
use crate::{
    c2s::{self, Endpoint},
    delivery::{buffers::Buffers, mailbox::Bounds, wakeup::CrossShardWaker},
    net::listener,
};

/// Time for the sessions to end when the server stops.
const DRAIN: Duration = Duration::from_millis(4_800);
/// Pauses between attempts to accept while that is impossible: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

/// What the sessions of a shard share. It never leaves its thread.
pub(crate) struct Shard {
    pub(crate) server: Arc<Server>,
    pub(crate) plugins: waxwing_plugins::Shard,
    pub(crate) buffers: Buffers,
    pub(crate) limits: StreamLimits,
    /// Cancelled when the server stops.
    pub(crate) stopping: CancellationToken,
    tasks: TaskTracker,
}

/// How much XML a client may have outstanding, and how much it may send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StreamLimits {
    pub(crate) pre_auth: Limits,
    pub(crate) stanza: Limits,
    /// 0: no limit.
    pub(crate) stanzas_per_second: u32,
    /// The same.
    pub(crate) bytes_per_second: u32,
    /// How much may wait for a client.
    pub(crate) outbound: Bounds,
}

/// A listener of one shard.
pub(crate) struct Socket {
    pub(crate) endpoint: Endpoint,
    pub(crate) listener: TcpListener,
}

/// A shard's thread.
#[derive(Debug)]
pub(crate) struct Running {
    thread: JoinHandle<io::Result<()>>,
    ready: Option<oneshot::Receiver<()>>,
    ended: oneshot::Receiver<()>,
}

impl Running {
    /// Waits until the shard accepts connections.
    pub(crate) async fn ready(&mut self) -> anyhow::Result<()> {
        if let Some(ready) = self.ready.take() {
            ready
                .await
                .map_err(|_| anyhow::anyhow!("a shard did not start; see the log"))?;
        }
        Ok(())
    }

    /// Waits until the shard has ended.
    pub(crate) async fn ended(self) {
        // An error means the same: the thread is over.
        drop(self.ended.await);
        match self.thread.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "a shard failed"),
            Err(_) => tracing::error!("a shard panicked"),
        }
    }
}

impl Shard {
    /// Runs something beside the sessions. The server does not stop before it has ended, or its time is over.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        self.tasks.spawn_local(work);
    }
}

/// Starts a shard's thread.
pub(crate) fn start(
    server: Arc<Server>,
    index: usize,
    sockets: Vec<Socket>,
) -> io::Result<Running> {
    let (ready, is_ready) = oneshot::channel();
    let (end, ended) = oneshot::channel::<()>();
    let thread = thread::Builder::new()
        .name(format!("shard-{index}"))
        .stack_size(waxwing_plugins::CALLERS_STACK)
        .spawn(move || {
            let _end = end;
            let runtime = Builder::new_current_thread()
                .enable_all()
                .build_local(LocalOptions::default())?;
            runtime.block_on(async {
                // It ends with the runtime.
                spawn_local(CrossShardWaker::serve());
                serve(server, sockets, ready).await
            })
        })?;
    Ok(Running {
        thread,
        ready: Some(is_ready),
        ended,
    })
}

async fn serve(
    server: Arc<Server>,
    sockets: Vec<Socket>,
    ready: oneshot::Sender<()>,
) -> io::Result<()> {
    let shard = Rc::new(Shard {
        plugins: server.platform.shard(),
        buffers: Buffers::default(),
        limits: server.limits,
        stopping: server.stopping.clone(),
        tasks: TaskTracker::new(),
        server,
    });
    for socket in sockets {
        let listener = tokio::net::TcpListener::from_std(socket.listener)?;
        let accept = accept(Rc::clone(&shard), listener, Rc::new(socket.endpoint));
        shard.spawn(accept);
    }
    // Nobody waits for a server that gave up meanwhile.
    let _ = ready.send(());
    shard.stopping.cancelled().await;
    shard.tasks.close();
    if timeout(DRAIN, shard.tasks.wait()).await.is_err() {
        tracing::warn!(
            sessions = shard.tasks.len(),
            "sessions cut off: they did not end in time"
        );
    }
    Ok(())
}

async fn accept(shard: Rc<Shard>, listener: tokio::net::TcpListener, endpoint: Rc<Endpoint>) {
    let stopping = shard.stopping.clone();
    let accepting = async {
        let mut pause = PAUSE.0;
        loop {
            let accepted = if shard.server.connections.is_full() {
                Err(io::Error::other("too many connections"))
            } else {
                listener.accept().await
            };
            match accepted {
                Ok((stream, address)) => {
                    pause = PAUSE.0;
                    begin(&shard, &endpoint, stream, address);
                }
                Err(error) if is_peers(&error) => {}
                Err(error) => {
                    sleep(pause).await;
                    let next = pause.saturating_mul(2).min(PAUSE.1);
                    if next != pause && next == PAUSE.1 {
                        // Once, however long it lasts.
                        tracing::warn!(%error, "cannot accept connections just now");
                    }
                    pause = next;
                }
            }
        }
    };
    tokio::select! {
        () = stopping.cancelled() => {}
        () = accepting => {}
    }
}

/// Errors of one connection that was lost before it was accepted.
fn is_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

fn begin(shard: &Rc<Shard>, endpoint: &Rc<Endpoint>, stream: TcpStream, address: SocketAddr) {
    let slot = match shard.server.connections.slot(address.ip()) {
        Ok(slot) => slot,
        Err(limit) => {
            // Closed without a word: one that opens too many is to cost nothing.
            tracing::debug!(%address, ?limit, "connection refused");
            return shard.server.router.limit_reached(limit);
        }
    };
    if let Err(error) = listener::prepare(&stream) {
        tracing::debug!(%error, "connection lost before it began");
        return;
    }
    // Not from within another future: that would have room for the session twice.
    shard.spawn(c2s::run(
        Rc::clone(shard),
        Rc::clone(endpoint),
        stream,
        address,
        slot,
    ));
}
