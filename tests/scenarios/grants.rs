//! What the operator says of plugins: grants, pins, configuration and its reload.

use std::path::Path;

use anyhow::Result;
use rustix::process::Signal;
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Login, Server, environment};

const FILTER: &str = "examples/word-filter.wasm";
const APPLE: &str = "[plugin.word-filter]\ngrants = [\"inbound\"]\n[plugin.word-filter.config]\nwords = [\"apple\"]";

/// Puts a component where the server looks, in one piece.
fn install(server: &Server, component: &Path, name: &str) -> Result<()> {
    let partial = server.plugins().join(".partial");
    std::fs::copy(component, &partial)?;
    Ok(std::fs::rename(partial, server.plugins().join(name))?)
}

/// What becomes of a message to oneself.
async fn judged(client: &mut Client, jid: &str, body: &str) -> Result<String> {
    let message = format!("<message to='{jid}' type='chat'><body>{body}</body></message>");
    client.send(&message).await?;
    Ok(client.message().await?.1)
}

async fn listed(server: &Server, name: &str) -> Result<serde_json::Value> {
    let list = server.cli(&["plugin", "list", "--json"]).await?;
    let list: Vec<serde_json::Value> = serde_json::from_str(&list.stdout)?;
    let found = list.into_iter().find(|plugin| plugin["name"] == name);
    Ok(found.unwrap_or_default())
}

/// The grants of a bundled plugin are those of that very component. Another that bears its name has none.
#[tokio::test]
async fn a_file_with_a_bundled_plugins_name_gets_none_of_its_grants() -> Result<()> {
    let bundled = std::fs::read(environment::guest("ping.wasm")?)?;
    let server = Server::new().await?;
    let (mut client, _) = server.session("juliet").await?;
    let ping = "<ping xmlns='urn:xmpp:ping'/>";
    assert_eq!(
        client.iq("get", "localhost", ping).await?.attr("type"),
        Some("result")
    );

    // The same code with a custom section at its end, which changes nothing but the file.
    let altered = [bundled.as_slice(), b"\0\x02\x01x"].concat();
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("ping.wasm");
    std::fs::write(&file, altered)?;
    install(&server, &file, "ping.wasm")?;
    server
        .wait_for_log("without what it was not granted")
        .await?;
    let refused = client.iq("get", "localhost", ping).await?;
    assert_eq!(
        refused.stanza_error().as_deref(),
        Some("cancel/service-unavailable")
    );
    let status = listed(&server, "ping").await?;
    assert_eq!(
        status["missing_grants"],
        serde_json::json!(["iq-handler"]),
        "{status}"
    );

    // Without the file the bundled one serves again, with its grants.
    std::fs::remove_file(server.plugins().join("ping.wasm"))?;
    loop {
        let answer = client.iq("get", "localhost", ping).await?;
        if answer.attr("type") == Some("result") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    server.stop().await
}

#[tokio::test]
async fn a_pinned_plugin_is_served_only_as_the_pinned_file() -> Result<()> {
    let nobodys = "0".repeat(64);
    let pinned = format!("[plugin.word-filter]\ngrants = [\"inbound\"]\nsha256 = \"{nobodys}\"");
    let server = Settings::new().config(&pinned).start().await?;
    install(&server, &environment::guest(FILTER)?, "word-filter.wasm")?;
    server.wait_for_log("pins 00").await?;
    let status = listed(&server, "word-filter").await?;
    assert_eq!(status["serving"], serde_json::json!(false), "{status}");
    server.stop().await
}

// seeds: P3
#[tokio::test]
async fn a_misspelt_key_of_a_plugin_is_named_and_the_plugin_not_loaded() -> Result<()> {
    let config = format!("{APPLE}\nactoin = \"drop\"");
    let server = Settings::new()
        .config(&config)
        .plugin(&environment::guest(FILTER)?, "word-filter")
        .start()
        .await?;
    let error = listed(&server, "word-filter").await?["error"].to_string();
    assert!(error.contains("unknown key `actoin`"), "{error}");
    assert!(error.contains("did you mean `action`?"), "{error}");
    server.stop().await
}

// seeds: T1, P3
/// A SIGHUP gives plugins their new tables, and nobody is disconnected; a table that is refused changes nothing.
#[tokio::test]
async fn a_hangup_gives_plugins_their_new_configuration() -> Result<()> {
    let server = Settings::new()
        .config(APPLE)
        .plugin(&environment::guest(FILTER)?, "word-filter")
        .start()
        .await?;
    let (mut client, jid) = server.session("juliet").await?;
    assert_eq!(judged(&mut client, &jid, "apple pear").await?, "***** pear");

    let before = std::fs::read_to_string(server.config_file())?;
    std::fs::write(server.config_file(), before.replace("apple", "pear"))?;
    server.signal(Signal::HUP)?;
    while judged(&mut client, &jid, "apple pear").await? != "apple ****" {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    let wrong = before.replace("words = [\"apple\"]", "words = \"apple\"");
    std::fs::write(server.config_file(), wrong)?;
    server.signal(Signal::HUP)?;
    server.wait_for_log("must be a list of strings").await?;
    assert_eq!(judged(&mut client, &jid, "apple pear").await?, "apple ****");
    server.stop().await
}

// seeds: P3
/// A host's own configuration is laid over the plugin's, for that host alone.
#[tokio::test]
async fn a_host_has_its_own_configuration() -> Result<()> {
    let host = "[[host]]\ndomain = \"other.localhost\"\n\
        [host.plugin.word-filter.config]\nwords = [\"pear\"]";
    let server = Settings::new()
        .config(&format!("{host}\n{APPLE}"))
        .plugin(&environment::guest(FILTER)?, "word-filter")
        .start()
        .await?;
    let (mut juliet, jid) = server.session("juliet").await?;
    assert_eq!(judged(&mut juliet, &jid, "apple pear").await?, "***** pear");
    server.account_at("romeo", "other.localhost").await?;
    let elsewhere = Login {
        domain: "other.localhost".to_owned(),
        ..Login::new("romeo")
    };
    let (mut romeo, jid) = server.log_in(&elsewhere).await?;
    assert_eq!(judged(&mut romeo, &jid, "apple pear").await?, "apple ****");
    server.stop().await
}
