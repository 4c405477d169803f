//! What an operator sees of plugins: figures, metrics, and their calls as they happen.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, PATIENCE, Server, environment};

const FILTER: &str = "[plugin.word-filter]\ngrants = [\"inbound\"]\n[plugin.word-filter.config]\nwords = [\"banana\"]";
pub(crate) const METRICS: &str = "[[listen]]\nkind = \"metrics\"\naddress = \"127.0.0.1:0\"";

async fn filtering(more: &str) -> Result<Server> {
    let filter = environment::guest("examples/word-filter.wasm")?;
    let settings = Settings::new().plugin(&filter, "word-filter");
    settings.config(FILTER).config(more).start().await
}

async fn stats(server: &Server, plugin: &str) -> Result<Value> {
    let printed = server.cli(&["plugin", "stats", plugin, "--json"]).await?;
    ensure!(printed.code == Some(0), "{printed:?}");
    let mut stats: Vec<Value> = serde_json::from_str(&printed.stdout)?;
    stats.pop().context("no figures")
}

async fn say(client: &mut Client, jid: &str, body: &str) -> Result<()> {
    let message = format!(
        "<message to='{jid}' type='chat' id='m1'><body>{body}</body><x xmlns='urn:example:x'/></message>"
    );
    client.send(&message).await
}

/// Figures are of the name, whatever version serves.
#[tokio::test]
async fn figures_survive_a_new_version() -> Result<()> {
    let server = filtering("").await?;
    let (mut juliet, jid) = server.session("juliet").await?;
    for _ in 0..20 {
        say(&mut juliet, &jid, "apple").await?;
        juliet.message().await?;
    }
    let before = stats(&server, "word-filter").await?;
    assert_eq!(before["calls_by_export"]["inbound"], 20, "{before}");
    assert_eq!(before["faults"], 0, "{before}");
    let histogram = before["cpu"]["buckets"]
        .as_array()
        .context("no histogram")?;
    let measured: u64 = histogram
        .iter()
        .filter_map(|bucket| bucket["calls"].as_u64())
        .sum();
    // Of calls that come within a tick one is measured, and stands for those before it.
    assert!((1..=20).contains(&measured), "{before}");
    assert!(
        before["cpu"]["total_seconds"].as_f64() > Some(0.0),
        "{before}"
    );
    assert!(before["memory_bytes"].as_u64() > Some(0), "{before}");

    let other = environment::guest("fixtures/word-filter-2.wasm")?;
    replace(&other, &server.plugins().join("word-filter.wasm"))?;
    let reloaded = server.cli(&["plugin", "reload", "word-filter"]).await?;
    assert_eq!(reloaded.code, Some(0), "{reloaded:?}");
    say(&mut juliet, &jid, "apple").await?;
    juliet.message().await?;
    let after = stats(&server, "word-filter").await?;
    assert_ne!(after["version"], before["version"]);
    assert_eq!(after["calls"], 21, "{after}");
    server.stop().await
}

fn replace(new: &Path, old: &Path) -> Result<()> {
    let part = old.with_extension("part");
    std::fs::copy(new, &part)?;
    Ok(std::fs::rename(&part, old)?)
}

/// The plugin that works hard is the first of the table; the one that hoards has the largest memory.
#[tokio::test]
async fn a_plugin_that_works_hoards_and_talks_is_found_in_one_look() -> Result<()> {
    let component = environment::guest("fixtures/flaky.wasm")?;
    let settings = Settings::new().plugin(&component, "flaky");
    let grants = "[plugin.flaky]\ngrants = [\"inbound\"]";
    let server = settings.config(grants).start().await?;
    let (mut romeo, jid) = server.session("romeo").await?;
    for body in ["work", "work", "work", "talk", "talk", "talk"] {
        say(&mut romeo, &jid, body).await?;
    }
    // The host ends a long call on the shard's thread and repeats it elsewhere; the first instance goes with its hoard. Any call
    // may be long on a busy machine. So the plugin hoards until it holds enough.
    let mut hoards = 0;
    let figures = loop {
        say(&mut romeo, &jid, "hoard").await?;
        hoards += 1;
        // What comes through was sent after all of those.
        say(&mut romeo, &jid, "hello").await?;
        romeo.message().await?;
        let figures = stats(&server, "flaky").await?;
        if figures["memory_bytes"].as_u64() >= Some(8 << 20) {
            break figures;
        }
        ensure!(hoards < 100, "{figures}");
    };
    let figure = |name: &str| figures.pointer(name).and_then(Value::as_f64).unwrap_or(0.0);
    assert!(
        figure("/memory_highest_bytes") >= figure("/memory_bytes"),
        "{figures}"
    );
    assert!(figure("/cpu/longest_seconds") >= 0.000_5, "{figures}");
    assert!(figure("/log_lines_suppressed") >= 100.0, "{figures}");
    assert_eq!(figures["outcomes"]["drop"], 6 + hoards, "{figures}");

    let table = server.cli(&["plugin", "stats"]).await?.stdout;
    let first = table.lines().nth(1).unwrap_or_default();
    assert!(first.starts_with("flaky"), "{table}");
    let all = server.cli(&["plugin", "stats", "flaky"]).await?.stdout;
    assert!(all.contains("calls by CPU time"), "{all}");
    let unknown = server.cli(&["plugin", "stats", "nobody"]).await?;
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    assert!(
        unknown.stderr.contains("no plugin `nobody` serves"),
        "{unknown:?}"
    );

    // Whoever is thrown away gives its memory back.
    say(&mut romeo, &jid, "trap").await?;
    romeo
        .wait_for("the fault", |element| element.stanza_error().is_some())
        .await?;
    assert!(stats(&server, "flaky").await?["memory_bytes"].as_f64() < Some(8.0 * 1024.0 * 1024.0));
    server.stop().await
}

/// What a monitoring system reads.
pub(crate) async fn scrape(server: &Server) -> Result<String> {
    let mut connection = TcpStream::connect(server.address("metrics")?).await?;
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    connection.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    timeout(PATIENCE, connection.read_to_string(&mut answer)).await??;
    ensure!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    Ok(answer)
}

fn has(scraped: &str, line: &str) {
    assert!(
        scraped.lines().any(|found| found == line),
        "{line}\n{scraped}"
    );
}

#[tokio::test]
async fn metrics_tell_of_the_server_and_of_each_plugin() -> Result<()> {
    let server = filtering(METRICS).await?;
    let (mut juliet, jid) = server.session("juliet").await?;
    for _ in 0..3 {
        say(&mut juliet, &jid, "apple").await?;
        juliet.message().await?;
    }
    let scraped = scrape(&server).await?;
    for line in [
        "waxwing_streams 1",
        "waxwing_sessions 1",
        "waxwing_stanzas_routed_total{kind=\"message\"} 3",
        "waxwing_plugin_calls_total{plugin=\"word-filter\",export=\"inbound\"} 3",
        "waxwing_plugin_quarantined{plugin=\"word-filter\"} 0",
        "waxwing_plugin_faults_total{plugin=\"word-filter\",kind=\"trap\"} 0",
        "# EOF",
    ] {
        has(&scraped, line);
    }
    // Of calls that come within a tick one is measured, for all.
    assert!(
        scraped.contains("\nwaxwing_plugin_cpu_seconds_count{plugin=\"word-filter\"} "),
        "{scraped}"
    );
    assert!(
        !scraped.contains("juliet"),
        "no label names a user: {scraped}"
    );
    juliet.close().await?;
    timeout(PATIENCE, async {
        while !scrape(&server).await?.contains("\nwaxwing_sessions 0\n") {}
        anyhow::Ok(())
    })
    .await??;
    server.stop().await
}

/// A trace under way.
struct Trace {
    lines: Lines<BufReader<ChildStdout>>,
    child: Child,
}

impl Trace {
    async fn begin(server: &Server, arguments: &[&str]) -> Result<Self> {
        let mut child =
            server.start_cli(&[&["plugin", "trace", "word-filter"], arguments].concat())?;
        let lines = BufReader::new(child.stdout.take().context("no stdout")?).lines();
        until_watched_by(server, 1).await?;
        Ok(Self { lines, child })
    }

    async fn line(&mut self) -> Result<String> {
        let line = timeout(PATIENCE, self.lines.next_line());
        line.await??.context("the trace ended")
    }
}

async fn until_watched_by(server: &Server, watchers: u64) -> Result<()> {
    timeout(PATIENCE, async {
        while stats(server, "word-filter").await?["watchers"] != watchers {}
        Ok(())
    })
    .await
    .with_context(|| format!("never watched by {watchers}"))?
}

#[tokio::test]
async fn a_trace_shows_each_call_without_bodies_and_ends_with_its_command() -> Result<()> {
    let server = filtering("").await?;
    let (mut juliet, jid) = server.session("juliet").await?;
    let mut trace = Trace::begin(&server, &["--json"]).await?;
    say(&mut juliet, &jid, "a banana").await?;
    let line = trace.line().await?;
    assert!(!line.contains("banana"), "{line}");
    let call: Value = serde_json::from_str(&line)?;
    assert_eq!(call["export"], "inbound");
    assert_eq!(call["outcome"], "replace", "{call}");
    assert_eq!(call["stanza"]["kind"], "message");
    assert_eq!(call["stanza"]["type"], "chat");
    assert_eq!(call["stanza"]["id"], "m1");
    assert_eq!(call["stanza"]["from"], jid);
    assert_eq!(call["stanza"]["to"], jid);
    let payloads = serde_json::json!(["body", "{urn:example:x}x"]);
    assert_eq!(call["stanza"]["payloads"], payloads);
    assert!(call["cpu_us"].as_f64() > Some(0.0), "{call}");
    assert!(call["wall_us"].as_f64() > Some(0.0), "{call}");
    trace.child.kill().await?;
    until_watched_by(&server, 0).await?;

    let mut trace = Trace::begin(&server, &["--full"]).await?;
    say(&mut juliet, &jid, "an apple").await?;
    let line = trace.line().await?;
    assert!(
        line.contains("an apple") && line.contains("→ pass"),
        "{line}"
    );
    drop(trace);
    until_watched_by(&server, 0).await?;
    let unknown = server.cli(&["plugin", "trace", "nobody"]).await?;
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    server.stop().await
}

/// Whoever watches cannot keep up: the server goes on as before, and the trace says how much it left out.
#[tokio::test]
async fn a_trace_that_is_not_read_holds_up_nobody_and_counts_what_it_left_out() -> Result<()> {
    const MESSAGES: usize = 20_000;
    let server = filtering("").await?;
    let (mut juliet, jid) = server.session("juliet").await?;
    let mut trace = Trace::begin(&server, &["--json"]).await?;
    let message = format!("<message to='{jid}' type='chat'><body>apple</body></message>");
    for _ in 0..MESSAGES / 100 {
        juliet.send(&message.repeat(100)).await?;
        for _ in 0..100 {
            juliet.message().await?;
        }
    }
    let (mut shown, mut missed) = (0_usize, 0_u64);
    while missed == 0 {
        let line: Value = serde_json::from_str(&trace.line().await?)?;
        match line["missed"].as_u64() {
            Some(more) => missed = more,
            None => shown += 1,
        }
    }
    assert!(shown < MESSAGES, "{shown} shown, {missed} missed");
    server.stop().await
}
