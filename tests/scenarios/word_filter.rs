//! The example plugin `word-filter`, installed into a running server, replaced under load, and replaced by rubbish.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::future::try_join_all;
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Login, PATIENCE, Server, environment};

/// Version 1 masks `apple` as configured; version 2 masks `banana`, whatever is configured.
const CONFIG: &str = "[plugin.word-filter]\ngrants = [\"inbound\"]\n\
    [plugin.word-filter.config]\nwords = [\"apple\"]\naction = \"mask\"";
const ONE: &str = "examples/word-filter.wasm";
const TWO: &str = "fixtures/word-filter-2.wasm";

/// Puts a component where the server looks, as an operator copies a file: in one piece.
fn install(server: &Server, bytes: &[u8]) -> Result<()> {
    let folder = server.plugins();
    let partial = folder.join(".word-filter.partial");
    std::fs::write(&partial, bytes)?;
    std::fs::rename(&partial, folder.join("word-filter.wasm")).context("cannot install the plugin")
}

fn component(file: &str) -> Result<Vec<u8>> {
    Ok(std::fs::read(environment::guest(file)?)?)
}

/// What a message with both words becomes.
async fn judged(client: &mut Client, jid: &str) -> Result<String> {
    client
        .send(&format!(
            "<message to='{jid}' type='chat'><body>apple banana</body></message>"
        ))
        .await?;
    Ok(client.message().await?.1)
}

/// Sends to oneself until the message is judged as `wanted`.
async fn until_judged(client: &mut Client, jid: &str, wanted: &str) -> Result<()> {
    let started = tokio::time::Instant::now();
    loop {
        let found = judged(client, jid).await?;
        if found == wanted {
            return Ok(());
        }
        ensure!(
            started.elapsed() < PATIENCE,
            "still judged as {found:?}, not {wanted:?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_filter_copied_into_the_running_server_acts_on_messages() -> Result<()> {
    let server = Settings::new().config(CONFIG).start().await?;
    let (mut juliet, jid) = server.session("juliet").await?;
    assert_eq!(judged(&mut juliet, &jid).await?, "apple banana");
    install(&server, &component(ONE)?)?;
    until_judged(&mut juliet, &jid, "***** banana").await?;
    std::fs::remove_file(server.plugins().join("word-filter.wasm"))?;
    until_judged(&mut juliet, &jid, "apple banana").await?;
    server.stop().await
}

#[tokio::test]
async fn a_filter_that_bounces_tells_the_sender() -> Result<()> {
    let config = CONFIG.replace("mask", "bounce");
    let server = Settings::new()
        .plugin(&environment::guest(ONE)?, "word-filter")
        .config(&config)
        .start()
        .await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    romeo
        .send(&format!(
            "<message to='{juliet_jid}' type='chat' id='m'><body>an Apple a day</body></message>"
        ))
        .await?;
    let answer = romeo
        .wait_for("the refusal", |element| element.attr("id") == Some("m"))
        .await?;
    assert!(
        answer
            .stanza_error()
            .unwrap_or_default()
            .ends_with("/policy-violation"),
        "{answer}"
    );
    assert_eq!(answer.attr("from"), Some(juliet_jid.as_str()));
    romeo
        .send(&format!(
            "<message to='{juliet_jid}' type='chat'><body>a pear a day</body></message>"
        ))
        .await?;
    assert_eq!(juliet.message().await?.1, "a pear a day");
    server.stop().await
}

/// A session that sends to itself 25 times a second until told to stop; returns how many each version judged.
async fn steady(server: &Server, number: usize, stop: &AtomicBool) -> Result<(usize, usize)> {
    let (mut client, jid) = server.session(&format!("user{number}")).await?;
    let (mut one, mut two) = (0_usize, 0_usize);
    let mut tick = tokio::time::interval(Duration::from_millis(40));
    for count in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        tick.tick().await;
        client
            .send(&format!(
                "<message to='{jid}' type='chat' id='{count}'><body>apple banana</body></message>"
            ))
            .await?;
        let (message, body) = client
            .message()
            .await
            .with_context(|| format!("user{number}, message {count}"))?;
        ensure!(
            message.attr("id") == Some(count.to_string().as_str()),
            "user{number} expected {count}: {message}"
        );
        match body.as_str() {
            "***** banana" => one = one.saturating_add(1),
            "apple ******" => two = two.saturating_add(1),
            other => bail!("judged by no version or by both: {other:?}"),
        }
    }
    // The session is the one it was at the start.
    client
        .iq("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>")
        .await?;
    client.close().await?;
    Ok((one, two))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_is_replaced_under_load_and_each_message_has_one_version() -> Result<()> {
    let server = Settings::new()
        .plugin(&environment::guest(ONE)?, "word-filter")
        .config(CONFIG)
        .start()
        .await?;
    let stop = AtomicBool::new(false);
    let sessions = try_join_all((0..20).map(|number| steady(&server, number, &stop)));
    let replacing = async {
        let (mut probe, jid) = server.session("probe").await?;
        until_judged(&mut probe, &jid, "***** banana").await?;
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            install(&server, &component(TWO)?)?;
            until_judged(&mut probe, &jid, "apple ******").await?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            install(&server, &component(ONE)?)?;
            until_judged(&mut probe, &jid, "***** banana").await?;
        }
        stop.store(true, Ordering::Relaxed);
        anyhow::Ok(())
    };
    let (counts, ()) = tokio::try_join!(sessions, replacing)?;
    for (number, (one, two)) in counts.into_iter().enumerate() {
        assert!(
            one > 0 && two > 0,
            "user{number} met both versions: {one} and {two}"
        );
    }
    server.stop().await
}

#[tokio::test]
async fn a_truncated_file_leaves_the_old_version_at_work() -> Result<()> {
    let server = Settings::new()
        .plugin(&environment::guest(ONE)?, "word-filter")
        .config(CONFIG)
        .start()
        .await?;
    let (mut juliet, jid) = server.session("juliet").await?;
    until_judged(&mut juliet, &jid, "***** banana").await?;
    let whole = component(TWO)?;
    let logged = server.log().len();
    install(&server, whole.get(..whole.len() / 2).unwrap_or_default())?;
    let said_why = || {
        server
            .log()
            .get(logged..)
            .unwrap_or_default()
            .contains("word-filter")
    };
    waxwing_tests::server::wait_until(said_why)
        .await
        .context("the log does not say why")?;
    assert_eq!(
        judged(&mut juliet, &jid).await?,
        "***** banana",
        "the old version goes on"
    );
    let listed = server.cli(&["plugin", "list"]).await?;
    let line = listed
        .stdout
        .lines()
        .find(|line| line.contains("word-filter"))
        .map(str::to_owned);
    assert!(line.is_some(), "it is listed: {}", listed.stdout);
    let json = server.cli(&["plugin", "list", "--json"]).await?.stdout;
    assert!(says_why(&json), "the listing says why: {json}");
    // A good file mends it.
    install(&server, &whole)?;
    until_judged(&mut juliet, &jid, "apple ******").await?;
    server.stop().await
}

/// Whether the entry of word-filter names an error.
fn says_why(json: &str) -> bool {
    let listed: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let entries = listed.as_array().into_iter().flatten();
    let mut errors = entries
        .filter(|entry| entry["name"] == "word-filter")
        .map(|entry| &entry["error"]);
    errors.any(serde_json::Value::is_string)
}

#[tokio::test]
async fn the_file_is_checked_from_the_command_line() -> Result<()> {
    let checked = waxwing_tests::server::run(
        &[
            "plugin",
            "check",
            &environment::guest(ONE)?.display().to_string(),
        ],
        "",
    )
    .await?;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(
        checked.stdout.contains("inbound"),
        "what it exports is named: {checked:?}"
    );
    let missing = waxwing_tests::server::run(&["plugin", "check", "no-such-file.wasm"], "").await?;
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(!Path::new("no-such-file.wasm").exists());
    Ok(())
}

/// A pinned hash is a promise about the file: another one of the same name is not loaded.
#[tokio::test]
async fn a_file_of_another_hash_than_the_pinned_one_is_refused() -> Result<()> {
    let pin = format!(
        "{}\nsha256 = \"{}\"",
        "[plugin.word-filter]\ngrants = [\"inbound\"]",
        "0".repeat(64)
    );
    let server = Settings::new()
        .plugin(&environment::guest(ONE)?, "word-filter")
        .config(&pin)
        .start()
        .await?;
    let (mut juliet, jid) = server.session("juliet").await?;
    assert_eq!(judged(&mut juliet, &jid).await?, "apple banana");
    assert!(server.log().contains("word-filter"), "{}", server.log());
    server.log_in(&Login::new("juliet")).await?;
    server.stop().await
}
