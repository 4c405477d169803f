//! Starts the built server as an operator would, in a folder of its own, on free ports.

mod compiled;
mod settings;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Child;
use tokio::time::timeout;

use crate::client::login::password_of;
use crate::peers::{self, Peer};
use crate::{Client, Login, PATIENCE, environment, process, tls};

use settings::Launch;

pub use settings::Settings;

/// Names another server to run the scenarios against, to tell a wrong test from a wrong server: `prosody`.
const AGAINST: &str = "WAXWING_TEST_AGAINST";

/// What a command printed, and its exit code.
#[derive(Debug)]
pub struct Printed {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

/// A running server. Dropped without [`Server::stop`], it is killed and its log shown.
pub struct Server {
    launch: Launch,
    storage: Option<String>,
    folder: TempDir,
    child: Child,
    ready: Vec<(String, SocketAddr)>,
    log: Arc<Mutex<String>>,
    peer: Option<Peer>,
    /// The cache of compiled plugins, where it was lent what other servers compiled.
    cache: Option<PathBuf>,
    stopped: bool,
}

impl Server {
    /// Starts a server with the usual settings.
    pub async fn new() -> Result<Self> {
        Self::start(Settings::new()).await
    }

    async fn start(settings: Settings) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("waxwing-test").tempdir()?;
        tls::write_certificate(
            "localhost",
            &folder.path().join("cert.pem"),
            &folder.path().join("key.pem"),
        )?;
        let storage = settings.storage_url()?;
        std::fs::write(
            folder.path().join("waxwing.toml"),
            settings.toml(folder.path(), storage.as_deref())?,
        )?;
        let plugins = settings.data_dir(folder.path()).join("plugins");
        std::fs::create_dir_all(&plugins)?;
        for (component, name) in &settings.plugins {
            std::fs::copy(component, plugins.join(name))
                .with_context(|| format!("cannot copy {}", component.display()))?;
        }
        let against = std::env::var(AGAINST).ok();
        let is_ours = matches!(against.as_deref(), None | Some(""));
        let cache = settings.data_dir(folder.path()).join("cache");
        // A folder that the scenario brought may have a cache of its own.
        let is_lent = is_ours && !settings.is_cold && !cache.exists();
        let cache = is_lent.then_some(cache);
        if let Some(cache) = &cache {
            compiled::lend(cache)?;
        }
        let mut server = match against.as_deref() {
            None | Some("") => {
                let (child, log) = spawn(folder.path(), &settings.launch)?;
                Self {
                    launch: settings.launch,
                    storage,
                    folder,
                    child,
                    ready: Vec::new(),
                    log,
                    peer: None,
                    cache,
                    stopped: false,
                }
            }
            Some("prosody") => {
                let plain = settings
                    .listeners
                    .iter()
                    .any(|(_, policy)| *policy == "none");
                let (peer, child) = peers::prosody(
                    folder.path(),
                    if plain {
                        peers::Tls::Off
                    } else {
                        peers::Tls::Required
                    },
                )
                .await?;
                let ready = peer.listeners.clone();
                return Ok(Self {
                    launch: settings.launch,
                    storage: None,
                    folder,
                    child,
                    ready,
                    log: Arc::default(),
                    peer: Some(peer),
                    cache: None,
                    stopped: false,
                });
            }
            Some(other) => bail!("{AGAINST} names an unknown server: {other}"),
        };
        server.ready = server.wait_until_ready().await?;
        Ok(server)
    }

    /// Kills the server as `kill -9` does.
    pub async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.context("cannot kill the server")
    }

    /// Starts the server again on the data that it left.
    pub async fn start_again(&mut self) -> Result<()> {
        ensure!(self.child.try_wait()?.is_some(), "the server still runs");
        let (child, log) = spawn(self.folder.path(), &self.launch)?;
        self.child = child;
        self.log = log;
        self.ready = self.wait_until_ready().await?;
        Ok(())
    }

    async fn wait_until_ready(&mut self) -> Result<Vec<(String, SocketAddr)>> {
        let stdout = self
            .child
            .stdout
            .take()
            .context("the server has no stdout")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = timeout(PATIENCE, lines.next_line())
            .await
            .with_context(|| format!("no ready line; log: {}", self.log()))??;
        let Some(line) = line else {
            // Its last words may still be on their way.
            self.child.wait().await?;
            tokio::time::sleep(Duration::from_millis(200)).await;
            bail!("the server ended before it was ready; log: {}", self.log());
        };
        // Whatever it prints later must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let listeners = line
            .strip_prefix("ready ")
            .with_context(|| format!("not a ready line: {line}"))?;
        listeners
            .split_whitespace()
            .map(|pair| {
                let (kind, address) = pair
                    .split_once('=')
                    .with_context(|| format!("not kind=address in the ready line: {pair}"))?;
                Ok((
                    kind.to_owned(),
                    address
                        .parse()
                        .with_context(|| format!("not an address in the ready line: {address}"))?,
                ))
            })
            .collect()
    }

    /// The address of the first listener of a kind: `c2s`, `c2s-tls`.
    pub fn address(&self, kind: &str) -> Result<SocketAddr> {
        let found = self.ready.iter().find(|(found, _)| found == kind);
        found
            .map(|(_, address)| *address)
            .with_context(|| format!("no listener {kind} in {:?}", self.ready))
    }

    /// A new connection, nothing sent on it.
    pub async fn connect(&self) -> Result<Client> {
        Client::connect(self.address("c2s")?).await
    }

    /// A session; returns it with its full JID.
    pub async fn log_in(&self, login: &Login) -> Result<(Client, String)> {
        let mut client = self.connect().await?;
        let jid = client
            .log_in(login)
            .await
            .with_context(|| format!("logging in as {}", login.user))?;
        Ok((client, jid))
    }

    /// An account with the harness's password, and a session of it.
    pub async fn session(&self, user: &str) -> Result<(Client, String)> {
        self.account(user).await?;
        self.log_in(&Login::new(user)).await
    }

    /// As [`Server::session`], on a listener that asks for no TLS.
    pub async fn session_without_tls(&self, user: &str) -> Result<(Client, String)> {
        self.account(user).await?;
        let login = Login {
            starttls: None,
            ..Login::new(user)
        };
        self.log_in(&login).await
    }

    /// Makes an account `user@localhost` with the password that [`Login::new`] uses.
    pub async fn account(&self, user: &str) -> Result<()> {
        self.account_at(user, "localhost").await
    }

    /// As [`Server::account`], at a domain of the configuration.
    pub async fn account_at(&self, user: &str, domain: &str) -> Result<()> {
        if let Some(peer) = &self.peer {
            return peer.register(user).await;
        }
        let jid = format!("{user}@{domain}");
        let printed = self
            .cli_with(
                &["user", "add", &jid, "--password-stdin"],
                &format!("{}\n", password_of(user)),
            )
            .await?;
        ensure!(
            printed.code == Some(0),
            "waxwing user add {jid}: {}",
            printed.stderr
        );
        Ok(())
    }

    /// Runs `waxwing ARGUMENTS --config …` beside the server.
    pub async fn cli(&self, arguments: &[&str]) -> Result<Printed> {
        self.cli_with(arguments, "").await
    }

    /// As [`Server::cli`], with that on its standard input.
    pub async fn cli_with(&self, arguments: &[&str], stdin: &str) -> Result<Printed> {
        let config = self
            .folder
            .path()
            .join("waxwing.toml")
            .display()
            .to_string();
        let mut arguments = arguments.to_vec();
        arguments.extend(["--config", &config]);
        run(&arguments, stdin).await
    }

    /// Starts `waxwing ARGUMENTS --config …` beside the server, for a command that lasts. It is killed when it is dropped.
    pub fn start_cli(&self, arguments: &[&str]) -> Result<Child> {
        let mut command = environment::waxwing()?;
        command
            .args(arguments)
            .arg("--config")
            .arg(self.config_file())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        command.spawn().context("cannot start waxwing")
    }

    /// The url of the server's database, where that is not SQLite's file.
    #[must_use]
    pub fn storage(&self) -> Option<&str> {
        self.storage.as_deref()
    }

    /// The server's database, where it is SQLite's file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("data/waxwing.db")
    }

    /// The server's folder for plugins.
    #[must_use]
    pub fn plugins(&self) -> PathBuf {
        self.folder.path().join("data/plugins")
    }

    /// The configuration file; write it and send SIGHUP to change what may change.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("waxwing.toml")
    }

    /// The certificate that the server shows, PEM.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// Everything logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether the server has panicked: what a guest prints about panics of its own bears its name.
    #[must_use]
    pub fn has_panicked(&self) -> bool {
        let log = self.log();
        let mut lines = log.lines();
        lines.any(|line| line.contains("panicked at") && !line.contains("plugin=\""))
    }

    /// Waits until the log holds `text`.
    pub async fn wait_for_log(&self, text: &str) -> Result<()> {
        wait_until(|| self.log().contains(text))
            .await
            .with_context(|| format!("{text:?} is not in the log: {}", self.log()))
    }

    /// The process.
    pub fn pid(&self) -> Result<u32> {
        self.child.id().context("the server is gone")
    }

    /// Whether the process lives.
    pub fn is_alive(&self) -> Result<bool> {
        Ok(process::is_alive(self.pid()?))
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> Result<u64> {
        process::resident_kib(self.pid()?)
    }

    /// How many files it has open, sockets among them.
    pub fn open_files(&self) -> Result<usize> {
        process::open_files(self.pid()?)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.pid()?)
            .ok()
            .and_then(Pid::from_raw)
            .context("no process id")?;
        rustix::process::kill_process(pid, signal).context("cannot signal the server")
    }

    /// Waits until the process has ended.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        let status = timeout(PATIENCE, self.child.wait())
            .await
            .with_context(|| format!("the server does not end; log: {}", self.log()))?;
        self.stopped = true;
        if let Some(cache) = &self.cache {
            compiled::keep(cache)?;
        }
        Ok(status?)
    }

    /// Ends the server as [`Server::end`] does, and removes its folder.
    pub async fn stop(mut self) -> Result<()> {
        self.end().await
    }

    /// Ends the server by SIGTERM; it must exit with 0 and must not have panicked.
    pub async fn end(&mut self) -> Result<()> {
        ensure!(
            self.child.try_wait()?.is_none(),
            "the server was gone before it was stopped; log: {}",
            self.log()
        );
        self.signal(Signal::TERM)?;
        let status = self.wait().await?;
        let log = self.log();
        ensure!(!self.has_panicked(), "the server panicked: {log}");
        if self.peer.is_none() {
            ensure!(
                status.code() == Some(0),
                "after SIGTERM: code {:?}, signal {:?}; log: {log}",
                status.code(),
                status.signal()
            );
        }
        Ok(())
    }
}

impl Drop for Server {
    #[expect(
        clippy::print_stderr,
        reason = "the test harness shows it with a test that failed, and only then"
    )]
    fn drop(&mut self) {
        if !self.stopped {
            eprintln!(
                "--- log of the server ---\n{}\n--- end of the log ---",
                self.log()
            );
        }
    }
}

/// Runs `waxwing` with `arguments` to its end.
pub async fn run(arguments: &[&str], stdin: &str) -> Result<Printed> {
    // Where no configuration says otherwise, data lies in the working directory.
    let folder = tempfile::tempdir()?;
    let mut command = environment::waxwing()?;
    command
        .current_dir(folder.path())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().context("cannot start waxwing")?;
    if let Some(mut pipe) = child.stdin.take() {
        // A command that wants no input may have ended already.
        let _ = pipe.write_all(stdin.as_bytes()).await;
    }
    let output = timeout(PATIENCE, child.wait_with_output())
        .await
        .with_context(|| format!("waxwing {arguments:?} does not end"))??;
    Ok(Printed {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn spawn(folder: &Path, launch: &Launch) -> Result<(Child, Arc<Mutex<String>>)> {
    // What is ignored or limited stays so in the program that the shell becomes.
    let mut before = String::new();
    if launch.survives_file_limit {
        before.push_str("trap '' XFSZ; ");
    }
    if let Some(most) = launch.open_files {
        write!(before, "ulimit -n {most}; ")?;
    }
    if let Some(mebibytes) = launch.address_space {
        write!(before, "ulimit -v {}; ", u64::from(mebibytes) << 10)?;
    }
    if launch.without_inotify {
        // In a user namespace of its own, so that nobody else goes without. `exec` keeps the process id.
        before.push_str("echo 0 > /proc/sys/user/max_inotify_instances || exit; ");
    }
    let mut command = if before.is_empty() {
        environment::waxwing()?
    } else {
        let mut shell = if launch.without_inotify {
            let mut unshare = tokio::process::Command::new("unshare");
            unshare.args(["--user", "--map-root-user", "/bin/sh"]);
            unshare
        } else {
            tokio::process::Command::new("/bin/sh")
        };
        environment::remove_variables(&mut shell);
        let script = format!("{before}exec \"$0\" \"$@\"");
        shell.args(["-c", &script]).arg(environment::binary()?);
        shell
    };
    let variables = launch.environment.iter();
    command
        .envs(variables.map(|(name, value)| (name, value)))
        .args(["run", "--config"])
        .arg(folder.join("waxwing.toml"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().context("cannot start the server")?;
    let log = Arc::new(Mutex::new(String::new()));
    if let Some(stderr) = child.stderr.take() {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let mut lines = BufReader::new(stderr).split(b'\n');
            while let Ok(Some(line)) = lines.next_segment().await {
                let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                log.push_str(&String::from_utf8_lossy(&line));
                log.push('\n');
            }
        });
    }
    Ok((child, log))
}

/// Waits until a condition holds that nothing announces.
pub async fn wait_until(mut condition: impl FnMut() -> bool) -> Result<()> {
    timeout(PATIENCE, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .context("waited in vain")
}
