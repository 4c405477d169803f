//! The server: what it is made of, and its life from start to stop.

mod admin_handler;
mod metrics;
mod metrics_endpoint;
pub(crate) mod shard;

use std::{io::Write as _, num::NonZero, sync::Arc, thread, time::Duration};

use anyhow::Context as _;
use tokio::{
    net::TcpListener,
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use waxwing_plugins::Platform;
use waxwing_storage::{Storage, StorageError};
use waxwing_xml::Limits;
use waxwing_xmpp::stream::{Settings, TlsPolicy};

use self::{
    metrics::Metrics,
    shard::{Running, Socket, StreamLimits},
};
use crate::{
    accounts::{Accounts, password_hashing::HashPool, secret},
    admin::{self, AdminHandler},
    c2s::{Endpoint, Resumptions},
    config::{self, Config, Kind, Listener, Sources},
    delivery::{
        liveness,
        mailbox::End,
        spool_queue::{SpoolQueue, SpoolTask},
    },
    net::{
        connection_limits::ConnectionLimits,
        listener::{self, Bound},
        tls::Tls,
    },
    offline::Offline,
    plugins,
    roster::{ROSTER_JOB_QUEUE, RosterService},
    router::Router,
};

/// Authentication attempts after the first: as many as RFC 6120 §6.4.5 allows. Clients go through mechanisms that they know and the server does
/// not serve as they mean, slixmpp 1.8.3 through six, before they come to one that works.
const AUTH_RETRIES: u8 = 5;

/// Everything that the shards share.
pub(crate) struct Server {
    /// The domains served, the default one first.
    pub(crate) domains: Vec<String>,
    pub(crate) router: Arc<Router>,
    pub(crate) accounts: Accounts,
    pub(crate) rosters: Arc<RosterService>,
    pub(crate) offline: Arc<Offline>,
    pub(crate) resumptions: Arc<Resumptions>,
    pub(crate) tls: Tls,
    pub(crate) platform: Arc<Platform>,
    pub(crate) connections: ConnectionLimits,
    pub(crate) limits: StreamLimits,
    /// Cancelled when the server stops.
    pub(crate) stopping: CancellationToken,
}

impl Drop for Server {
    /// Also where starting fails halfway: the platform's threads cannot be waited for within a runtime.
    fn drop(&mut self) {
        self.platform.shutdown();
    }
}

/// What ends the wait for signals.
enum Order {
    Stop,
    Reload,
}

/// Serves until SIGTERM or SIGINT, and returns when all sessions have ended. A second such signal does not wait for them.
/// SIGHUP reads the configuration again: the certificate, and the plugins' tables. The data folder is claimed by the caller.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the server has the configuration for itself from here on"
)]
pub fn run(config: Config, sources: Sources) -> anyhow::Result<()> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let served = runtime.block_on(serve(&config, &sources));
    // Threads that still wait for a file system or a name server have nothing to do with what was acknowledged.
    runtime.shutdown_background();
    served
}

async fn serve(config: &Config, sources: &Sources) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let files = listener::raise_file_limit();
    let shards = thread::available_parallelism().map_or(1, NonZero::get);
    let Some(storage) = open_storage(config, &mut signals).await? else {
        return Ok(());
    };
    let bound = listener::bind_all(&config.listen, shards)?;
    let (spool, tasks) = SpoolQueue::new();
    let server = compose(config, Arc::clone(&storage), spool, shards, files).await?;
    let background = BackgroundTasks::start(&server, tasks);
    let admin = admin::bind(&config.data_dir)?;
    let line = ready_line(&bound);
    let (bound, others) = bound
        .into_iter()
        .partition(|bound| listener::is_client(bound.listener.kind));
    let running = start_shards(&server, config, bound, shards).await?;
    // Once more, now that each shard has its own.
    server
        .connections
        .limit_to(listener::connection_limit(files));
    start_metrics(&server, others)?;
    tokio::spawn(liveness::watch(
        Arc::clone(&server.router),
        config.limits.idle_probe_seconds,
        server.stopping.clone(),
    ));
    let handler: Arc<dyn AdminHandler> = Arc::clone(&server) as _;
    let admin = tokio::spawn(admin::serve(admin, handler, server.stopping.clone()));
    announce(&line);

    while let Order::Reload = signals.next().await {
        reload(&server, sources).await;
    }
    tokio::select! {
        () = stop(&server, running, admin, background, storage.as_ref()) => tracing::info!("stopped"),
        () = signals.stop() => tracing::warn!("stopped at once: sessions were cut off"),
    }
    Ok(())
}

/// How long after an attempt to reach the database there is another.
const REACHING: Duration = Duration::from_secs(1);
/// Time for plugins to judge what sessions were not given when the server stops.
const JUDGING: Duration = Duration::from_secs(5);

/// Opens the database, waiting for one that cannot be reached yet: it may be starting with the same machine. `None`: told to
/// stop while it waited.
async fn open_storage(
    config: &Config,
    signals: &mut Signals,
) -> anyhow::Result<Option<Arc<dyn Storage>>> {
    let mut told = false;
    loop {
        let opening = waxwing_storage::open(&config.storage.url, &config.data_dir);
        let opened = tokio::select! {
            opened = opening => opened,
            () = signals.stop() => return Ok(None),
        };
        match opened {
            Err(error @ StorageError::Unreachable { .. }) if !told => {
                tracing::error!("{error}; trying again each second");
                told = true;
            }
            Err(StorageError::Unreachable { .. }) => {}
            Err(error) => return Err(error.into()),
            Ok(storage) => {
                if told {
                    tracing::info!("the database is reached");
                }
                return Ok(Some(storage));
            }
        }
        tokio::select! {
            () = tokio::time::sleep(REACHING) => {}
            () = signals.stop() => return Ok(None),
        }
    }
}

async fn compose(
    config: &Config,
    storage: Arc<dyn Storage>,
    spool: SpoolQueue,
    shards: usize,
    files: usize,
) -> anyhow::Result<Arc<Server>> {
    // One thread for hashing leaves a core to everything else.
    let hashing = HashPool::start(shards.div_ceil(2).clamp(1, 2))
        .context("cannot start the threads that hash passwords")?;
    let conflicts = config.host.iter();
    let conflicts = conflicts.map(|host| (host.domain.clone(), host.resource_conflict));
    let router = Router::new(domains(config), &config.limits);
    let router = Arc::new(router.with_conflicts(conflicts));
    router.keep_by(spool.clone());
    let accounts = Accounts::new(storage, hashing).with_inlet(router.inlet().clone());
    let rosters = Arc::new(RosterService::new(
        accounts.clone(),
        Arc::clone(&router),
        &config.limits,
    ));
    let offline = Arc::new(Offline::new(
        accounts.clone(),
        Arc::clone(&router),
        &config.limits,
        spool,
    ));
    let tls = Tls::load(config)?;
    let platform = plugins::start(config, Arc::clone(&rosters), Arc::clone(&router)).await?;
    let resumptions = Resumptions::new(&config.limits, Arc::clone(&router));
    Ok(Arc::new(Server {
        domains: domains(config),
        platform,
        router,
        rosters,
        offline,
        resumptions,
        accounts,
        tls,
        connections: ConnectionLimits::new(listener::connection_limit(files), &config.limits),
        limits: limits(&config.limits),
        stopping: CancellationToken::new(),
    }))
}

/// Reads the configuration again, loads the certificate that it names, and the plugins whose tables changed. The rest of it
/// takes a restart.
async fn reload(server: &Server, sources: &Sources) {
    match config::load(sources) {
        Ok(config) => {
            for warning in &config.warnings {
                tracing::warn!("{warning}");
            }
            if server.tls.reload(&config) {
                tracing::info!("certificate reloaded");
            }
            server
                .platform
                .reconfigure(plugins::settings(&config))
                .await;
        }
        Err(error) => tracing::error!(%error, "the configuration cannot be read again"),
    }
}

/// Starts a thread for each shard, with its sockets, and waits until all accept connections.
async fn start_shards(
    server: &Arc<Server>,
    config: &Config,
    bound: Vec<Bound>,
    shards: usize,
) -> anyhow::Result<Vec<Running>> {
    let salt_secret = secret::load_or_make(&config.data_dir)?;
    let mut shares: Vec<Vec<Socket>> = (0..shards).map(|_| Vec::new()).collect();
    for Bound {
        listener, sockets, ..
    } in bound
    {
        let settings = Arc::new(settings(config, &listener, salt_secret));
        for (share, socket) in shares.iter_mut().zip(sockets) {
            let endpoint = Endpoint {
                kind: listener.kind,
                settings: Arc::clone(&settings),
            };
            share.push(Socket {
                endpoint,
                listener: socket,
            });
        }
    }
    let mut running = Vec::new();
    for (index, sockets) in shares.into_iter().enumerate() {
        let shard = shard::start(Arc::clone(server), index, sockets);
        running.push(shard.context("cannot start a shard's thread")?);
    }
    for shard in &mut running {
        shard.ready().await?;
    }
    Ok(running)
}

/// Starts to serve metrics on the sockets of listeners that are for nothing else.
fn start_metrics(server: &Arc<Server>, bound: Vec<Bound>) -> anyhow::Result<()> {
    let metrics = Arc::new(Metrics::new(Arc::clone(server)));
    for socket in bound.into_iter().flat_map(|bound| bound.sockets) {
        let listener = TcpListener::from_std(socket).context("cannot serve metrics")?;
        let stopping = server.stopping.clone();
        tokio::spawn(metrics_endpoint::serve(
            listener,
            Arc::clone(&metrics),
            stopping,
        ));
    }
    Ok(())
}

/// Ends all sessions, then what they stand on.
async fn stop(
    server: &Server,
    running: Vec<Running>,
    admin: JoinHandle<()>,
    background: BackgroundTasks,
    storage: &dyn Storage,
) {
    tracing::info!("stopping");
    server.stopping.cancel();
    server.router.end_all(End::Shutdown);
    for shard in running {
        shard.ended().await;
    }
    if let Err(error) = admin.await {
        tracing::error!(%error, "administration failed");
    }
    // What sessions were not given is judged while there is somebody to do so.
    let judged = server.offline.spool_queue().barrier(None);
    drop(timeout(JUDGING, judged).await);
    server.platform.stop().await;
    server.platform.shutdown();
    background.finish().await;
    storage.close().await;
}

/// The tasks of those who cannot wait: one keeps messages, one does what plugins want of rosters; and one removes what is too old.
struct BackgroundTasks {
    task: JoinHandle<()>,
    expiry: JoinHandle<()>,
    roster_jobs: JoinHandle<()>,
    last: CancellationToken,
}

impl BackgroundTasks {
    fn start(server: &Server, tasks: mpsc::UnboundedReceiver<SpoolTask>) -> Self {
        let last = CancellationToken::new();
        let offline = Arc::clone(&server.offline);
        let until = last.clone();
        let task = tokio::spawn(async move { offline.run(tasks, until).await });
        let (offline, until) = (Arc::clone(&server.offline), last.clone());
        let expiry = tokio::spawn(async move { offline.expire_all(until).await });
        let (roster_jobs, to_do) = mpsc::channel(ROSTER_JOB_QUEUE);
        server.router.roster_jobs_by(roster_jobs);
        let (rosters, until) = (Arc::clone(&server.rosters), last.clone());
        let roster_jobs = tokio::spawn(async move { rosters.work(to_do, until).await });
        Self {
            task,
            expiry,
            roster_jobs,
            last,
        }
    }

    /// Waits until all that came is kept.
    async fn finish(self) {
        self.last.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "background messages failed");
        }
        if let Err(error) = self.roster_jobs.await {
            tracing::error!(%error, "seeing to rosters failed");
        }
        if let Err(error) = self.expiry.await {
            tracing::error!(%error, "removing what is too old failed");
        }
    }
}

fn domains(config: &Config) -> Vec<String> {
    config.host.iter().map(|host| host.domain.clone()).collect()
}

fn limits(config: &config::Limits) -> StreamLimits {
    StreamLimits {
        pre_auth: Limits {
            stanza_bytes: config.pre_auth_stanza_bytes,
            ..Limits::pre_auth()
        },
        stanza: Limits {
            stanza_bytes: config.stanza_bytes,
            ..Limits::stanza()
        },
        stanzas_per_second: config.stanzas_per_second,
        bytes_per_second: config.bytes_per_second,
        outbound: config.outbound(),
    }
}

/// How streams are negotiated on a listener.
fn settings(config: &Config, listener: &Listener, salt_secret: [u8; 32]) -> Settings {
    let mut settings = Settings::new(domains(config), salt_secret, secret::random);
    settings.auth_retries = AUTH_RETRIES;
    settings.direct_tls = listener.kind == Kind::C2sTls;
    settings.tls = match listener.tls {
        _ if settings.direct_tls => TlsPolicy::Required,
        config::TlsPolicy::Required => TlsPolicy::Required,
        config::TlsPolicy::Optional => TlsPolicy::Optional,
        config::TlsPolicy::None => TlsPolicy::None,
    };
    settings.mechanisms.clone_from(&config.sasl.mechanisms);
    settings.allow_plain_without_tls = config.sasl.allow_plain_without_tls;
    settings.deadline = Duration::from_secs(u64::from(config.limits.pre_auth_seconds));
    settings
}

fn ready_line(bound: &[Bound]) -> String {
    let listeners = bound
        .iter()
        .map(|bound| format!(" {}={}", bound.listener.kind, bound.address));
    format!("ready{}", listeners.collect::<String>())
}

/// Tells whoever started the server that it is ready.
fn announce(line: &str) {
    let mut out = std::io::stdout().lock();
    // A server whose starter does not listen serves all the same.
    if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
        tracing::debug!(%error, "nobody reads standard output");
    }
    tracing::info!("{line}");
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen to signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.terminate.recv() => Order::Stop,
            _ = self.interrupt.recv() => Order::Stop,
            _ = self.hang_up.recv() => Order::Reload,
        }
    }

    async fn stop(&mut self) {
        while let Order::Reload = self.next().await {}
    }
}
