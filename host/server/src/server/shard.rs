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
use waxwing_plugins::Platform;

use crate::{
    c2s::{self, Endpoint, Resumptions},
    context::{ServerContext, StreamContext},
    delivery::wakeup::CrossShardWaker,
    net::listener,
};

/// Time for the sessions to end when the server stops.
const DRAIN: Duration = Duration::from_millis(4_800);
/// Pauses between attempts to accept while that is impossible: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

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

/// Starts a shard's thread.
pub(crate) fn start(
    server: Arc<ServerContext>,
    platform: Arc<Platform>,
    resumptions: Arc<Resumptions>,
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
                start_waker();
                let cx = Rc::new(StreamContext::new(server, platform.shard()));
                // Its sessions keep none of the platform alive.
                drop(platform);
                serve(&cx, &resumptions, sockets, ready).await
            })
        })?;
    Ok(Running {
        thread,
        ready: Some(is_ready),
        ended,
    })
}

/// Starts the task that wakes the shard's sessions for other shards.
#[expect(
    clippy::disallowed_methods,
    reason = "it ends with the shard's runtime, after all sessions: nothing waits for it"
)]
fn start_waker() {
    spawn_local(CrossShardWaker::serve());
}

async fn serve(
    cx: &Rc<StreamContext>,
    resumptions: &Arc<Resumptions>,
    sockets: Vec<Socket>,
    ready: oneshot::Sender<()>,
) -> io::Result<()> {
    for socket in sockets {
        let listener = tokio::net::TcpListener::from_std(socket.listener)?;
        let acceptor = Acceptor {
            cx: Rc::clone(cx),
            resumptions: Arc::clone(resumptions),
            endpoint: Rc::new(socket.endpoint),
        };
        cx.spawn(acceptor.accept(listener));
    }
    // Nobody waits for a server that gave up meanwhile.
    let _ = ready.send(());
    cx.stopping.cancelled().await;
    cx.tasks().close();
    if timeout(DRAIN, cx.tasks().wait()).await.is_err() {
        tracing::warn!(
            sessions = cx.tasks().len(),
            "sessions cut off: they did not end in time"
        );
    }
    Ok(())
}

/// Accepts the connections of one listener of a shard.
struct Acceptor {
    cx: Rc<StreamContext>,
    resumptions: Arc<Resumptions>,
    endpoint: Rc<Endpoint>,
}

impl Acceptor {
    async fn accept(self, listener: tokio::net::TcpListener) {
        let stopping = self.cx.stopping.clone();
        let accepting = async {
            let mut pause = PAUSE.0;
            loop {
                let accepted = if self.cx.server.connections.is_full() {
                    Err(io::Error::other("too many connections"))
                } else {
                    listener.accept().await
                };
                match accepted {
                    Ok((stream, address)) => {
                        pause = PAUSE.0;
                        self.begin(stream, address);
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

    fn begin(&self, stream: TcpStream, address: SocketAddr) {
        let server = &self.cx.server;
        let slot = match server.connections.slot(address.ip()) {
            Ok(slot) => slot,
            Err(limit) => {
                // Closed without a word: one that opens too many is to cost nothing.
                tracing::debug!(%address, ?limit, "connection refused");
                return server.router.limit_reached(limit);
            }
        };
        if let Err(error) = listener::prepare(&stream) {
            tracing::debug!(%error, "connection lost before it began");
            return;
        }
        // Not from within another future: that would have room for the session twice.
        self.cx.spawn(c2s::run(
            Rc::clone(&self.cx),
            Arc::clone(&self.resumptions),
            Rc::clone(&self.endpoint),
            stream,
            address,
            slot,
        ));
    }
}

/// Errors of one connection that was lost before it was accepted.
fn is_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
