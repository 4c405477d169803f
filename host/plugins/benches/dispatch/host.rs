//! The platform with a server around it that has nothing to do, but for a database.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tempfile::TempDir;
use waxwing_plugins::{
    CompileCommand, CompileLimits, FollowUp, HttpError, HttpRequest, HttpResponse, MemoryLimits,
    Platform, PlatformSettings, PluginEvents, PluginSettings, SentStanza, ServiceError, Services,
    Shard,
};
use waxwing_storage::{AccountId, PluginData, Storage};
use waxwing_xml::Element;
use waxwing_xmpp::jid::{BareJid, FullJid, Jid};
use waxwing_xmpp::roster::Item;

/// The argument that makes this program compile a component.
pub(crate) const COMPILE: &str = "compile-plugin";

/// A platform that serves.
pub(crate) struct Serving {
    pub(crate) shard: Shard,
    pub(crate) storage: Arc<dyn Storage>,
    platform: Arc<Platform>,
    _folder: TempDir,
}

impl Serving {
    pub(crate) async fn end(self) {
        self.platform.shutdown();
        self.storage.close().await;
    }
}

/// A platform with these components, granted the export `inbound` and the import `storage`.
pub(crate) async fn platform(components: &[(&str, &Path)]) -> Serving {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = waxwing_storage::open("sqlite:waxwing.sqlite", folder.path()).await;
    let storage = storage.expect("a database");
    let directory = folder.path().join("plugins");
    std::fs::create_dir(&directory).expect("a folder");
    let mut plugins = BTreeMap::new();
    for (name, file) in components {
        std::fs::copy(file, directory.join(format!("{name}.wasm"))).expect("a copy");
        let settings = PluginSettings {
            grants: Some(vec!["inbound".to_owned(), "storage".to_owned()]),
            ..PluginSettings::default()
        };
        plugins.insert((*name).to_owned(), settings);
    }
    let settings = PlatformSettings {
        directory,
        cache: folder.path().join("cache"),
        overrides: folder.path().join("plugins.toml"),
        bundled: &[],
        plugins,
        compile: CompileCommand {
            program: std::env::current_exe().expect("this program"),
            arguments: vec![OsStr::new(COMPILE).to_owned()],
            // It may run under a tool that makes it slow and large.
            limits: CompileLimits {
                cpu_seconds: 600,
                wall_seconds: 600,
                memory_mib: 1 << 20,
            },
        },
        memory: MemoryLimits::default(),
        events: PluginEvents::default(),
    };
    let services = Idle {
        storage: Arc::clone(&storage),
    };
    let platform = Platform::start(settings, Arc::new(services)).await;
    let platform = platform.expect("a platform");
    let serving = platform
        .list()
        .iter()
        .filter(|plugin| plugin.serving)
        .count();
    assert_eq!(serving, components.len(), "{:?}", platform.list());
    Serving {
        shard: platform.shard(),
        storage,
        platform,
        _folder: folder,
    }
}

struct Idle {
    storage: Arc<dyn Storage>,
}

#[async_trait]
impl Services for Idle {
    fn hosts(&self) -> Vec<String> {
        vec!["localhost".to_owned()]
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
        Ok(self.storage.plugin_data())
    }

    async fn http(&self, _: HttpRequest) -> Result<HttpResponse, HttpError> {
        Err(HttpError::Unreachable)
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

    fn is_valid_password(&self, _: &str) -> bool {
        false
    }
}
