//! The server: what it is made of, and its life from start to stop.

mod admin_handler;
mod background;
mod metrics;
mod metrics_endpoint;
mod shard;
mod signals;

use std::{io::Write as _, num::NonZero, sync::Arc, thread, time::Duration};

use anyhow::Context as _;
use tokio::{net::TcpListener, runtime::Builder, task::JoinHandle, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use waxwing_plugins::Platform;
use waxwing_storage::{Storage, StorageError};
use waxwing_xmpp::stream::{Settings, TlsPolicy};

use self::{
    background::{BackgroundTasks, Queues},
    metrics::Metrics,
    shard::{Running, Socket},
    signals::{Order, Signals},
};
use crate::{
    accounts::{Accounts, administrators::Administrators, password_hashing::HashPool, secret},
    admin::{self, AdminHandler},
    c2s::{self, Endpoint, Resumptions},
    config::{self, Config, Kind, Listener, Sources},
    context::{ServerContext, StreamLimits},
    delivery::{mailbox::End, roster_job::RosterJobs, spool_queue::SpoolQueue},
    net::{
        connection_limits::ConnectionLimits,
        listener::{self, Bound},
        tls::Tls,
    },
    offline::Offline,
    plugins,
    roster::RosterService,
    router::Router,
};

/// Authentication attempts after the first: as many as RFC 6120 §6.4.5 allows. Clients go through mechanisms that they know and the server does
/// not serve as they mean, slixmpp 1.8.3 through six, before they come to one that works.
const AUTH_RETRIES: u8 = 5;

/// The server, as it is composed.
pub(crate) struct Server {
    context: Arc<ServerContext>,
    platform: Arc<Platform>,
    resumptions: Arc<Resumptions>,
}

impl Drop for Server {
    /// Also where starting fails halfway: the platform's threads cannot be waited for within a runtime.
    fn drop(&mut self) {
        self.platform.shutdown();
    }
}

/// Serves until SIGTERM or SIGINT, and returns when all sessions have ended. A second such signal does not wait for them.
/// SIGHUP reads the configuration again: the certificates, and the plugins' tables. The data folder is claimed by the caller.
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
    let (server, queues) = compose(config, Arc::clone(&storage), shards, files).await?;
    let tasks = TaskTracker::new();
    let background = BackgroundTasks::start(&tasks, &server.context, queues);
    let admin = admin::bind(&config.data_dir)?;
    let line = ready_line(&bound);
    let (bound, others) = bound
        .into_iter()
        .partition(|bound| listener::is_client(bound.listener.kind));
    let running = start_shards(&server, config, bound, shards).await?;
    // Once more, now that each shard has its own.
    server
        .context
        .connections
        .limit_to(listener::connection_limit(files));
    start_metrics(&tasks, &server, others)?;
    let context = &server.context;
    tasks.spawn(c2s::liveness_watch::run(
        Arc::clone(&context.router),
        config.limits.idle_probe_seconds,
        context.stopping.clone(),
    ));
    let handler: Arc<dyn AdminHandler> = Arc::clone(&server) as _;
    let admin = tasks.spawn(admin::serve(admin, handler, context.stopping.clone()));
    announce(&line);

    let mut current = config.clone();
    while let Order::Reload = signals.next().await {
        reload(&server, sources, &mut current).await;
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
    shards: usize,
    files: usize,
) -> anyhow::Result<(Arc<Server>, Queues)> {
    // One thread for hashing leaves a core to everything else.
    let hashing = HashPool::start(shards.div_ceil(2).clamp(1, 2))
        .context("cannot start the threads that hash passwords")?;
    let (spool, spool_tasks) = SpoolQueue::new();
    let (roster_jobs, jobs) = RosterJobs::new();
    let conflicts = config.host.iter();
    let conflicts = conflicts.map(|host| (host.domain.clone(), host.resource_conflict));
    let router = Router::new(domains(config), &config.limits, spool.clone());
    let router = Arc::new(router.with_conflicts(conflicts));
    let accounts = Accounts::new(storage, hashing).with_inlet(router.inlet().clone());
    let rosters = RosterService::new(accounts.clone(), Arc::clone(&router), &config.limits);
    let offline = Offline::new(accounts.clone(), Arc::clone(&router), &config.limits, spool);
    let context = Arc::new(ServerContext {
        domains: domains(config),
        router: Arc::clone(&router),
        accounts,
        administrators: Administrators::new(&config.host),
        rosters: Arc::new(rosters),
        roster_jobs,
        offline: Arc::new(offline),
        tls: Tls::load(config)?,
        connections: ConnectionLimits::new(listener::connection_limit(files), &config.limits),
        limits: StreamLimits::new(&config.limits),
        stopping: CancellationToken::new(),
    });
    let platform = plugins::start(config, Arc::clone(&context)).await?;
    let server = Server {
        context,
        platform,
        resumptions: Resumptions::new(&config.limits, router),
    };
    let queues = Queues {
        spool: spool_tasks,
        roster_jobs: jobs,
    };
    Ok((Arc::new(server), queues))
}

/// Reads the configuration again, and takes over what a running server can: certificates, administrators and the plugins' tables.
/// What else was changed takes a restart, and the log names it.
async fn reload(server: &Server, sources: &Sources, current: &mut Config) {
    let new = match config::load(sources) {
        Ok(new) => new,
        Err(error) => {
            tracing::error!(%error, "the configuration cannot be read again");
            return;
        }
    };
    for warning in &new.warnings {
        tracing::warn!("{warning}");
    }
    current.take_over(&new);
    server.context.administrators.replace(&current.host);
    let waiting = current.differences(&new);
    if !waiting.is_empty() {
        let settings = waiting.join(", ");
        tracing::warn!(
            settings,
            "settings were changed that take effect after a restart"
        );
    }
    if server.context.tls.reload(current) {
        tracing::info!("certificate reloaded");
    }
    let settings = plugins::settings(current);
    server.platform.reconfigure(settings).await;
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
        let trusted_proxies = Arc::from(listener.trusted_proxies.as_slice());
        let tls_at_once = tls_at_once(&settings).map(Arc::new);
        for (share, socket) in shares.iter_mut().zip(sockets) {
            let endpoint = Endpoint {
                kind: listener.kind,
                settings: Arc::clone(&settings),
                tls_at_once: tls_at_once.clone(),
                trusted_proxies: Arc::clone(&trusted_proxies),
            };
            share.push(Socket {
                endpoint,
                listener: socket,
            });
        }
    }
    let mut running = Vec::new();
    for (index, sockets) in shares.into_iter().enumerate() {
        let shard = shard::start(
            Arc::clone(&server.context),
            Arc::clone(&server.platform),
            Arc::clone(&server.resumptions),
            index,
            sockets,
        );
        running.push(shard.context("cannot start a shard's thread")?);
    }
    for shard in &mut running {
        shard.ready().await?;
    }
    Ok(running)
}

/// Starts to serve metrics on the sockets of listeners that are for nothing else.
fn start_metrics(
    tasks: &TaskTracker,
    server: &Arc<Server>,
    bound: Vec<Bound>,
) -> anyhow::Result<()> {
    let metrics = Arc::new(Metrics::new(server));
    for socket in bound.into_iter().flat_map(|bound| bound.sockets) {
        let listener = TcpListener::from_std(socket).context("cannot serve metrics")?;
        let stopping = server.context.stopping.clone();
        tasks.spawn(metrics_endpoint::serve(
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
    server.context.stopping.cancel();
    server.context.router.end_all(End::Shutdown);
    for shard in running {
        shard.ended().await;
    }
    if let Err(error) = admin.await {
        tracing::error!(%error, "administration failed");
    }
    // What sessions were not given is judged while there is somebody to do so.
    let judged = server.context.offline.spool_queue().barrier(None);
    drop(timeout(JUDGING, judged).await);
    server.platform.stop().await;
    server.platform.shutdown();
    background.finish().await;
    storage.close().await;
}

fn domains(config: &Config) -> Vec<String> {
    config.host.iter().map(|host| host.domain.clone()).collect()
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

/// The same for clients that begin TLS with their first byte on a listener for STARTTLS.
fn tls_at_once(settings: &Settings) -> Option<Settings> {
    let offers_starttls = !settings.direct_tls && settings.tls != TlsPolicy::None;
    offers_starttls.then(|| Settings {
        direct_tls: true,
        tls: TlsPolicy::Required,
        ..settings.clone()
    })
}

fn ready_line(bound: &[Bound]) -> String {
    let listeners = bound
        .iter()
        .map(|bound| format!(" {}={}", bound.listener.kind, bound.address));
    format!("ready{}", listeners.collect::<String>())
}

/// Writes the ready line, for the process that started the server.
fn announce(line: &str) {
    let mut out = std::io::stdout().lock();
    // The server serves all the same if its parent does not read.
    if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
        tracing::debug!(%error, "cannot write the ready line to standard output");
    }
    tracing::info!("{line}");
}
