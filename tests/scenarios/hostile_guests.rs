//! Guests that misbehave when a message says `misbehave`: the sender gets what the hook's policy says, everybody else's
//! messages keep flowing, and the process lives. Filters fail closed: the message is refused, to be tried again later.

use anyhow::{Context, Result, ensure};
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Server, environment};

/// A server with one fixture in its plugins folder, and granted what it exports.
async fn server_with(fixture: &str, grant: &str) -> Result<Server> {
    let component = environment::guest(&format!("fixtures/{fixture}.wasm"))?;
    let grants = format!("[plugin.{fixture}]\ngrants = [\"{grant}\"]");
    Settings::new()
        .plugin(&component, fixture)
        .config(&grants)
        .start()
        .await
}

/// Romeo makes the guest misbehave twenty times, while the Capulets talk to each other.
async fn misbehave(fixture: &str) -> Result<()> {
    let server = server_with(fixture, "inbound").await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    let (mut nurse, _) = server.session("nurse").await?;
    let mischief = async {
        for round in 0..20 {
            let id = format!("mischief-{round}");
            romeo.send(&format!("<message to='{juliet_jid}' type='chat' id='{id}'><body>misbehave</body></message>")).await?;
            let answer = romeo
                .wait_for("the policy's answer", |element| {
                    element.attr("id") == Some(&id)
                })
                .await?;
            let error = answer.stanza_error().unwrap_or_default();
            ensure!(
                error == "wait/internal-server-error",
                "round {round}: {answer}"
            );
        }
        anyhow::Ok(romeo)
    };
    let (romeo, ()) = tokio::try_join!(mischief, talk(&mut nurse, &mut juliet, &juliet_jid))?;
    // The fault was for that message alone: the same sender's next one passes.
    let mut romeo = romeo;
    romeo
        .send(&format!(
            "<message to='{juliet_jid}' type='chat'><body>behaved</body></message>"
        ))
        .await?;
    assert_eq!(
        juliet.message().await?.1,
        "behaved",
        "nothing that misbehaved was delivered"
    );
    ensure!(server.is_alive()?, "the process lives");
    server.stop().await
}

/// Two hundred messages, one after the other.
async fn talk(from: &mut Client, to: &mut Client, to_jid: &str) -> Result<()> {
    for number in 0..200 {
        from.send(&format!(
            "<message to='{to_jid}' type='chat'><body>line {number}</body></message>"
        ))
        .await?;
        let (_, body) = to
            .message()
            .await
            .with_context(|| format!("line {number} beside a guest that misbehaves"))?;
        ensure!(body == format!("line {number}"), "received {body}");
    }
    Ok(())
}

#[tokio::test]
async fn a_guest_that_loops_is_ended() -> Result<()> {
    misbehave("loops").await
}

#[tokio::test]
async fn a_guest_that_traps_is_replaced() -> Result<()> {
    misbehave("traps").await
}

#[tokio::test]
async fn a_guest_that_eats_memory_is_stopped() -> Result<()> {
    misbehave("eats-memory").await
}

#[tokio::test]
async fn a_guest_that_floods_the_host_with_calls_is_stopped() -> Result<()> {
    misbehave("floods").await
}

#[tokio::test]
async fn a_guest_cannot_forge_a_sender() -> Result<()> {
    misbehave("forges-from").await
}

/// What a guest answers passes the same strict builder as what a client sends.
#[tokio::test]
async fn malformed_answers_of_a_guest_never_reach_a_client() -> Result<()> {
    let server = server_with("malformed", "iq-handler").await?;
    let (mut client, _) = server.session("juliet").await?;
    let query = |kind: &str| format!("<query xmlns='urn:example:malformed' kind='{kind}'/>");
    for kind in [
        "unclosed", "two", "prefix", "entity", "comment", "stream", "escape", "empty",
    ] {
        let answer = client
            .iq("get", "localhost", &query(kind))
            .await
            .with_context(|| kind)?;
        assert_eq!(answer.attr("type"), Some("error"), "{kind}: {answer}");
        assert!(
            answer
                .stanza_error()
                .unwrap_or_default()
                .ends_with("/internal-server-error"),
            "{kind}: {answer}"
        );
        assert_eq!(answer.attr("from"), Some("localhost"), "{kind}: {answer}");
    }
    // The stream is as it was, and an answer that is well-formed passes.
    let answer = client.iq("get", "localhost", &query("good")).await?;
    assert!(
        answer.child("a", "urn:example:malformed").is_some(),
        "{answer}"
    );
    server.stop().await
}

/// A guest in the folder acts on nothing unless the operator granted what it exports.
#[tokio::test]
async fn a_guest_without_a_grant_does_nothing() -> Result<()> {
    let component = environment::guest("fixtures/traps.wasm")?;
    let server = Settings::new().plugin(&component, "traps").start().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    romeo
        .send(&format!(
            "<message to='{juliet_jid}' type='chat'><body>misbehave</body></message>"
        ))
        .await?;
    assert_eq!(juliet.message().await?.1, "misbehave");
    server.stop().await
}

/// Files that are no components: each is refused with a reason, and the server starts without it.
#[tokio::test]
async fn files_that_are_no_components_are_refused_with_a_reason() -> Result<()> {
    let good = std::fs::read(environment::guest("examples/word-filter.wasm")?)?;
    let rubbish: [(&str, &[u8]); 4] = [
        ("empty", b""),
        ("text", b"this is no component"),
        ("core-module", b"\0asm\x01\0\0\0"),
        ("truncated", good.get(..good.len() / 2).unwrap_or_default()),
    ];
    let folder = tempfile::tempdir()?;
    let mut settings = Settings::new();
    for (name, bytes) in rubbish {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes)?;
        settings = settings.plugin(&file, name);
    }
    let server = settings.start().await?;
    let listed = server.cli(&["plugin", "list"]).await?;
    for (name, _) in rubbish {
        assert!(
            listed.stdout.contains(name),
            "{name} is not listed: {}",
            listed.stdout
        );
        assert!(
            server.log().contains(name),
            "{name} is not in the log: {}",
            server.log()
        );
    }
    let (client, _) = server.session("juliet").await?;
    client.close().await?;
    server.stop().await
}
