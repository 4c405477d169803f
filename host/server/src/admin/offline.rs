//! Commands on a stopped server: the database is opened under the data folder's lock.

use std::sync::Arc;

use anyhow::Context;
use serde_json::Value;
use waxwing_storage::Storage;

use super::{client::AdminError, data_dir::Claim, protocol::Request, users};
use crate::{accounts::Accounts, config::Config, hashing::HashPool};

/// The stopped server of a data folder.
pub(super) struct Offline {
    runtime: tokio::runtime::Runtime,
    storage: Arc<dyn Storage>,
    accounts: Accounts,
    domains: Vec<String>,
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
        let domains = config.host.iter().map(|host| host.domain.clone()).collect();
        Ok(Self {
            runtime,
            storage,
            accounts,
            domains,
            _claim: claim,
        })
    }

    pub(super) fn call(&self, request: &Request) -> Result<Value, AdminError> {
        let outcome = users::execute(&self.accounts, &self.domains, request);
        match self.runtime.block_on(outcome) {
            Some(Ok(outcome)) => Ok(outcome.answer),
            Some(Err(error)) => Err(AdminError::Refused(error)),
            None => Err(AdminError::NotRunning),
        }
    }
}

impl Drop for Offline {
    fn drop(&mut self) {
        self.runtime.block_on(self.storage.close());
    }
}
