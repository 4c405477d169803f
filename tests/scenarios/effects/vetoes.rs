//! Vetoes: asked before accounts change, after the call that wants it.

use std::time::Duration;

use anyhow::Result;
use waxwing_tests::server::Settings;
use waxwing_tests::tls::Version;

use super::{act, act_as, failing, heard, server, step, with_actor};

// seeds: R22
/// The denial goes to whoever asked, and nothing of the denied call happens.
#[tokio::test]
async fn a_veto_denies_a_registration_with_its_own_error() -> Result<()> {
    let server = server().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let denied = failing(
        &mut romeo,
        "<put key='k' value='v'/><count key='c'/><create user='mallory'/>",
    )
    .await?;
    assert_eq!(denied, "modify/policy-violation");
    let after = act(&mut romeo, "<get key='k'/><recall key='c'/>").await?;
    assert_eq!(after, ["(none)", "0"], "nothing of the call happened");
    let users = server.cli(&["user", "list"]).await?.stdout;
    assert!(!users.contains("mallory"), "{users}");
    // In-band registration is asked about alike.
    let mut client = server.connect().await?;
    client.open_secure("localhost", Some(Version::V13)).await?;
    let query = "<query xmlns='jabber:iq:register'><username>mallory</username><password>secret</password></query>";
    let refused = client.iq("set", "localhost", query).await?;
    assert_eq!(
        refused.stanza_error().as_deref(),
        Some("modify/policy-violation")
    );
    let query = query.replace("mallory", "balthasar");
    assert_eq!(
        client.iq("set", "localhost", &query).await?.attr("type"),
        Some("result")
    );
    heard(
        &mut romeo,
        "actor",
        "asked registration balthasar@localhost registration",
    )
    .await?;
    server.stop().await
}

/// A veto that traps or never ends denies, and the next question is answered.
#[tokio::test]
async fn a_veto_that_fails_denies_for_that_call_alone() -> Result<()> {
    let server = server().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    for name in ["sloth", "bomb"] {
        let denied = failing(&mut romeo, &format!("<create user='{name}'/>")).await?;
        assert_eq!(denied, "wait/internal-server-error", "{name}");
        assert_eq!(
            step(&mut romeo, &format!("<create user='after-{name}'/>")).await?,
            format!("after-{name}@localhost")
        );
    }
    // A veto changes no accounts itself.
    assert_eq!(
        step(&mut romeo, "<create user='schemer'/>").await?,
        "schemer@localhost"
    );
    let users = server.cli(&["user", "list"]).await?.stdout;
    assert!(
        users.contains("schemer") && !users.contains("accomplice"),
        "{users}"
    );
    server.stop().await
}

/// Passwords and removals are asked about as well; what the operator does is not.
#[tokio::test]
async fn vetoes_are_asked_about_passwords_and_removals_but_not_of_the_operator() -> Result<()> {
    let server = server().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    server.account("mallory").await?;
    for step in [
        "<passwd account='mallory@localhost' password='x'/>",
        "<remove account='mallory@localhost'/>",
    ] {
        assert_eq!(
            failing(&mut romeo, step).await?,
            "modify/policy-violation",
            "{step}"
        );
    }
    let removed = server.cli(&["user", "remove", "mallory@localhost"]).await?;
    assert_eq!(removed.code, Some(0), "{}", removed.stderr);
    server.stop().await
}

/// Two plugins whose calls are each denied or allowed by the other, at the same time, from many sessions.
#[tokio::test]
async fn two_plugins_that_ask_each_other_do_not_wait_for_ever() -> Result<()> {
    let settings = with_actor(Settings::new(), "actor")?;
    let server = with_actor(settings, "actor-2")?.start().await?;
    let mut asking = tokio::task::JoinSet::new();
    for n in 0..8 {
        let (mut client, _) = server.session(&format!("user{n}")).await?;
        let name = if n % 2 == 0 { "actor" } else { "actor-2" };
        asking.spawn(async move {
            for round in 0..10 {
                act_as(
                    &mut client,
                    name,
                    &format!("<create user='new-{n}-{round}'/>"),
                )
                .await?;
            }
            anyhow::Ok(())
        });
    }
    let all = async {
        while let Some(asked) = asking.join_next().await {
            asked??;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_mins(2), all).await??;
    let users = server.cli(&["user", "list"]).await?.stdout;
    assert_eq!(users.matches("new-").count(), 80, "{users}");
    server.stop().await
}
