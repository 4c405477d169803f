//! `waxwing plugin check`: describes a component file without serving it.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use waxwing_storage::{AccountId, PluginData};
use waxwing_xml::Element;
use waxwing_xmpp::jid::{BareJid, FullJid, Jid};
use waxwing_xmpp::roster::Item;

use crate::calls::context::Context;
use crate::engine::compile::{CompileCommand, Compiler};
use crate::engine::limits::MemoryLimits;
use crate::engine::runtime::GuestsRuntime;
use crate::model::follow_up::FollowUp;
use crate::model::http::{HttpError, HttpRequest, HttpResponse};
use crate::model::services::{SentStanza, ServiceError, Services};
use crate::platform::load::{self, Described};
use crate::platform::sources::read;

/// What a component file is.
#[derive(Clone, Debug, Serialize)]
pub struct PluginReport {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// Its own summary.
    pub summary: String,
    /// The SHA-256 of the file.
    pub sha256: String,
    /// The extension protocols that it serves.
    pub implements: Vec<String>,
    /// The interfaces that it exports and the imports that it asks for: what `grants` would have to name.
    pub asks: Vec<String>,
    /// The interfaces that it imports. There is nothing behind those of WASI but clocks, random bytes and the log.
    pub imports: Vec<String>,
    /// The features that it announces.
    pub features: Vec<String>,
    /// The keys of its configuration.
    pub settings: Vec<String>,
    /// What the manifest says that this server does not know and leaves aside.
    pub left_aside: Vec<String>,
    /// The other plugins that must serve, with the versions that will do.
    pub depends_on: Vec<String>,
}

/// Compiles a component file, and calls its `describe`. It does not serve. The cache is a folder as in
/// [`crate::PlatformSettings`].
pub async fn check(
    file: &Path,
    cache: &Path,
    compile: CompileCommand,
) -> anyhow::Result<PluginReport> {
    let bytes = read(file).await?;
    let compiler = Compiler::open(compile, cache)?;
    let guests = GuestsRuntime::start()?;
    let memory = MemoryLimits::default();
    let (context, _) = Context::new(Arc::new(NoServer::default()), guests.handle(), memory)?;
    let described = load::describe(&context, &compiler, &bytes).await;
    Ok(PluginReport::of(&described?))
}

impl PluginReport {
    fn of(described: &Described) -> Self {
        let manifest = &described.manifest;
        let exports = described
            .template
            .exports()
            .names()
            .into_iter()
            .map(str::to_owned);
        Self {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            summary: manifest.summary.clone(),
            sha256: described.sha256.clone(),
            implements: manifest.implements.clone(),
            asks: exports.chain(manifest.asks.iter().cloned()).collect(),
            imports: described.imports.clone(),
            features: manifest.features.clone(),
            settings: manifest
                .settings
                .iter()
                .map(|setting| setting.key.clone())
                .collect(),
            left_aside: described.left_aside.clone(),
            depends_on: manifest.needs(),
        }
    }
}

/// The services of a platform without a server: there are no accounts.
#[derive(Debug, Default)]
pub(crate) struct NoServer {
    /// The domains served.
    pub(crate) hosts: Vec<String>,
}

#[async_trait]
impl Services for NoServer {
    fn hosts(&self) -> Vec<String> {
        self.hosts.clone()
    }

    fn is_admin(&self, _: &str, _: &BareJid) -> bool {
        false
    }

    async fn account_exists(&self, _: &BareJid) -> Result<bool, ServiceError> {
        Err(ServiceError::Unavailable)
    }

    async fn create_account(&self, _: &BareJid, _: &str) -> Result<(), ServiceError> {
        Err(ServiceError::Unavailable)
    }

    async fn adopt_account(&self, _: &BareJid) -> Result<(), ServiceError> {
        Err(ServiceError::Unavailable)
    }

    async fn set_password(&self, _: &BareJid, _: &str) -> Result<(), ServiceError> {
        Err(ServiceError::Unavailable)
    }

    async fn remove_account(&self, _: &BareJid) -> Result<(), ServiceError> {
        Err(ServiceError::Unavailable)
    }

    async fn account_id(&self, _: &BareJid) -> Result<Option<AccountId>, ServiceError> {
        Err(ServiceError::Unavailable)
    }

    async fn accounts(
        &self,
        _: &str,
        _: Option<&str>,
        _: usize,
    ) -> Result<(Vec<BareJid>, bool), ServiceError> {
        Err(ServiceError::Unavailable)
    }

    async fn roster(&self, _: &BareJid) -> Result<Vec<Item>, ServiceError> {
        Err(ServiceError::Unavailable)
    }

    async fn shares_presence(&self, _: &BareJid, _: &BareJid) -> Result<bool, ServiceError> {
        Err(ServiceError::Unavailable)
    }

    fn features(&self) -> &'static [&'static str] {
        &[]
    }

    fn rosters_moved(&self, _: Vec<String>) {}

    fn plugin_data(&self) -> Result<&dyn PluginData, ServiceError> {
        Err(ServiceError::Unavailable)
    }

    fn route(&self, _: SentStanza) {}

    fn answer(&self, _: &Jid, _: Element) {}

    fn sessions(&self, _: &BareJid) -> Vec<(FullJid, Option<i8>)> {
        Vec::new()
    }

    fn all_sessions(&self) -> Vec<(FullJid, u64)> {
        Vec::new()
    }

    fn apply_follow_ups(&self, _: Vec<FollowUp>) {}

    async fn http(&self, _: HttpRequest) -> Result<HttpResponse, HttpError> {
        Err(HttpError::Unreachable)
    }

    fn is_valid_password(&self, _: &str) -> bool {
        false
    }
}
