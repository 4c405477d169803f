//! How a server of the tests is set up.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use waxwing_test_cluster::Cluster;

use super::Server;

/// Names where servers keep their data: `postgres`, each in a database of its own; without it SQLite's file.
const STORAGE: &str = "WAXWING_TEST_STORAGE";

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Kind and TLS policy of each listener, in order.
    pub(super) listeners: Vec<(&'static str, &'static str)>,
    /// Networks of proxies that all these listeners trust.
    pub(super) trusted_proxies: Vec<String>,
    /// TOML that follows the harness's own.
    pub(super) config: String,
    /// In-band registration is open, without rate limits.
    pub(super) registration: bool,
    /// Components put into the plugins folder before the start, with their names there.
    pub(super) plugins: Vec<(PathBuf, String)>,
    /// The database's url, where the harness does not choose it.
    pub(super) storage: Option<String>,
    /// The data folder, where it is not the harness's own.
    pub(super) data: Option<PathBuf>,
    /// No other server's compiled plugins are lent to it.
    pub(super) is_cold: bool,
    /// How its process is started.
    pub(super) launch: Launch,
}

/// What the process of a server finds when it starts.
#[derive(Clone, Debug, Default)]
pub(super) struct Launch {
    /// Writes beyond the system's limit of a file's size fail, as on a full disk, and do not kill.
    pub(super) survives_file_limit: bool,
    /// Most files that it may have open, where that is not what the tests may.
    pub(super) open_files: Option<u32>,
    /// Most MiB of addresses that it may have.
    pub(super) address_space: Option<u32>,
    /// The system gives it no inotify instance.
    pub(super) without_inotify: bool,
    /// Variables of its environment, besides those of the tests.
    pub(super) environment: Vec<(String, String)>,
}

impl Settings {
    /// Listens with STARTTLS and with direct TLS on loopback; registration is open.
    #[must_use]
    pub fn new() -> Self {
        Self {
            listeners: vec![("c2s", "required"), ("c2s-tls", "required")],
            trusted_proxies: Vec::new(),
            config: String::new(),
            registration: true,
            plugins: Vec::new(),
            storage: None,
            data: None,
            is_cold: false,
            launch: Launch::default(),
        }
    }

    /// With a listener that asks for no TLS instead of the usual ones.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.listeners = vec![("c2s", "none")];
        self
    }

    /// With that TLS policy on the listener for STARTTLS.
    #[must_use]
    pub fn tls(mut self, policy: &'static str) -> Self {
        self.listeners = vec![("c2s", policy)];
        self
    }

    /// With listeners that trust proxies in a network.
    #[must_use]
    pub fn trusted_proxies(mut self, network: &str) -> Self {
        self.trusted_proxies.push(network.to_owned());
        self
    }

    /// With registration as the server's defaults have it.
    #[must_use]
    pub fn registration_untouched(mut self) -> Self {
        self.registration = false;
        self
    }

    /// With more configuration, TOML that begins with the head of a table.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        self.config.push_str(toml);
        self.config.push('\n');
        self
    }

    /// With a component in the plugins folder from the start.
    #[must_use]
    pub fn plugin(mut self, component: &Path, name: &str) -> Self {
        self.plugins
            .push((component.to_owned(), format!("{name}.wasm")));
        self
    }

    /// With its data in the database at that url.
    #[must_use]
    pub fn storage(mut self, url: &str) -> Self {
        self.storage = Some(url.to_owned());
        self
    }

    /// With its data in that folder.
    #[must_use]
    pub fn data(mut self, folder: &Path) -> Self {
        self.data = Some(folder.to_owned());
        self
    }

    /// With an empty cache of compiled plugins.
    #[must_use]
    pub fn cold(mut self) -> Self {
        self.is_cold = true;
        self
    }

    /// With writes that fail, instead of a signal that kills, where a file would become larger than the system lets it.
    #[must_use]
    pub fn survives_file_limit(mut self) -> Self {
        self.launch.survives_file_limit = true;
        self
    }

    /// With so many files that it may have open at most.
    #[must_use]
    pub fn open_files(mut self, most: u32) -> Self {
        self.launch.open_files = Some(most);
        self
    }

    /// With so many MiB of addresses that it may have at most.
    #[must_use]
    pub fn address_space(mut self, most: u32) -> Self {
        self.launch.address_space = Some(most);
        self
    }

    /// On a system that gives it no inotify instance, as where other programs have taken them all.
    #[must_use]
    pub fn without_inotify(mut self) -> Self {
        self.launch.without_inotify = true;
        self
    }

    /// With a variable of its environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        let variable = (name.to_owned(), value.to_owned());
        self.launch.environment.push(variable);
        self
    }

    /// Where the data lie, by a url, where that is not the default.
    pub(super) fn storage_url(&self) -> Result<Option<String>> {
        if self.storage.is_some() {
            return Ok(self.storage.clone());
        }
        match std::env::var(STORAGE).as_deref() {
            Ok("postgres") => Cluster::shared().database().map(Some),
            Ok("sqlite" | "") | Err(_) => Ok(None),
            Ok(other) => bail!("{STORAGE} names an unknown database: {other}"),
        }
    }

    pub(super) fn data_dir(&self, folder: &Path) -> PathBuf {
        self.data.clone().unwrap_or_else(|| folder.join("data"))
    }

    /// Starts a server with these settings.
    pub async fn start(self) -> Result<Server> {
        Server::start(self).await
    }

    pub(super) fn toml(&self, folder: &Path, storage: Option<&str>) -> Result<String> {
        let path = |name: &str| serde_json::to_string(&folder.join(name).to_string_lossy());
        let data = serde_json::to_string(&self.data_dir(folder).to_string_lossy())?;
        let mut toml = format!("data_dir = {data}\n[[host]]\ndomain = \"localhost\"\n");
        if let Some(url) = storage {
            writeln!(toml, "[storage]\nurl = {}", serde_json::to_string(url)?)?;
        }
        for (kind, policy) in &self.listeners {
            writeln!(
                toml,
                "[[listen]]\nkind = \"{kind}\"\naddress = \"127.0.0.1:0\""
            )?;
            if *kind == "c2s" {
                writeln!(toml, "tls = \"{policy}\"")?;
            }
            if !self.trusted_proxies.is_empty() {
                writeln!(toml, "trusted_proxies = {:?}", self.trusted_proxies)?;
            }
        }
        writeln!(
            toml,
            "[tls]\ncertificate = {}\nprivate_key = {}",
            path("cert.pem")?,
            path("key.pem")?
        )?;
        if self.registration {
            toml.push_str("[plugin.registration.config]\nopen = true\nrate_limit = false\n");
        }
        toml.push_str(&self.config);
        Ok(toml)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}
