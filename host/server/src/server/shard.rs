//! A shard: one thread with a runtime of its own, its share of every listener, and the sessions that it accepted.

use std::{
    cell::Cell,
    io,
    net::{SocketAddr, TcpListener},
    rc::Rc,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
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
    net::{connection_limits::ConnectionSlot, listener, proxy_protocol},
};

/// Time for the sessions to end when the server stops.
const DRAIN: Duration = Duration::from_millis(4_800);
/// Pauses between attempts to accept while that is impossible: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

/// Time for a proxy to send its header. The specification asks for 3 seconds at least, so that one packet may be lost.
const HEADER: Duration = Duration::from_secs(5);
/// Time between two warnings about the proxies of a listener.
const WARN_EVERY: Duration = Duration::from_mins(1);

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
        let acceptor = Rc::new(Acceptor {
            cx: Rc::clone(cx),
            resumptions: Arc::clone(resumptions),
            endpoint: Rc::new(socket.endpoint),
            proxy_warnings: Warnings::default(),
        });
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
    proxy_warnings: Warnings,
}

impl Acceptor {
    async fn accept(self: Rc<Self>, listener: tokio::net::TcpListener) {
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
                        let mut proxies = self.endpoint.trusted_proxies.iter();
                        if proxies.any(|network| network.contains(address.ip())) {
                            let waiting = self.cx.server.connections.unassigned();
                            let begun = Rc::clone(&self).begin_for_proxy(stream, address, waiting);
                            self.cx.spawn(begun);
                        } else {
                            self.begin(stream, address);
                        }
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

    /// Reads the header of a trusted proxy, then begins the session of the client that it names. A connection without a header is
    /// closed, since the server would otherwise believe a header of the client's own.
    async fn begin_for_proxy(
        self: Rc<Self>,
        mut stream: TcpStream,
        proxy: SocketAddr,
        waiting: ConnectionSlot,
    ) {
        let reading = timeout(HEADER, proxy_protocol::read(&mut stream));
        let Some(read) = self.cx.stopping.run_until_cancelled(reading).await else {
            return;
        };
        match read.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(Some(header)) => {
                // It counts for its client from here on.
                drop(waiting);
                self.begin(stream, header.client(proxy));
            }
            Ok(None) => tracing::debug!(%proxy, "a trusted proxy connected and closed"),
            Err(error) if is_proxys_fault(&error) && self.proxy_warnings.is_due() => {
                tracing::warn!(%proxy, %error, "connection of a trusted proxy closed; it must send the PROXY protocol");
            }
            Err(error) => tracing::debug!(%proxy, %error, "connection of a trusted proxy lost"),
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

/// Whether the proxy sent something else than a header, or nothing. Connections that end early are health checks.
fn is_proxys_fault(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::TimedOut
    )
}

/// Limits warnings about proxies: any client behind one could cause them.
#[derive(Debug, Default)]
struct Warnings {
    last: Cell<Option<Instant>>,
}

impl Warnings {
    /// True once in [`WARN_EVERY`].
    fn is_due(&self) -> bool {
        let now = Instant::now();
        let recent = self.last.get().map(|last| now.duration_since(last));
        let due = recent.is_none_or(|since| since >= WARN_EVERY);
        if due {
            self.last.set(Some(now));
        }
        due
    }
}
