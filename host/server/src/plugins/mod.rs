//! The seam to the plugin platform: what it needs of the server, and the server's terms in its own.

mod http_client;

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use async_trait::async_trait;
use waxwing_plugins::{
    After, BundledPlugin, CompileCommand, CompileLimits, HttpError, HttpRequest, HttpResponse,
    IqAnswer, MemoryLimits, Platform, PlatformSettings, PluginSettings, PreAuthStream,
    ServiceError, Services,
};
use waxwing_storage::{AccountId, PluginData};
use waxwing_xml::Element;
use waxwing_xmpp::{
    jid::{self, BareJid, FullJid, Jid},
    roster::Item,
    sasl,
    stanza::Stanza,
    stream::{PreAuthReply, TlsVersion},
};

use self::http_client::HttpClient;
use crate::{
    accounts::{AccountError, Accounts},
    config::{Config, Plugin},
    delivery::mailbox::End,
    roster::{RosterJob, RosterService},
    router::Router,
    server::shard::Shard,
};

/// The hidden first argument that makes a process of this binary compile one component.
pub const COMPILE: &str = "compile-plugin";

/// The components inside this binary, put there by its build script.
const BUNDLED: &[BundledPlugin] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// What service discovery announces besides the plugins' features: messages are stored for accounts that are offline (XEP-0160 §4).
const FEATURES: &[&str] = &["msgoffline"];

/// Starts the platform with the plugins that the configuration and the folder name.
pub(crate) async fn start(
    config: &Config,
    contacts: Arc<RosterService>,
    router: Arc<Router>,
) -> anyhow::Result<Arc<Platform>> {
    let settings = PlatformSettings {
        directory: config.plugin_dir(),
        cache: config.data_dir.join("cache"),
        bundled: BUNDLED,
        plugins: settings(config),
        compile: compile_command(config)?,
        memory: MemoryLimits {
            plugin_mib: config.plugins.plugin_memory_mib,
            total_mib: config.plugins.memory_mib,
        },
        inlet: router.inlet().clone(),
        choices: choices(config),
    };
    let domains = config.host.iter().map(|host| host.domain.clone()).collect();
    let server = Server {
        accounts: contacts.accounts().clone(),
        contacts,
        domains,
        router,
        http: HttpClient::new()?,
    };
    Platform::start(settings, Arc::new(server)).await
}

/// The file of what was decided about plugins by command.
pub(crate) fn choices(config: &Config) -> PathBuf {
    config.data_dir.join("plugins.toml")
}

/// How this binary starts itself to compile a component. By the kernel's name for it where there is one, which still holds
/// after a newer version was copied over the file.
pub(crate) fn compile_command(config: &Config) -> anyhow::Result<CompileCommand> {
    let kernel = Path::new("/proc/self/exe");
    let program = if kernel.exists() {
        kernel.to_owned()
    } else {
        env::current_exe().context("cannot find this binary, which compiles plugins")?
    };
    Ok(CompileCommand {
        program,
        arguments: vec![COMPILE.into()],
        limits: CompileLimits {
            cpu_seconds: config.plugins.compile_cpu_seconds,
            wall_seconds: config.plugins.compile_wall_seconds,
            memory_mib: config.plugins.compile_memory_mib,
        },
    })
}

/// What a process does that was started to compile a component, with the arguments after [`COMPILE`]. The error is one
/// line for its parent.
pub fn compile(arguments: impl IntoIterator<Item = OsString>) -> anyhow::Result<()> {
    waxwing_plugins::compile_child(arguments)
}

/// The operator's tables, by plugin.
pub(crate) fn settings(config: &Config) -> BTreeMap<String, PluginSettings> {
    let on_hosts = config.host.iter().flat_map(|host| host.plugin.keys());
    let names = config.plugin.keys().chain(on_hosts);
    let of = |name: &String| (name.clone(), of_plugin(config, name));
    names.map(of).collect()
}

fn of_plugin(config: &Config, name: &str) -> PluginSettings {
    let table = config
        .plugin
        .get(name)
        .cloned()
        .unwrap_or_else(Plugin::default);
    let on_hosts = || {
        let tables = config.host.iter();
        tables.filter_map(|host| Some((host.domain.clone(), host.plugin.get(name)?)))
    };
    PluginSettings {
        enabled: table.enabled,
        priority: table.priority,
        grants: table.grants,
        sha256: table.sha256,
        config: table.config,
        host_config: on_hosts()
            .map(|(domain, own)| (domain, own.config.clone()))
            .collect(),
        host_provider: on_hosts()
            .filter_map(|(domain, own)| Some((domain, own.provider?)))
            .collect(),
        http_hosts: table.http_hosts,
    }
}

/// Asks the plugins about a request from a client that has not logged in.
pub(crate) async fn pre_auth(
    shard: &Shard,
    stream: &PreAuthStream,
    request: &Stanza,
) -> PreAuthReply {
    let reply = match shard.plugins.pre_auth_iq(stream, request).await {
        // A handler before authentication has no way to answer later.
        IqAnswer::Unhandled | IqAnswer::Done(_) => return PreAuthReply::NotHandled,
        IqAnswer::Result(payload, after) => {
            follow(&shard.server.router, after);
            Some(request.result_reply(payload))
        }
        IqAnswer::Error(error) => request.error_reply(&error),
    };
    reply.map_or(PreAuthReply::NotHandled, PreAuthReply::Reply)
}

/// Does what a call asked for besides its answer, once that is on its way.
pub(crate) fn follow(router: &Router, after: Vec<After>) {
    for after in after {
        match after {
            After::EndSessions { account } => {
                router.end_account(&account, End::AccountGone);
            }
            After::EndSession { session } => router.end_session(&session, End::Policy),
            roster => router.roster_job(RosterJob::After(roster)),
        }
    }
}

/// The version of TLS in the platform's terms.
pub(crate) fn tls_version(version: TlsVersion) -> waxwing_plugins::TlsVersion {
    match version {
        TlsVersion::Tls12 => waxwing_plugins::TlsVersion::Tls12,
        TlsVersion::Tls13 => waxwing_plugins::TlsVersion::Tls13,
    }
}

/// The server as the platform sees it.
struct Server {
    accounts: Accounts,
    contacts: Arc<RosterService>,
    router: Arc<Router>,
    domains: Vec<String>,
    http: HttpClient,
}

#[async_trait]
impl Services for Server {
    fn hosts(&self) -> Vec<String> {
        self.domains.clone()
    }

    async fn account_exists(&self, account: &BareJid) -> Result<bool, ServiceError> {
        self.accounts
            .exists(account)
            .await
            .or_else(|error| match error {
                AccountError::NotAnAccount => Ok(false),
                other => Err(service_error(other)),
            })
    }

    async fn create_account(&self, account: &BareJid, password: &str) -> Result<(), ServiceError> {
        self.accounts
            .create(account, password)
            .await
            .map_err(service_error)
    }

    async fn adopt_account(&self, account: &BareJid) -> Result<(), ServiceError> {
        let admitted = self.accounts.admit(account).await;
        admitted.map(drop).map_err(service_error)
    }

    async fn set_password(&self, account: &BareJid, password: &str) -> Result<(), ServiceError> {
        self.accounts
            .set_password(account, password)
            .await
            .map_err(service_error)
    }

    async fn remove_account(&self, account: &BareJid) -> Result<(), ServiceError> {
        let removed = self.contacts.remove_account(account);
        removed.await.map_err(service_error)
    }

    async fn account_id(&self, account: &BareJid) -> Result<Option<AccountId>, ServiceError> {
        self.accounts
            .id(account)
            .await
            .or_else(|error| match error {
                AccountError::NotAnAccount => Ok(None),
                other => Err(service_error(other)),
            })
    }

    async fn accounts(
        &self,
        host: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<BareJid>, bool), ServiceError> {
        let listed = self.accounts.list(Some(host)).await;
        let mut accounts: Vec<BareJid> = listed
            .map_err(service_error)?
            .into_iter()
            .filter(|account| !account.disabled)
            .filter_map(|account| jid::bare(&account.localpart, &account.domain).ok())
            .filter(|account| after.is_none_or(|after| account.as_str() > after))
            .collect();
        accounts.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        let more = accounts.len() > limit;
        accounts.truncate(limit);
        Ok((accounts, more))
    }

    async fn roster(&self, account: &BareJid) -> Result<Vec<Item>, ServiceError> {
        let items = self.contacts.items(account).await;
        items.map_err(|error| {
            drop(error.reply());
            ServiceError::Unavailable
        })
    }

    async fn shares_presence(
        &self,
        account: &BareJid,
        address: &BareJid,
    ) -> Result<bool, ServiceError> {
        if !self.account_exists(account).await? {
            return Ok(false);
        }
        let shares = self.contacts.shares_presence(account, address).await;
        shares.map_err(|error| {
            drop(error.reply());
            ServiceError::Unavailable
        })
    }

    fn features(&self) -> &'static [&'static str] {
        FEATURES
    }

    fn rosters_moved(&self, hosts: Vec<String>) {
        self.router.roster_job(RosterJob::Moved(hosts));
    }

    fn plugin_data(&self) -> Result<&dyn PluginData, ServiceError> {
        Ok(self.accounts.plugin_data())
    }

    fn route(&self, stanza: Stanza) {
        self.router.send(stanza);
    }

    fn answer(&self, asker: &Jid, reply: Element) {
        self.router.answer(asker, reply);
    }

    fn sessions(&self, account: &BareJid) -> Vec<(FullJid, Option<i8>)> {
        self.router.sessions(account)
    }

    fn all_sessions(&self) -> Vec<(FullJid, u64)> {
        self.router.all_sessions()
    }

    fn follow(&self, after: Vec<After>) {
        follow(&self.router, after);
    }

    async fn http(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.http.send(request).await
    }

    fn is_valid_password(&self, password: &str) -> bool {
        sasl::is_valid_password(password)
    }
}

/// What a plugin is told. The rest is for the log.
fn service_error(error: AccountError) -> ServiceError {
    match error {
        AccountError::Taken => ServiceError::Taken,
        AccountError::Unknown | AccountError::NotAnAccount => ServiceError::NoSuchAccount,
        other => {
            tracing::error!(error = %other, "an account cannot be changed");
            ServiceError::Unavailable
        }
    }
}
