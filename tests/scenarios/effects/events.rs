//! What plugins are told: of accounts, of sessions, by each other.

use anyhow::Result;
use waxwing_tests::server::Settings;
use waxwing_tests::{Login, environment};

use super::{GRANTS, act, act_as, heard, server, step, with_actor};

// seeds: R7
/// Told once each, in order, whoever did it.
#[tokio::test]
async fn plugins_are_told_what_became_of_accounts() -> Result<()> {
    let server = server().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    server.account("tybalt").await?;
    act(&mut romeo, "<create user='paris'/>").await?;
    act(
        &mut romeo,
        "<passwd account='paris@localhost' password='other'/>",
    )
    .await?;
    act(&mut romeo, "<remove account='paris@localhost'/>").await?;
    // What was so already is no event.
    for command in ["disable", "disable", "enable", "enable", "remove"] {
        let done = server.cli(&["user", command, "tybalt@localhost"]).await?;
        assert_eq!(done.code, Some(0), "{command}: {done:?}");
    }
    let lines = heard(&mut romeo, "actor", "removed tybalt").await?;
    let about = |name: &str| -> Vec<String> {
        let told = lines.iter().filter(|line| !line.starts_with("asked"));
        let told = told.filter(|line| line.contains(&format!(" {name}@")));
        told.filter(|line| !line.contains('/')).cloned().collect()
    };
    assert_eq!(
        about("tybalt"),
        [
            "registered tybalt@localhost",
            "disabled tybalt@localhost",
            "enabled tybalt@localhost",
            "removed tybalt@localhost"
        ]
    );
    assert_eq!(
        about("paris"),
        [
            "registered paris@localhost",
            "password paris@localhost",
            "removed paris@localhost"
        ]
    );
    server.stop().await
}

// seeds: P4
/// A plugin that comes while sessions are bound is told of each, once; then of each that comes and goes.
#[tokio::test]
async fn a_plugin_that_comes_late_is_told_of_every_session() -> Result<()> {
    let settings = Settings::new().config(&format!("[plugin.actor]\ngrants = {GRANTS}"));
    let server = settings.start().await?;
    let mut there = Vec::new();
    for name in ["romeo", "juliet", "nurse"] {
        there.push(server.session(name).await?);
    }
    let component = environment::guest("fixtures/actor.wasm")?;
    std::fs::copy(&component, server.plugins().join("actor.partial"))?;
    std::fs::rename(
        server.plugins().join("actor.partial"),
        server.plugins().join("actor.wasm"),
    )?;
    server.wait_for_log("plugin=\"actor\"").await?;
    let (paris, paris_jid) = server.session("paris").await?;
    let romeo = &mut there[0].0;
    heard(romeo, "actor", &format!("bound {paris_jid}")).await?;
    paris.close().await?;
    let lines = heard(romeo, "actor", &format!("unbound {paris_jid}")).await?;
    for (_, jid) in &there {
        let told = lines.iter().filter(|line| **line == format!("bound {jid}"));
        assert_eq!(told.count(), 1, "{jid}: {lines:?}");
    }
    let sessions = lines.iter().filter(|line| line.contains("bound "));
    assert_eq!(sessions.count(), 5, "{lines:?}");
    server.stop().await
}

// seeds: P11
/// In order, and with what was published.
#[tokio::test]
async fn plugins_hear_each_other_by_name_and_not_themselves() -> Result<()> {
    let settings = with_actor(Settings::new(), "actor")?;
    let server = with_actor(settings, "actor-2")?.start().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    act(&mut romeo, "<publish name='told' value='one'/><publish name='unheard' value='two'/><publish name='told' value='three'/>")
        .await?;
    act_as(&mut romeo, "actor-2", "<publish name='told' value='back'/>").await?;
    let lines = heard(&mut romeo, "actor-2", "actor told 1 three").await?;
    let told: Vec<&String> = lines.iter().filter(|line| line.contains("told")).collect();
    assert_eq!(told, ["actor told 1 one", "actor told 1 three"]);
    let lines = heard(&mut romeo, "actor", "actor-2 told").await?;
    assert!(
        lines.iter().all(|line| !line.starts_with("actor told")),
        "{lines:?}"
    );
    server.stop().await
}

// seeds: P11
/// Two plugins that answer each event with an event do not go on for ever.
#[tokio::test]
async fn events_that_cause_events_come_to_an_end() -> Result<()> {
    let settings = with_actor(Settings::new(), "actor")?;
    let server = with_actor(settings, "actor-2")?.start().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    act(&mut romeo, "<publish name='echo' value='e'/>").await?;
    let ended = heard(&mut romeo, "actor", "echo ended").await;
    let lines = match ended {
        Ok(lines) => lines,
        Err(_) => heard(&mut romeo, "actor-2", "echo ended").await?,
    };
    assert!(
        lines.iter().any(|line| line.contains("too-deep")),
        "{lines:?}"
    );
    assert_eq!(
        step(&mut romeo, "<get key='k'/>").await?,
        "(none)",
        "and it still serves"
    );
    server.stop().await
}

/// Told to the version that serves; the sessions that a plugin knows stay known over a reload.
#[tokio::test]
async fn a_reload_tells_of_no_session_twice() -> Result<()> {
    let server = server().await?;
    let (mut romeo, romeo_jid) = server.session("romeo").await?;
    heard(&mut romeo, "actor", &format!("bound {romeo_jid}")).await?;
    let reloaded = server.cli(&["plugin", "reload", "actor"]).await?;
    assert_eq!(reloaded.code, Some(0), "{}", reloaded.stderr);
    let (_juliet, juliet_jid) = server
        .log_in(&Login::new("romeo").resource("second"))
        .await?;
    let lines = heard(&mut romeo, "actor", &format!("bound {juliet_jid}")).await?;
    let told = lines
        .iter()
        .filter(|line| **line == format!("bound {romeo_jid}"));
    assert_eq!(told.count(), 1, "{lines:?}");
    server.stop().await
}
