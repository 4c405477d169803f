//! What the layers above are handed: [`ServerContext`], the parts of the server that its sessions and plugins work with, and
//! [`StreamContext`], one shard's share of it. Neither knows how the server is composed.

use std::sync::Arc;

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use waxwing_xml::Limits;

use crate::{
    accounts::{Accounts, administrators::Administrators},
    config::{self, bounds::Bounds},
    delivery::{buffers::Buffers, roster_job::RosterJobs},
    net::{connection_limits::ConnectionLimits, tls::Tls},
    offline::Offline,
    roster::RosterService,
    router::Router,
};

/// The parts of the server that all shards share.
pub(crate) struct ServerContext {
    /// The domains served, the default one first.
    pub(crate) domains: Vec<String>,
    pub(crate) router: Arc<Router>,
    pub(crate) accounts: Accounts,
    pub(crate) administrators: Administrators,
    pub(crate) rosters: Arc<RosterService>,
    pub(crate) roster_jobs: RosterJobs,
    pub(crate) offline: Arc<Offline>,
    pub(crate) tls: Tls,
    pub(crate) connections: ConnectionLimits,
    pub(crate) limits: StreamLimits,
    /// Cancelled when the server stops.
    pub(crate) stopping: CancellationToken,
}

/// What the sessions of one shard share. It never leaves its thread.
pub(crate) struct StreamContext {
    pub(crate) server: Arc<ServerContext>,
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
    /// 0: no limit.
    pub(crate) bytes_per_second: u32,
    /// How much may wait for a client.
    pub(crate) outbound: Bounds,
}

impl StreamLimits {
    /// As they are configured.
    pub(crate) fn new(config: &config::Limits) -> Self {
        Self {
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
}

impl StreamContext {
    /// The context of one shard, on its thread.
    pub(crate) fn new(server: Arc<ServerContext>, plugins: waxwing_plugins::Shard) -> Self {
        Self {
            plugins,
            buffers: Buffers::default(),
            limits: server.limits,
            stopping: server.stopping.clone(),
            tasks: TaskTracker::new(),
            server,
        }
    }

    /// Runs a task beside the sessions. When the server stops, it waits for the task for as long as for a session.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        self.tasks.spawn_local(work);
    }

    /// The tasks that run, sessions among them.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }
}
