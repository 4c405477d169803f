//! Components: a plugin that owns a domain.

use anyhow::Result;
use waxwing_tests::server::Settings;
use waxwing_tests::{Server, environment};

use super::{act, heard, step, with_actor};

const ROOM: &str = "urn:example:rooms";

async fn server() -> Result<Server> {
    let component = environment::guest("fixtures/rooms.wasm")?;
    Settings::new()
        .plugin(&component, "rooms")
        .config("[plugin.rooms]\ngrants = [\"component\", \"router\"]")
        .start()
        .await
}

/// Requests, messages and presence to any address at the domain come to the plugin, and it answers from there.
#[tokio::test]
async fn a_plugin_serves_a_domain_of_its_own() -> Result<()> {
    let server = server().await?;
    let (mut watcher, watcher_jid) = server.session("watcher").await?;
    watcher.be_present(&watcher_jid).await?;
    let (mut romeo, romeo_jid) = server.session("romeo").await?;
    for address in [
        "rooms.localhost",
        "verona@rooms.localhost",
        "verona@rooms.localhost/romeo",
    ] {
        let answer = romeo
            .iq("get", address, "<room xmlns='urn:example:rooms'/>")
            .await?;
        assert_eq!(answer.attr("from"), Some(address));
        assert!(answer.child("room", ROOM).is_some(), "{answer}");
    }
    romeo
        .send("<message to='verona@rooms.localhost' type='chat'><body>hello</body></message>")
        .await?;
    let (echo, body) = romeo.message().await?;
    assert_eq!(
        (echo.attr("from"), body.as_str()),
        (Some("verona@rooms.localhost"), "hello")
    );

    // It hears of presence, and of the session's end, as a client would.
    romeo
        .send("<presence to='verona@rooms.localhost/romeo'/>")
        .await?;
    let (note, body) = watcher.message().await?;
    assert_eq!(note.attr("from"), Some("verona@rooms.localhost/romeo"));
    assert_eq!(body, format!("available {romeo_jid}"));
    drop(romeo);
    assert_eq!(
        watcher.message().await?.1,
        format!("unavailable {romeo_jid}")
    );
    server.stop().await
}

// seeds: N6
/// Every request ends in one answer, also where the plugin has none.
#[tokio::test]
async fn every_request_to_a_component_has_one_answer() -> Result<()> {
    let server = server().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let expected = [
        ("trap", "wait/internal-server-error"),
        ("closed", "auth/forbidden"),
        ("silent", "cancel/service-unavailable"),
        ("never", "wait/internal-server-error"),
    ];
    for (name, error) in expected {
        let answer = romeo
            .iq(
                "get",
                &format!("{name}@rooms.localhost"),
                "<q xmlns='urn:example:rooms'/>",
            )
            .await?;
        assert_eq!(answer.stanza_error().as_deref(), Some(error), "{name}");
    }
    let late = romeo
        .iq(
            "get",
            "late@rooms.localhost",
            "<q xmlns='urn:example:rooms'/>",
        )
        .await?;
    assert!(late.child("late", ROOM).is_some(), "{late}");
    romeo
        .send("<message to='closed@rooms.localhost' id='m'><body>x</body></message>")
        .await?;
    let error = romeo
        .wait_for("the error", |element| element.attr("id") == Some("m"))
        .await?;
    assert_eq!(error.stanza_error().as_deref(), Some("auth/forbidden"));
    romeo
        .send("<message to='silent@rooms.localhost'><body>x</body></message>")
        .await?;
    assert!(romeo.is_silent().await);
    server.stop().await
}

/// Without the grant the domain is nobody's; neither is one that no plugin asks for.
#[tokio::test]
async fn without_the_grant_the_domain_is_nobodys() -> Result<()> {
    let component = environment::guest("fixtures/rooms.wasm")?;
    let server = Settings::new()
        .plugin(&component, "rooms")
        .config("[plugin.rooms]\ngrants = [\"router\"]")
        .start()
        .await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let answer = romeo
        .iq("get", "rooms.localhost", "<q xmlns='urn:example:rooms'/>")
        .await?;
    assert_eq!(
        answer.stanza_error().as_deref(),
        Some("cancel/remote-server-not-found")
    );
    server.stop().await
}

/// A server with a component, and with another plugin, which sends what it is told.
async fn with_another_plugin() -> Result<Server> {
    let component = environment::guest("fixtures/rooms.wasm")?;
    let settings = Settings::new()
        .plugin(&component, "rooms")
        .config("[plugin.rooms]\ngrants = [\"component\", \"router\"]");
    with_actor(settings, "actor")?.start().await
}

fn request(to: &str) -> String {
    format!(
        "<ask>&lt;iq from='localhost' to='{to}' type='get'>&lt;q xmlns='urn:example:rooms'/>&lt;/iq></ask>"
    )
}

/// wit/component.wit promises every stanza. Those of another plugin were bounced with remote-server-not-found: only a session's stanzas
/// looked for components.
#[tokio::test]
async fn what_another_plugin_sends_to_the_domain_arrives() -> Result<()> {
    let server = with_another_plugin().await?;
    let (mut watcher, watcher_jid) = server.session("watcher").await?;
    watcher.be_present(&watcher_jid).await?;
    let (mut romeo, _) = server.session("romeo").await?;
    act(
        &mut romeo,
        "<send>&lt;message from='localhost' to='tell@rooms.localhost' type='chat'>&lt;body>hello&lt;/body>&lt;/message></send>",
    )
    .await?;
    let (note, body) = watcher.message().await?;
    assert_eq!(note.attr("from"), Some("tell@rooms.localhost"));
    assert_eq!(body, "chat localhost hello");
    act(
        &mut romeo,
        "<send>&lt;presence from='localhost' to='verona@rooms.localhost/actor'/></send>",
    )
    .await?;
    assert_eq!(watcher.message().await?.1, "available localhost");
    let token = step(&mut romeo, &request("verona@rooms.localhost")).await?;
    let reply = format!("reply {token} result verona@rooms.localhost");
    heard(&mut romeo, "actor", &reply).await?;
    server.stop().await
}

/// The component is asked by its plugin's event queue, whose answers were dropped.
#[tokio::test]
async fn every_request_of_another_plugin_has_one_answer() -> Result<()> {
    let server = with_another_plugin().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let mut tokens = Vec::new();
    for (name, kind) in [
        ("verona", "result"),
        ("late", "result"),
        ("trap", "error"),
        ("closed", "error"),
        ("silent", "error"),
        ("never", "error"),
    ] {
        let address = format!("{name}@rooms.localhost");
        let token = step(&mut romeo, &request(&address)).await?;
        let reply = format!("reply {token} {kind} {address}");
        heard(&mut romeo, "actor", &reply).await?;
        tokens.push(token);
    }
    // Nobody serves the domain any more.
    server.cli(&["plugin", "disable", "rooms"]).await?;
    let token = step(&mut romeo, &request("verona@rooms.localhost")).await?;
    let reply = format!("reply {token} error");
    let lines = heard(&mut romeo, "actor", &reply).await?;
    tokens.push(token);
    for token in tokens {
        let of_token = format!("reply {token} ");
        let replies = lines.iter().filter(|line| line.starts_with(&of_token));
        assert_eq!(replies.count(), 1, "{token}: {lines:?}");
    }
    server.stop().await
}
