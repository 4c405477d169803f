//! How plugins come, depend on each other, are replaced and go.

use std::path::Path;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::Instant;
use waxwing_tests::server::Settings;
use waxwing_tests::xml::Element;
use waxwing_tests::{Client, Server, environment};

const COUNTER: &str = "[plugin.counter]\ngrants = [\"iq-handler\"]";
const QUERY: &str = "<query xmlns='urn:example:counter'/>";

fn fixture(name: &str) -> Result<std::path::PathBuf> {
    environment::guest(&format!("fixtures/{name}.wasm"))
}

/// Puts a component where the server looks, in one piece.
fn put(server: &Server, component: &Path, name: &str) -> Result<()> {
    let partial = server.plugins().join(format!(".{name}.partial"));
    std::fs::copy(component, &partial)?;
    let target = server.plugins().join(format!("{name}.wasm"));
    Ok(std::fs::rename(partial, target)?)
}

/// One command on the administration socket, as `waxwing plugin` sends it.
/// Sends a request to the administration socket. Returns the object `Ok` or `Err` of the answer.
async fn administer(server: &Server, request: Value) -> Result<Value> {
    let socket = server
        .plugins()
        .parent()
        .context("no data folder")?
        .join("admin.sock");
    let mut stream = BufReader::new(UnixStream::connect(socket).await?);
    let line = format!("{}\n", json!({ "version": 2, "request": request }));
    stream.get_mut().write_all(line.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_line(&mut answer).await?;
    let answer: Value = serde_json::from_str(&answer)?;
    Ok(answer["result"].clone())
}

async fn reload(server: &Server, name: &str) -> Result<Value> {
    let command = json!({ "reload": { "name": name } });
    administer(server, json!({ "group": "plugin", "command": command })).await
}

/// How much of something, by a variable of the environment where a figure is wanted that takes longer than a test should.
fn amount(variable: &str, usual: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given
        .and_then(|amount| amount.parse().ok())
        .unwrap_or(usual)
}

/// A command that must succeed; what it printed.
async fn told(server: &Server, arguments: &[&str]) -> Result<String> {
    let printed = server.cli(arguments).await?;
    ensure!(printed.code == Some(0), "{arguments:?}: {printed:?}");
    Ok(printed.stdout)
}

/// A command that must be refused; its one line.
async fn refused(server: &Server, arguments: &[&str]) -> Result<String> {
    let printed = server.cli(arguments).await?;
    ensure!(printed.code == Some(1), "{arguments:?}: {printed:?}");
    Ok(printed.stderr)
}

async fn listed(server: &Server, name: &str) -> Result<Value> {
    let list = told(server, &["plugin", "list", "--json"]).await?;
    let list: Vec<Value> = serde_json::from_str(&list)?;
    let found = list.into_iter().find(|plugin| plugin["name"] == name);
    Ok(found.unwrap_or_default())
}

/// What the counter says: its count and its version.
async fn counter(client: &mut Client) -> Result<(u64, String)> {
    let answer = client.iq("get", "localhost", QUERY).await?;
    let counter = answer
        .child("counter", "urn:example:counter")
        .with_context(|| format!("no counter in {answer}"))?;
    let count = counter.attr("count").context("no count")?.parse()?;
    Ok((
        count,
        counter.attr("version").unwrap_or_default().to_owned(),
    ))
}

async fn features(client: &mut Client) -> Result<String> {
    let info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let answer: Element = client.iq("get", "localhost", info).await?;
    Ok(answer.to_string())
}

fn position(server: &Server, text: &str) -> Result<usize> {
    let log = server.log();
    log.find(text)
        .with_context(|| format!("{text:?} is not in the log: {log}"))
}

// seeds: P1, P2
/// P1, P2: what a plugin depends on comes first; `started` is called once in each, after every `init`, also in a circle.
#[tokio::test]
async fn plugins_start_once_after_all_inits_in_the_order_of_their_dependencies() -> Result<()> {
    let server = Settings::new()
        .plugin(&fixture("based-on-counter")?, "based-on-counter")
        .plugin(&fixture("counter")?, "counter")
        .plugin(&fixture("circle-one")?, "circle-one")
        .plugin(&fixture("circle-two")?, "circle-two")
        .start()
        .await?;
    ensure!(
        position(&server, "counter 0.1.0: init")? < position(&server, "based-on-counter: init")?
    );
    ensure!(
        position(&server, "based-on-counter: init")? < position(&server, "counter 0.1.0: started")?
    );
    ensure!(
        position(&server, "counter 0.1.0: started")?
            < position(&server, "based-on-counter: started")?
    );
    for one in ["one", "two"] {
        for two in ["one", "two"] {
            let (init, started) = (
                format!("circle-{one}: init"),
                format!("circle-{two}: started"),
            );
            ensure!(position(&server, &init)? < position(&server, &started)?);
        }
        assert_eq!(
            listed(&server, &format!("circle-{one}")).await?["serving"],
            json!(true)
        );
    }
    for started in [
        "counter 0.1.0: started",
        "based-on-counter: started",
        "circle-one: started",
        "circle-two: started",
    ] {
        assert_eq!(server.log().matches(started).count(), 1, "{started}");
    }
    server.stop().await
}

// seeds: P1
/// P1: without what it depends on a plugin does not load, the error names the range and the mend, and it loads by itself
/// when that comes. A version that will not do is the same as none.
#[tokio::test]
async fn a_missing_dependency_is_named_and_awaited() -> Result<()> {
    let server = Settings::new()
        .plugin(&fixture("based-on-counter")?, "based-on-counter")
        .start()
        .await?;
    let error = listed(&server, "based-on-counter").await?["error"].to_string();
    ensure!(error.contains("`counter` in versions >=0.1, <2"), "{error}");
    ensure!(error.contains("install it"), "{error}");

    put(&server, &fixture("counter-2")?, "counter")?;
    server.wait_for_log("counter 2.0.0: started").await?;
    let error = reload(&server, "based-on-counter").await?["Err"].to_string();
    ensure!(error.contains("but there is 2.0.0"), "{error}");
    ensure!(
        !server.log().contains("based-on-counter: started"),
        "{}",
        server.log()
    );

    put(&server, &fixture("counter")?, "counter")?;
    server.wait_for_log("based-on-counter: started").await?;
    assert_eq!(
        listed(&server, "based-on-counter").await?["error"],
        Value::Null
    );
    // A version that others cannot use does not replace one that they can.
    put(&server, &fixture("counter-2")?, "counter")?;
    server
        .wait_for_log("`based-on-counter` depends on `counter`")
        .await?;
    assert_eq!(listed(&server, "counter").await?["version"], json!("0.1.0"));
    server.stop().await
}

// seeds: P5
/// P5: those that depend on a plugin go with it, are named, and come back with it; what they announced goes and comes too;
/// and all that holds over a restart.
#[tokio::test]
async fn disabling_takes_the_dependents_along_and_outlives_a_restart() -> Result<()> {
    let mut server = Settings::new()
        .plugin(&fixture("based-on-counter")?, "based-on-counter")
        .plugin(&fixture("counter")?, "counter")
        .config(COUNTER)
        .start()
        .await?;
    let (mut client, _) = server.session("juliet").await?;
    assert_eq!(counter(&mut client).await?.0, 1);
    let both = features(&mut client).await?;
    ensure!(
        both.contains("urn:example:counter") && both.contains("urn:example:based-on-counter"),
        "{both}"
    );

    let went = told(&server, &["plugin", "disable", "counter"]).await?;
    ensure!(went.contains("based-on-counter"), "{went}");
    server.wait_for_log("counter 0.1.0: shut down at 1").await?;
    let first = position(&server, "based-on-counter: shut down")?;
    ensure!(first < position(&server, "counter 0.1.0: shut down at 1")?);
    let none = features(&mut client).await?;
    ensure!(!none.contains("urn:example"), "{none}");
    let answer = client.iq("get", "localhost", QUERY).await?;
    assert_eq!(
        answer.stanza_error().as_deref(),
        Some("cancel/service-unavailable")
    );
    assert_eq!(listed(&server, "counter").await?["enabled"], json!(false));
    ensure!(
        listed(&server, "based-on-counter").await?["error"]
            .to_string()
            .contains("`counter`, which went")
    );

    server.kill().await?;
    server.start_again().await?;
    assert_eq!(listed(&server, "counter").await?["serving"], json!(false));
    let error = reload(&server, "based-on-counter").await?["Err"].to_string();
    ensure!(error.contains("`counter`, which is disabled"), "{error}");
    // Enabling one enables what it depends on: both or none.
    let came = told(&server, &["plugin", "enable", "based-on-counter"]).await?;
    ensure!(
        came.contains("based-on-counter") && came.contains("counter"),
        "{came}"
    );
    let (mut client, _) = server.log_in(&waxwing_tests::Login::new("juliet")).await?;
    assert_eq!(counter(&mut client).await?.0, 1);
    server.stop().await
}

/// A plugin that refuses to start takes back all that came with it.
#[tokio::test]
async fn enabling_is_rolled_back_where_one_of_them_refuses() -> Result<()> {
    let config = format!("{COUNTER}\n[plugin.counter.config]\nfault = \"started\"");
    let server = Settings::new().config(&config).start().await?;
    put(&server, &fixture("based-on-counter")?, "based-on-counter")?;
    put(&server, &fixture("counter")?, "counter")?;
    server.wait_for_log("told to fail in started").await?;
    let error = refused(&server, &["plugin", "enable", "based-on-counter"]).await?;
    ensure!(
        error.contains("`counter` refuses to start: told to fail in started"),
        "{error}"
    );
    for name in ["counter", "based-on-counter"] {
        assert_eq!(
            listed(&server, name).await?["serving"],
            json!(false),
            "{name}"
        );
    }
    ensure!(
        !server.log().contains("based-on-counter: started"),
        "{}",
        server.log()
    );
    server.stop().await
}

// seeds: P3
/// P3: configuration reaches the running plugin by a reload, state is handed over, and what fails changes nothing.
#[tokio::test]
async fn a_reload_hands_the_state_over_or_leaves_the_old_version_serving() -> Result<()> {
    let server = Settings::new()
        .plugin(&fixture("counter")?, "counter")
        .config(&format!("{COUNTER}\n[plugin.counter.config]\nfirst = 40"))
        .start()
        .await?;
    let (mut client, _) = server.session("juliet").await?;
    let one = |count| (count, "0.1.0".to_owned());
    assert_eq!(counter(&mut client).await?, one(41));
    assert!(reload(&server, "counter").await?["Ok"].is_object());
    assert_eq!(counter(&mut client).await?, one(42));
    server.wait_for_log("shut down at 41").await?;

    put(&server, &fixture("counter-2")?, "counter")?;
    assert!(reload(&server, "counter").await?["Ok"].is_object());
    assert_eq!(counter(&mut client).await?, (43, "2.0.0".to_owned()));
    server
        .wait_for_log("counter 2.0.0: took over from 0.1.0")
        .await?;

    // A new configuration that the new instance refuses to take over with: the old one goes on, its state untouched.
    let before = std::fs::read_to_string(server.config_file())?;
    for fault in ["init", "restore", "started"] {
        let failing = before.replace("first = 40", &format!("first = 40\nfault = \"{fault}\""));
        std::fs::write(server.config_file(), failing)?;
        server.signal(rustix::process::Signal::HUP)?;
        server
            .wait_for_log(&format!("told to fail in {fault}"))
            .await?;
    }
    assert_eq!(counter(&mut client).await?, (44, "2.0.0".to_owned()));
    let error = listed(&server, "counter").await?["error"].to_string();
    ensure!(error.contains("told to fail in started"), "{error}");
    server.stop().await
}

/// Leftovers have a limit, and a version that breaks it goes on, since the reload fails.
#[tokio::test]
async fn leftovers_of_more_than_a_mebibyte_fail_the_reload() -> Result<()> {
    let server = Settings::new()
        .plugin(&fixture("counter")?, "counter")
        .config(&format!(
            "{COUNTER}\n[plugin.counter.config]\nfault = \"save\""
        ))
        .start()
        .await?;
    let (mut client, _) = server.session("juliet").await?;
    assert_eq!(counter(&mut client).await?.0, 1);
    let error = reload(&server, "counter").await?["Err"].to_string();
    ensure!(error.contains("version 0.1.0 cannot save"), "{error}");
    ensure!(error.contains("more than 1 MiB"), "{error}");
    ensure!(counter(&mut client).await?.0 >= 1, "it goes on");
    server.stop().await
}

/// What is granted on installing is granted to that file, and holds over restarts; nothing is granted unsaid.
#[tokio::test]
async fn installing_shows_what_is_asked_for_and_grants_it_to_that_file() -> Result<()> {
    let mut server = Server::new().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("counter.wasm");
    std::fs::copy(fixture("counter")?, &file)?;
    let path = file.display().to_string();
    let error = refused(&server, &["plugin", "install", &path]).await?;
    ensure!(error.contains("--grant iq-handler"), "{error}");
    let error = refused(
        &server,
        &["plugin", "install", &path, "--grant", "accounts"],
    )
    .await?;
    ensure!(error.contains("does not ask for `accounts`"), "{error}");
    ensure!(!server.plugins().join("counter.wasm").exists());

    told(
        &server,
        &["plugin", "install", &path, "--grant", "iq-handler"],
    )
    .await?;
    let (mut client, _) = server.session("juliet").await?;
    assert_eq!(counter(&mut client).await?.0, 1);
    server.kill().await?;
    server.start_again().await?;
    assert_eq!(
        listed(&server, "counter").await?["grants"],
        json!(["iq-handler"])
    );
    // Another file of that name inherits nothing.
    put(&server, &fixture("counter-2")?, "counter")?;
    server
        .wait_for_log("without what it was not granted")
        .await?;
    assert_eq!(listed(&server, "counter").await?["grants"], json!([]));
    server.stop().await
}

/// P5: what comes and goes often leaves nothing behind.
#[tokio::test]
async fn memory_stays_flat_over_cycles_of_enabling_and_disabling() -> Result<()> {
    let cycles = amount("WAXWING_TEST_CYCLES", 60);
    let server = Settings::new()
        .plugin(&fixture("based-on-counter")?, "based-on-counter")
        .plugin(&fixture("counter")?, "counter")
        .config(COUNTER)
        .start()
        .await?;
    let (mut client, _) = server.session("juliet").await?;
    let mut after_warming = 0;
    for cycle in 0..cycles {
        if cycle == cycles / 3 {
            after_warming = server.resident_kib()?;
        }
        assert_eq!(counter(&mut client).await?.0, 1, "cycle {cycle}");
        for decision in ["disable", "enable"] {
            let command = json!({ decision: { "name": "counter" } });
            let request = json!({ "group": "decision", "command": command });
            let answer = administer(&server, request).await?;
            ensure!(answer["Ok"].is_object(), "{decision}: {answer}");
        }
        assert_eq!(
            listed_by_socket(&server, "based-on-counter").await?["serving"],
            json!(true)
        );
    }
    let grown = server.resident_kib()?.saturating_sub(after_warming);
    println!("{cycles} cycles: {grown} KiB more at the end than after a third of them");
    ensure!(grown < 16 * 1024, "{grown} KiB more");
    server.stop().await
}

async fn listed_by_socket(server: &Server, name: &str) -> Result<Value> {
    let answer = administer(server, json!({ "group": "plugin", "command": "list" })).await?;
    let list = answer["Ok"]["value"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let found = list.into_iter().find(|plugin| plugin["name"] == name);
    Ok(found.unwrap_or_default())
}

// seeds: P6
/// P6: versions alternate each 100 ms under 1,000 messages a second; each message is judged by one of them, once, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_under_load_lose_double_and_reorder_nothing() -> Result<()> {
    const STREAMS: usize = 10;
    let config = "[plugin.word-filter]\ngrants = [\"inbound\"]\n[plugin.word-filter.config]\nwords = [\"apple\"]\naction = \"mask\"";
    let versions = [
        environment::guest("examples/word-filter.wasm")?,
        fixture("word-filter-2")?,
    ];
    let server = Settings::new()
        .plugin(&versions[0], "word-filter")
        .config(config)
        .start()
        .await?;
    let mut streams = Vec::new();
    for number in 0..STREAMS {
        streams.push(server.session(&format!("user{number}")).await?);
    }
    let until = Instant::now() + Duration::from_secs(amount("WAXWING_TEST_SECONDS", 5));
    let stop = Arc::new(AtomicBool::new(false));
    let talking: Vec<_> = streams
        .into_iter()
        .map(|(client, jid)| tokio::spawn(talk(client, jid, Arc::clone(&stop))))
        .collect();
    let (mut reloads, mut after_warming) = (0_usize, 0);
    while Instant::now() < until || reloads <= 10 {
        if reloads == 10 {
            after_warming = server.resident_kib()?;
        }
        put(&server, &versions[(reloads + 1) % 2], "word-filter")?;
        let answer = reload(&server, "word-filter").await?;
        ensure!(answer["Ok"].is_object(), "{answer}");
        reloads += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let grown = server.resident_kib()?.saturating_sub(after_warming);
    stop.store(true, Ordering::Relaxed);
    let (mut one, mut two, mut longest) = (0, 0, Duration::ZERO);
    for stream in talking {
        let (by_one, by_two, gap) = stream.await??;
        (one, two, longest) = (one + by_one, two + by_two, longest.max(gap));
    }
    println!(
        "{reloads} reloads, {grown} KiB more since the tenth; judged by one version {one}, by the other {two}; longest round trip {longest:?}"
    );
    ensure!(grown < 24 * 1024, "{grown} KiB more");
    ensure!(one > 0 && two > 0, "one {one}, two {two}");
    server.stop().await
}

/// Sends to oneself, 100 messages a second, and reads each back: the next is the next.
async fn talk(
    mut client: Client,
    jid: String,
    stop: Arc<AtomicBool>,
) -> Result<(u64, u64, Duration)> {
    let (mut one, mut two, mut longest) = (0, 0, Duration::ZERO);
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    for id in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        tick.tick().await;
        let began = Instant::now();
        client
            .send(&format!(
                "<message to='{jid}' type='chat' id='{id}'><body>apple banana</body></message>"
            ))
            .await?;
        let (message, body) = client.message().await?;
        longest = longest.max(began.elapsed());
        ensure!(
            message.attr("id") == Some(id.to_string().as_str()),
            "expected {id}: {message}"
        );
        match body.as_str() {
            "***** banana" => one += 1,
            "apple ******" => two += 1,
            other => anyhow::bail!("judged by no version or by both: {other:?}"),
        }
    }
    // Nothing comes twice.
    ensure!(client.is_silent().await, "something came twice");
    client.close().await?;
    Ok((one, two, longest))
}
