//! Commands on a stopped server: the database is opened under the data folder's lock.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context;
use waxwing_plugins::OperatorOverrides;
use waxwing_storage::Storage;

use super::{
    client::AdminError,
    data_dir::Claim,
    plugin::PluginDecision,
    protocol::{Reply, Request},
    user,
};
use crate::{
    accounts::{Accounts, password_hashing::HashPool},
    config::Config,
    delivery::spool_queue::SpoolQueue,
    plugins,
    roster::RosterService,
    router::Router,
};

/// The stopped server of a data folder.
pub(super) struct StoppedServer {
    runtime: tokio::runtime::Runtime,
    storage: Arc<dyn Storage>,
    rosters: RosterService,
    domains: Vec<String>,
    /// The file of what was decided about plugins.
    choices: PathBuf,
    _claim: Claim,
}

impl StoppedServer {
    pub(super) fn open(config: &Config, claim: Claim) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let open = waxwing_storage::open(&config.storage.url, &config.data_dir);
        let storage = runtime.block_on(open)?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let hashing =
            HashPool::start(threads).context("cannot start the threads that hash passwords")?;
        let accounts = Accounts::new(Arc::clone(&storage), hashing);
        let domains: Vec<String> = config.host.iter().map(|host| host.domain.clone()).collect();
        // Nobody is online, but rosters change with the accounts.
        let router = Arc::new(Router::new(
            domains.clone(),
            &config.limits,
            SpoolQueue::new().0,
        ));
        Ok(Self {
            runtime,
            storage,
            rosters: RosterService::new(accounts, router, &config.limits),
            domains,
            choices: plugins::choices(config),
            _claim: claim,
        })
    }

    pub(super) fn call(&self, request: Request) -> Result<Reply, AdminError> {
        match request {
            Request::Account(command) => {
                let outcome = user::execute(&self.rosters, &self.domains, command);
                Ok(self.runtime.block_on(outcome)?.reply)
            }
            Request::Decision(decision) => self.decide(decision),
            Request::Lookup(_) | Request::Plugin(_) | Request::Trace(_) => {
                Err(AdminError::NotRunning)
            }
        }
    }

    /// What is decided about plugins holds from the next start on.
    fn decide(&self, decision: PluginDecision) -> Result<Reply, AdminError> {
        let choices = OperatorOverrides::open(&self.choices).map_err(AdminError::Offline)?;
        let kept = match decision {
            PluginDecision::Enable { name } => choices.enable([name.as_str()]),
            PluginDecision::Disable { name } => choices.disable(&name),
            PluginDecision::Grant {
                name,
                sha256,
                grants,
            } => choices.grant(&name, &sha256, grants),
        };
        kept.map_err(AdminError::Offline)?;
        Ok(Reply::Names(Vec::new()))
    }
}

impl Drop for StoppedServer {
    fn drop(&mut self) {
        self.runtime.block_on(self.storage.close());
    }
}
