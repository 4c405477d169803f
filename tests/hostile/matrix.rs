//! The one server and its load, started by the first row and ended after the last.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Element, Server, environment};

use crate::background::{Background, Latency};

/// The background's 99th percentile of a round trip, two messages, where nothing else is said: what a stalled shard could not
/// keep, and a machine with other things to do can.
const P99: Duration = Duration::from_secs(5);
/// Says in milliseconds what it must be instead.
const P99_VARIABLE: &str = "WAXWING_TEST_P99_MS";
/// What the fixture `actor` exports and asks for, all of which is granted: what it may not do is not for want of a grant.
const ACTORS: &str = r#"["inbound", "iq-handler", "reply-handler", "timer-handler", "plugin-events", "account-events", "session-events",
    "registration-veto", "password-veto", "removal-veto", "accounts", "storage", "router", "events", "sessions", "http-client"]"#;
/// Room for six instances of 60 MiB, so that what all plugins may have is reached before the machine's memory is. The rows' own users
/// say nothing for longer than a client may.
const LIMITS: &str = "[limits]\nidle_probe_seconds = 0\n[plugins]\nmemory_mib = 384\n";
/// What a row lasts at least, so that every pair of the background falls into it.
const ROW: Duration = Duration::from_millis(1_500);

type Seen<'a> = Pin<Box<dyn Future<Output = Result<Value>> + 'a>>;

/// A row of the matrix: its name, and what it does, which returns its figures.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) run: for<'a> fn(&'a mut Matrix) -> Seen<'a>,
}

/// Started by the first row.
#[derive(Default)]
pub(crate) struct Shared(Mutex<Option<Matrix>>);

/// The server, its load, and two who try the guests.
pub(crate) struct Matrix {
    pub(crate) server: Server,
    background: Background,
    pub(crate) romeo: Client,
    pub(crate) juliet: Client,
    pub(crate) juliet_jid: String,
    figures: BTreeMap<&'static str, Value>,
    /// Takes connections, and answers none.
    pub(crate) silent: TcpListener,
}

/// Runs a row beside the load, and judges what the load saw.
pub(crate) async fn run(shared: &Shared, row: &Row) -> Result<()> {
    let mut shared = shared.0.lock().await;
    if shared.is_none() {
        *shared = Some(Matrix::start().await?);
    }
    let matrix = shared.as_mut().context("no server")?;
    matrix.background.begin_row();
    let began = tokio::time::Instant::now();
    let seen = (row.run)(matrix).await;
    tokio::time::sleep_until(began + ROW).await;
    let latency = matrix.background.end_row().await;
    let seen = seen.with_context(|| matrix.last_words())?;
    matrix.judge(row.name, &seen, latency?)
}

/// Ends the load and the server.
pub(crate) async fn end(shared: &Shared) -> Result<()> {
    let Some(matrix) = shared.0.lock().await.take() else {
        return Ok(());
    };
    let figures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile-guests.json");
    std::fs::write(&figures, serde_json::to_string_pretty(&matrix.figures)?)?;
    println!("figures: {}", figures.display());
    matrix.background.stop().await?;
    matrix.server.stop().await
}

impl Matrix {
    async fn start() -> Result<Self> {
        let silent = TcpListener::bind("127.0.0.1:0").await?;
        let config = format!("{LIMITS}{}", grants(silent.local_addr()?)?);
        let server = Settings::new().config(&config).start().await?;
        let background = Background::start(&server).await?;
        let (romeo, _) = server.session("romeo").await?;
        let (juliet, juliet_jid) = server.session("juliet").await?;
        Ok(Self {
            server,
            background,
            romeo,
            juliet,
            juliet_jid,
            figures: BTreeMap::new(),
            silent,
        })
    }

    /// The end of the log, for what failed.
    fn last_words(&self) -> String {
        let log = self.server.log();
        let lines: Vec<&str> = log.lines().collect();
        let from = lines.len().saturating_sub(12);
        format!(
            "the log ends:\n{}\n",
            lines.get(from..).unwrap_or_default().join("\n")
        )
    }

    /// What must hold after every row.
    fn judge(&mut self, row: &'static str, seen: &Value, latency: Latency) -> Result<()> {
        let figures = json!({
            "seen": seen,
            "round trips": latency.round_trips,
            "p99 ms": latency.p99.as_secs_f64() * 1e3,
            "longest ms": latency.longest.as_secs_f64() * 1e3,
        });
        println!("{row}: {figures}");
        self.figures.insert(row, figures);
        ensure!(self.server.is_alive()?, "the process is gone");
        ensure!(
            !self.server.has_panicked(),
            "the server panicked: {}",
            self.server.log()
        );
        let most = std::env::var(P99_VARIABLE).ok();
        let most = most
            .and_then(|most| most.parse().ok())
            .map_or(P99, Duration::from_millis);
        ensure!(
            latency.p99 <= most,
            "the background's p99 was {:?}, more than {most:?}",
            latency.p99
        );
        Ok(())
    }

    /// Installs a guest, and waits until it serves.
    pub(crate) async fn install(&self, name: &str) -> Result<()> {
        self.put(name, &std::fs::read(guest(name)?)?)?;
        let status = self
            .status_when(name, |status| !status["serving"].is_null())
            .await?;
        ensure!(status["serving"] == true, "{name} does not serve: {status}");
        Ok(())
    }

    /// Puts bytes into the plugins folder, in one piece.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let folder = self.server.plugins();
        let partial = folder.join(format!(".{name}.partial"));
        std::fs::write(&partial, bytes)?;
        Ok(std::fs::rename(
            &partial,
            folder.join(format!("{name}.wasm")),
        )?)
    }

    /// Removes a guest, and waits until it is gone.
    pub(crate) async fn remove(&self, name: &str) -> Result<()> {
        std::fs::remove_file(self.server.plugins().join(format!("{name}.wasm")))?;
        self.status_when(name, Value::is_null).await?;
        Ok(())
    }

    /// What `waxwing plugin list` says of a plugin, null if it does not know it, once that is as wanted.
    pub(crate) async fn status_when(
        &self,
        name: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let give_up = tokio::time::Instant::now() + 3 * waxwing_tests::PATIENCE;
        loop {
            let printed = self.server.cli(&["plugin", "list", "--json"]).await?.stdout;
            let list: Value = serde_json::from_str(&printed)?;
            let plugins = list.as_array().into_iter().flatten();
            let mut found = plugins.filter(|plugin| plugin["name"] == name);
            let status = found.next().unwrap_or(&Value::Null);
            if wanted(status) {
                return Ok(status.clone());
            }
            ensure!(
                tokio::time::Instant::now() < give_up,
                "{name} is not as wanted: {status}; log: {}",
                self.server.log()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Why a guest that does not load is refused.
    pub(crate) async fn refusal(&self, name: &str) -> Result<String> {
        let status = self
            .status_when(name, |status| status["error"].is_string())
            .await?;
        Ok(status["error"].as_str().unwrap_or_default().to_owned())
    }

    /// Romeo asks a guest's handler.
    pub(crate) async fn ask(&mut self, name: &str, kind: &str) -> Result<Element> {
        let query = format!("<query xmlns='urn:example:{name}' kind='{kind}'/>");
        self.romeo.iq("get", "localhost", &query).await
    }

    /// Romeo asks a guest's handler, which fails: he is told to try again later.
    pub(crate) async fn ask_in_vain(&mut self, name: &str, kind: &str) -> Result<()> {
        let answer = self.ask(name, kind).await?;
        refused(&answer).with_context(|| format!("{name} {kind}"))
    }

    /// Romeo writes to Juliet what a guest's hook judges, which fails: he is told to try again later.
    pub(crate) async fn write_in_vain(&mut self, name: &str) -> Result<()> {
        let answer = self.write(name, "misbehave").await?;
        refused(&answer).with_context(|| name.to_owned())
    }

    /// Romeo writes to Juliet what a guest's hook judges; returns what comes back to him.
    pub(crate) async fn write(&mut self, name: &str, body: &str) -> Result<Element> {
        let to = &self.juliet_jid;
        let id = format!("to-{name}");
        self.romeo
            .send(&format!(
                "<message to='{to}' type='chat' id='{id}'><body>{body}</body><x xmlns='urn:example:{name}'/></message>"
            ))
            .await?;
        self.romeo
            .wait_for("what comes back", |element| element.attr("id") == Some(&id))
            .await
    }

    /// Romeo has the fixture `actor` of that name do these steps; returns what each answered, an error after a `!`.
    pub(crate) async fn act(&mut self, name: &str, steps: &str) -> Result<Vec<String>> {
        act(&mut self.romeo, name, steps).await
    }

    /// The figures of a plugin.
    pub(crate) async fn stats(&self, name: &str) -> Result<Value> {
        let arguments = ["plugin", "stats", name, "--json"];
        let printed = self.server.cli(&arguments).await?.stdout;
        let mut stats: Vec<Value> = serde_json::from_str(&printed)?;
        stats.pop().context("no figures")
    }

    /// What an `actor` wrote down, once that is as wanted.
    pub(crate) async fn heard(
        &mut self,
        name: &str,
        wanted: impl Fn(&[&str]) -> bool,
    ) -> Result<String> {
        let give_up = tokio::time::Instant::now() + waxwing_tests::PATIENCE;
        loop {
            let heard = self.act(name, "<log log='heard'/>").await?.concat();
            if wanted(&heard.split('|').collect::<Vec<_>>()) {
                return Ok(heard);
            }
            ensure!(
                tokio::time::Instant::now() < give_up,
                "{name} has heard only {heard}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The faults that are counted for a guest.
    pub(crate) async fn faults(&self, name: &str) -> Result<u64> {
        let status = self.status_when(name, Value::is_object).await?;
        status["faults"].as_u64().context("no count of faults")
    }
}

/// Has the fixture `actor` of that name do these steps for a client; returns what each answered, an error after a `!`.
pub(crate) async fn act(client: &mut Client, name: &str, steps: &str) -> Result<Vec<String>> {
    let script = format!("<do xmlns='urn:example:{name}'>{steps}</do>");
    let answer = client.iq("set", "localhost", &script).await?;
    let done = answer
        .child("done", &format!("urn:example:{name}"))
        .with_context(|| format!("{steps}: {answer}"))?;
    let said = |step: &Element| match (step.attr("result"), step.attr("error")) {
        (Some(result), _) => result.to_owned(),
        (None, error) => format!("!{}", error.unwrap_or_default()),
    };
    Ok(done.children.iter().map(said).collect())
}

/// The policy's answer where a guest failed.
pub(crate) fn refused(answer: &Element) -> Result<()> {
    let error = answer.stanza_error().unwrap_or_default();
    ensure!(error == "wait/internal-server-error", "{answer}");
    Ok(())
}

/// A hostile guest's file, or that of one of the fixtures in Rust.
pub(crate) fn guest(name: &str) -> Result<PathBuf> {
    environment::guest(&format!("hostile/{name}.wasm"))
        .or_else(|_| environment::guest(&format!("fixtures/{name}.wasm")))
        .or_else(|_| environment::guest(&format!("examples/{name}.wasm")))
}

/// The grants of all guests that there are: what they misuse is what they were granted.
fn grants(silent: SocketAddr) -> Result<String> {
    let mut toml = String::new();
    for (group, known) in [
        ("hostile", "endless-loop-filter"),
        ("fixtures", "loops"),
        ("examples", "word-filter"),
    ] {
        let folder = environment::guest(&format!("{group}/{known}.wasm"))?;
        for file in folder.parent().context("no folder")?.read_dir()? {
            let path = file?.path();
            if path.extension().is_some_and(|ending| ending == "wasm") {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                let usual = r#"["inbound", "iq-handler", "pre-auth"]"#;
                let is_actor = name.starts_with("actor");
                let grants = if is_actor { ACTORS } else { usual };
                writeln!(toml, "[plugin.{name}]\ngrants = {grants}")?;
                if is_actor {
                    writeln!(toml, "http_hosts = [\"http://{silent}\"]")?;
                }
            }
        }
    }
    Ok(toml)
}
