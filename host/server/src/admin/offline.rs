//! Commands on a stopped server: the database is opened under the data folder's lock.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context;
use serde_json::Value;
use waxwing_plugins::Choices;
use waxwing_storage::Storage;

use super::{client::AdminError, data_dir::Claim, protocol::Request, users};
use crate::{
    accounts::{Accounts, password_hashing::HashPool},
    config::Config,
    plugins,
    roster::RosterService,
    router::Router,
};

/// The stopped server of a data folder.
pub(super) struct Offline {
    runtime: tokio::runtime::Runtime,
    storage: Arc<dyn Storage>,
    contacts: RosterService,
    domains: Vec<String>,
    /// The file of what was decided about plugins.
    choices: PathBuf,
    _claim: Claim,
}

impl Offline {
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
        let router = Arc::new(Router::new(domains.clone(), &config.limits));
        Ok(Self {
            runtime,
            storage,
            contacts: RosterService::new(accounts, router, &config.limits),
            domains,
            choices: plugins::choices(config),
            _claim: claim,
        })
    }

    pub(super) fn call(&self, request: &Request) -> Result<Value, AdminError> {
        let outcome = users::execute(&self.contacts, &self.domains, request);
        match self.runtime.block_on(outcome) {
            Some(Ok(outcome)) => Ok(outcome.answer),
            Some(Err(error)) => Err(AdminError::Refused(error)),
            None => self.decide(request),
        }
    }

    /// What is decided about plugins holds from the next start on.
    fn decide(&self, request: &Request) -> Result<Value, AdminError> {
        let choices = Choices::open(&self.choices).map_err(AdminError::Offline)?;
        let kept = match request {
            Request::PluginEnable { name } => choices.enable([name.as_str()]),
            Request::PluginDisable { name } => choices.disable(name),
            Request::PluginGrant {
                name,
                sha256,
                grants,
            } => choices.grant(name, sha256, grants.clone()),
            _ => return Err(AdminError::NotRunning),
        };
        kept.map_err(AdminError::Offline)?;
        Ok(Value::Array(Vec::new()))
    }
}

impl Drop for Offline {
    fn drop(&mut self) {
        self.runtime.block_on(self.storage.close());
    }
}
