//! A PostgreSQL of a test's own: a cluster in a temporary folder, reached by a Unix socket there and nowhere else, which goes
//! when the test's process does, however that ends.
//!
//! The programs are Debian's, or those in the `PATH`. They refuse to run as root: for root they run as `postgres`, or as
//! `nobody` where there is no such user.

use std::{
    env, fs,
    net::TcpListener,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, getuid, kill_process};

/// The role that owns all, and its password.
const ROLE: &str = "waxwing";
const PASSWORD: &str = "a password, never shown";
/// The password as it stands in a url.
const PASSWORD_IN_URL: &str = "a%20password,%20never%20shown";
/// How long a process may take to stand still after `SIGSTOP`.
const PATIENCE: Duration = Duration::from_secs(30);
/// Ports that are tried.
const ATTEMPTS: u32 = 5;
/// Tests do not outlive a loss of power, and kills lose nothing that was written.
const SETTINGS: &str = "listen_addresses = ''\nshared_buffers = 16MB\nmax_connections = 400\n\
                        max_wal_size = 256MB\nlogging_collector = off\n";
const NOT_DURABLE: &str = "fsync = off\nfull_page_writes = off\n";
/// Ends the cluster and removes its folder, `$1`, when standard input ends: whoever held it is gone.
const JANITOR: &str = r#"cat >/dev/null
pids=$(cat "$1/data/postmaster.pid" 2>/dev/null | head -n 1)
if [ -n "$pids" ]; then
    pids="$pids $(ps -o pid= --ppid "$pids")"
    kill -CONT $pids 2>/dev/null
    kill -QUIT ${pids%% *} 2>/dev/null
    for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 ${pids%% *} 2>/dev/null || break; sleep 0.2; done
fi
rm -rf "$1""#;

/// A cluster of databases.
pub struct Cluster {
    folder: PathBuf,
    programs: Programs,
    databases: AtomicU32,
    janitor: Child,
    /// Closed with this process, or when the cluster is dropped.
    held: Option<ChildStdin>,
}

impl Cluster {
    /// Makes a cluster and starts it.
    pub fn start() -> Result<Self> {
        Self::with(&(SETTINGS.to_owned() + NOT_DURABLE))
    }

    /// The same, but what it commits is on the disk: to see how long that takes.
    pub fn durable() -> Result<Self> {
        Self::with(SETTINGS)
    }

    fn with(settings: &str) -> Result<Self> {
        let programs = Programs::find()?;
        let folder = tempfile::Builder::new()
            .prefix("waxwing-postgres")
            .tempdir()?
            .keep();
        if let Some((user, group)) = programs.user {
            chown(&folder, Some(user), Some(group)).context("cannot give a folder away")?;
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        let mut janitor = programs.command(Path::new("/bin/sh"));
        janitor.args(["-c", JANITOR, "sh"]).arg(&folder);
        // Apart from the test: whoever interrupts that does not interrupt this.
        janitor.process_group(0).stdin(Stdio::piped());
        let mut janitor = janitor.spawn().context("cannot start sh")?;
        let held = janitor.stdin.take();
        let cluster = Self {
            folder,
            programs,
            databases: AtomicU32::new(0),
            janitor,
            held,
        };
        cluster.initialise(settings)?;
        cluster.start_again()?;
        Ok(cluster)
    }

    /// From now on the server is reached over TCP alone, at the port of 127.0.0.1 that this gives, over TLS with that certificate and
    /// key in PEM where there are some.
    pub fn serve_tcp(&self, tls: Option<(&str, &str)>) -> Result<u16> {
        let mut settings = "listen_addresses = '127.0.0.1'\n".to_owned();
        if let Some((certificate, key)) = tls {
            self.write("server.crt", certificate)?;
            self.write("server.key", key)?;
            settings.push_str("ssl = on\n");
        }
        self.stop()?;
        let file = self.data().join("postgresql.auto.conf");
        let before = fs::read_to_string(&file)?;
        let mut started = Ok(());
        for _ in 0..ATTEMPTS {
            // Somebody else may take it in between.
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            fs::write(&file, format!("{before}{settings}port = {port}\n"))?;
            started = self.start_again();
            if started.is_ok() {
                return Ok(port);
            }
        }
        started.map(|()| 0)
    }

    /// A file for the server's eyes alone.
    fn write(&self, name: &str, text: &str) -> Result<()> {
        let file = self.data().join(name);
        fs::write(&file, text)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        if let Some((user, group)) = self.programs.user {
            chown(&file, Some(user), Some(group))?;
        }
        Ok(())
    }

    /// One cluster for all tests of a process.
    ///
    /// # Panics
    /// If there can be none: a test without it would show nothing.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        #[expect(clippy::panic, reason = "a test cannot go on without it, and says why")]
        SHARED.get_or_init(|| Self::start().unwrap_or_else(|error| panic!("{error:#}")))
    }

    fn initialise(&self, settings: &str) -> Result<()> {
        let secret = self.folder.join("password");
        fs::write(&secret, PASSWORD)?;
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o644))?;
        let mut initdb = self.programs.command(&self.programs.folder.join("initdb"));
        initdb
            .args([
                "--username",
                ROLE,
                "--auth=scram-sha-256",
                "--encoding=UTF8",
            ])
            .args(["--locale=C", "--no-sync", "--pwfile"])
            .arg(&secret)
            .arg("--pgdata")
            .arg(self.data());
        run(&mut initdb)?;
        let file = self.data().join("postgresql.auto.conf");
        let sockets = format!("unix_socket_directories = '{}'\n", self.folder.display());
        fs::write(file, settings.to_owned() + &sockets)?;
        Ok(())
    }

    /// A new, empty database; its url.
    pub fn database(&self) -> Result<String> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test{number}");
        let mut createdb = self
            .programs
            .command(&self.programs.folder.join("createdb"));
        createdb
            .args(["--username", ROLE, "--host"])
            .arg(&self.folder)
            .arg(&name)
            .env("PGPASSWORD", PASSWORD);
        run(&mut createdb)?;
        Ok(self.url_by(&name, &self.folder.display().to_string()))
    }

    /// The url of a database by another way than the cluster's socket, as `host=HOST&port=PORT`.
    #[must_use]
    pub fn url_by(&self, database: &str, host: &str) -> String {
        format!("postgres://{ROLE}:{PASSWORD_IN_URL}@localhost/{database}?host={host}")
    }

    /// What the password looks like in a url and elsewhere: no output may hold either.
    #[must_use]
    pub fn secrets() -> [&'static str; 2] {
        [PASSWORD, PASSWORD_IN_URL]
    }

    /// The socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
    }

    /// Stops the server as a crash of all its processes would: nobody is told.
    pub fn stop(&self) -> Result<()> {
        let mut stop = self.control("stop");
        run(stop.args(["-m", "immediate"]))
    }

    /// Starts the server on what it left.
    pub fn start_again(&self) -> Result<()> {
        let log = self.folder.join("log");
        let mut start = self.control("start");
        // Its output would keep a pipe of ours open.
        start.stdout(Stdio::null()).stderr(Stdio::null());
        let status = start.arg("--log").arg(&log).status()?;
        let told = || fs::read_to_string(&log).unwrap_or_default();
        ensure!(status.success(), "PostgreSQL does not start: {}", told());
        Ok(())
    }

    fn control(&self, what: &str) -> Command {
        let program = self.programs.folder.join("pg_ctl");
        let mut command = self.programs.command(&program);
        command.args([what, "--wait", "--timeout=60", "--pgdata"]);
        command.arg(self.data());
        command
    }

    /// Sends a signal to each of the server's processes. After `SIGSTOP` it hears everything and says nothing: this returns when all
    /// of them stand still, since a process that runs on another processor may still answer what it had begun.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let server = fs::read_to_string(self.data().join("postmaster.pid"))?;
        let server: i32 = server.lines().next().unwrap_or_default().parse()?;
        // The one that starts the others first, so that there are no new ones.
        send(server, signal)?;
        let children = format!("/proc/{server}/task/{server}/children");
        let children = fs::read_to_string(children)?;
        for child in children.split_whitespace() {
            send(child.parse()?, signal)?;
        }
        Ok(())
    }

    /// Runs SQL in a database by psql; what it prints, a line a row.
    pub fn query(&self, url: &str, sql: &str) -> Result<String> {
        let mut psql = self.programs.command(&self.programs.folder.join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set", "ON_ERROR_STOP=1", "--command", sql, url]);
        let output = psql.output().context("cannot run psql")?;
        ensure!(
            output.status.success(),
            "psql: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned())
    }

    /// Looks by pg_amcheck whether tables and indexes of a database are whole, and hold the same rows.
    pub fn check(&self, url: &str) -> Result<()> {
        let (path, _) = url.split_once('?').unwrap_or((url, ""));
        let (_, name) = path.rsplit_once('/').context("a url without a name")?;
        let program = self.programs.folder.join("pg_amcheck");
        let mut check = self.programs.command(&program);
        check
            .args(["--install-missing", "--heapallindexed", "--username", ROLE])
            .arg("--host")
            .arg(&self.folder)
            .args(["--database", name])
            .env("PGPASSWORD", PASSWORD);
        run(&mut check)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.held.take());
        // It ends within seconds; if it cannot be waited for there is nothing left to do.
        let _ = self.janitor.wait();
    }
}

/// Sends a signal to a process, which may have ended by itself, and waits until it stands still if that is what the signal asks.
fn send(process: i32, signal: Signal) -> Result<()> {
    let pid = Pid::from_raw(process).context("no process id")?;
    // One that has ended hears nothing.
    let _ = kill_process(pid, signal);
    let begun = Instant::now();
    while signal == Signal::STOP && runs(process) {
        ensure!(begun.elapsed() < PATIENCE, "{process} does not stop");
        thread::park_timeout(Duration::from_millis(1));
    }
    Ok(())
}

/// Whether a process is there and does not stand still.
fn runs(process: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name in brackets may hold anything; the state is behind it.
    let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start());
    state.is_some_and(|state| !state.starts_with(['T', 'Z', 'X']))
}

/// Where the programs are, and as whom they run.
struct Programs {
    folder: PathBuf,
    /// User and group, where this process is root.
    user: Option<(u32, u32)>,
}

impl Programs {
    fn find() -> Result<Self> {
        let versions = fs::read_dir("/usr/lib/postgresql");
        let versions = versions.into_iter().flatten().flatten();
        let mut folders: Vec<_> = versions.map(|entry| entry.path().join("bin")).collect();
        folders.sort_by_key(|folder| {
            let version = folder.parent().and_then(Path::file_name);
            let version = version.and_then(|version| version.to_str()?.parse::<u32>().ok());
            std::cmp::Reverse(version.unwrap_or(0))
        });
        let path = env::var_os("PATH").unwrap_or_default();
        folders.extend(env::split_paths(&path));
        let found = folders
            .into_iter()
            .find(|folder| folder.join("initdb").exists());
        let Some(folder) = found else {
            bail!(
                "PostgreSQL's initdb is not here; `cargo xtask test` installs Debian's package postgresql"
            );
        };
        let user = if getuid().is_root() {
            Some(somebody_else()?)
        } else {
            None
        };
        Ok(Self { folder, user })
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // Where the test stands, and whose it is, need not be open to everybody.
        command.current_dir("/").env("HOME", "/").env("LC_ALL", "C");
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }
}

/// User and group of `postgres`, or of `nobody`.
fn somebody_else() -> Result<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let of = |name: &str| {
        let mut lines = users.lines().map(|line| line.split(':'));
        let mut found = lines.find_map(|mut fields| (fields.next()? == name).then_some(fields))?;
        let (user, group) = (found.nth(1)?, found.next()?);
        Some((user.parse().ok()?, group.parse().ok()?))
    };
    of("postgres")
        .or_else(|| of("nobody"))
        .context("PostgreSQL refuses root, and there is neither a user postgres nor nobody")
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(
        output.status.success(),
        "{}: {}",
        program.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
