//! A plugin that fails for everybody is not called for a while, and tried again by itself. One that fails for a single
//! user, or waits for a slow database, goes on serving everybody else.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::time::{sleep, timeout};
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, PATIENCE, Server, environment};

const FAILED: &str = "wait/internal-server-error";

async fn server_with(fixture: &str) -> Result<Server> {
    let component = environment::guest(&format!("fixtures/{fixture}.wasm"))?;
    let grants = format!("[plugin.{fixture}]\ngrants = [\"inbound\", \"iq-handler\"]");
    let settings = Settings::new().plugin(&component, fixture);
    settings.config(&grants).start().await
}

async fn sessions(server: &Server, users: &[&str]) -> Result<Vec<(Client, String)>> {
    try_join_all(users.iter().map(|user| server.session(user))).await
}

/// The figures of one plugin.
async fn stats(server: &Server, plugin: &str) -> Result<Value> {
    let printed = server.cli(&["plugin", "stats", plugin, "--json"]).await?;
    ensure!(printed.code == Some(0), "{printed:?}");
    let mut stats: Vec<Value> = serde_json::from_str(&printed.stdout)?;
    stats.pop().context("no figures")
}

/// Sends a message to oneself, and says what comes of it: the message, or the error that it comes back with.
async fn say(client: &mut Client, jid: &str, id: &str, body: &str) -> Result<String> {
    let message =
        format!("<message to='{jid}' type='chat' id='{id}'><body>{body}</body></message>");
    client.send(&message).await?;
    let answer = client
        .wait_for("what becomes of it", |element| {
            element.attr("id") == Some(id)
        })
        .await?;
    Ok(answer
        .stanza_error()
        .unwrap_or_else(|| "delivered".to_owned()))
}

/// Talks until a message passes again; says how often it was refused.
async fn until_delivered(client: &mut Client, jid: &str) -> Result<u32> {
    let talk = async {
        for round in 0.. {
            match say(client, jid, &format!("again-{round}"), "hello").await? {
                passed if passed == "delivered" => return Ok(round),
                refused => ensure!(refused == FAILED, "{refused}"),
            }
            sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("no answer came")
    };
    timeout(PATIENCE, talk)
        .await
        .context("it never serves again")?
}

/// Matrix row 20: a thousand faults a second by several users.
#[tokio::test]
async fn a_fault_storm_by_many_is_quarantined_at_once_and_logged_in_few_lines() -> Result<()> {
    let server = server_with("traps").await?;
    let users = ["romeo", "juliet", "nurse", "benvolio"];
    let mut sessions = sessions(&server, &users).await?;
    let storm = sessions.iter_mut().map(|(client, jid)| async {
        for round in 0..500 {
            let sent = say(client, jid, &format!("storm-{round}"), "misbehave").await?;
            ensure!(sent == FAILED, "round {round}: {sent}");
            sleep(Duration::from_millis(4)).await;
        }
        anyhow::Ok(())
    });
    try_join_all(storm).await?;
    let figures = stats(&server, "traps").await?;
    let count = |figure: &str| figures[figure].as_u64().unwrap_or_default();
    // Five faults make a quarantine; a probation may have come and gone meanwhile. All the others were not even calls.
    assert!(count("quarantines") >= 1, "{figures}");
    assert!(count("faults") < 50, "{figures}");
    assert_eq!(count("faults") + count("refused"), 2_000, "{figures}");
    let log = server.log();
    let lines = log.lines().filter(|line| line.contains("traps"));
    let mut by_second = BTreeMap::<&str, u32>::new();
    for line in lines {
        // The time of day to the second, as the log writes it first.
        *by_second.entry(line.get(..19).unwrap_or(line)).or_default() += 1;
    }
    assert!(by_second.values().all(|lines| *lines <= 10), "{log}");
    assert!(log.contains("in quarantine for 5 s: "), "{log}");

    let listed = server.cli(&["plugin", "list"]).await?.stdout;
    assert!(
        listed.contains("quarantined") || listed.contains("probation"),
        "{listed}"
    );
    let (romeo, jid) = &mut sessions[0];
    until_delivered(romeo, jid).await?;
    // Ten calls that go well end the probation.
    for round in 0..10 {
        until_delivered(romeo, jid)
            .await
            .with_context(|| format!("round {round}"))?;
    }
    server
        .wait_for_log("serves again after its quarantine")
        .await?;
    assert_eq!(stats(&server, "traps").await?["state"], "serving");
    server.stop().await
}

/// Whoever finds an input that traps a filter silences it for nobody but himself.
#[tokio::test]
async fn one_user_who_finds_a_trapping_input_silences_nobody() -> Result<()> {
    let server = server_with("traps").await?;
    let mut sessions = sessions(&server, &["romeo", "juliet"]).await?;
    for round in 0..300 {
        let (romeo, jid) = &mut sessions[0];
        let sent = say(romeo, jid, &format!("mischief-{round}"), "misbehave").await?;
        assert_eq!(sent, FAILED);
    }
    let (juliet, jid) = &mut sessions[1];
    assert_eq!(say(juliet, jid, "hello", "hello").await?, "delivered");
    let figures = stats(&server, "traps").await?;
    assert_eq!(figures["state"], "serving", "{figures}");
    assert_eq!(figures["faults"], 300, "{figures}");
    assert_eq!(figures["faults_by_kind"]["trap"], 300, "{figures}");
    assert_eq!(figures["quarantines"], 0, "{figures}");
    server.stop().await
}

/// The guest refuses to initialise for eight seconds; then it behaves, and nobody has to do anything.
#[tokio::test]
async fn a_failing_init_is_a_quarantine_that_ends_by_itself() -> Result<()> {
    let server = server_with("flaky").await?;
    let (mut romeo, jid) = server.session("romeo").await?;
    let spoil = format!("<message to='{jid}' type='chat'><body>spoil</body></message>");
    romeo.send(&spoil).await?;
    // The instances that are there go on; each trap costs one, until a new one is needed.
    for round in 0..20 {
        say(&mut romeo, &jid, &format!("trap-{round}"), "trap").await?;
    }
    server
        .wait_for_log("a new instance of it cannot be initialised")
        .await?;
    let request = "<query xmlns='urn:example:flaky'/>";
    let answer = romeo.iq("get", "localhost", request).await?;
    assert_eq!(answer.stanza_error().as_deref(), Some(FAILED), "{answer}");
    until_delivered(&mut romeo, &jid).await?;
    let answer = romeo.iq("get", "localhost", request).await?;
    let passed = answer.attr("type") == Some("result");
    assert!(
        passed || answer.stanza_error().as_deref() == Some(FAILED),
        "{answer}"
    );
    assert!(stats(&server, "flaky").await?["quarantines"].as_u64() >= Some(1));
    server.stop().await
}

/// An operator who loads it anew does not have to wait.
#[tokio::test]
async fn loading_a_plugin_anew_ends_its_quarantine() -> Result<()> {
    let server = server_with("traps").await?;
    let users = ["romeo", "juliet", "nurse"];
    let mut sessions = sessions(&server, &users).await?;
    for round in 0..2 {
        for (client, jid) in &mut sessions {
            say(client, jid, &format!("trap-{round}"), "misbehave").await?;
        }
    }
    server.wait_for_log("in quarantine for 5 s").await?;
    let reloaded = server.cli(&["plugin", "reload", "traps"]).await?;
    assert_eq!(reloaded.code, Some(0), "{reloaded:?}");
    let (romeo, jid) = &mut sessions[0];
    assert_eq!(say(romeo, jid, "hello", "hello").await?, "delivered");
    server.stop().await
}

/// Another process holds the database's write lock, as an operator's own tool might: registration fails for everybody, by
/// no fault of its own.
#[tokio::test]
async fn a_database_that_hangs_quarantines_nobody() -> Result<()> {
    const HOLD: &str = "import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute('begin immediate')
print('held', flush=True)
sys.stdin.read()
connection.execute('rollback')";
    let server = Server::new().await?;
    let users = ["romeo", "juliet", "nurse", "benvolio", "mercutio", "tybalt"];
    let mut sessions = sessions(&server, &users).await?;
    let mut holder = Command::new(environment::clients()?.join("slixmpp/bin/python"))
        .args(["-c", HOLD])
        .arg(server.database())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start Python; run `cargo xtask test`, which installs it")?;
    let said = holder.stdout.take().context("no stdout")?;
    let line = BufReader::new(said).lines().next_line().await?;
    assert_eq!(line.as_deref(), Some("held"));

    let change = |user: &str| {
        format!(
            "<query xmlns='jabber:iq:register'><username>{user}</username><password>another</password></query>"
        )
    };
    let asked = sessions
        .iter_mut()
        .zip(users)
        .map(|((client, _), user)| async move {
            let answer = client.iq("set", "", &change(user)).await?;
            anyhow::Ok(answer.stanza_error())
        });
    for error in try_join_all(asked).await? {
        assert_eq!(error.as_deref(), Some(FAILED));
    }
    let figures = stats(&server, "registration").await?;
    assert_eq!(figures["state"], "serving", "{figures}");
    assert_eq!(figures["faults"], 0, "{figures}");
    assert_eq!(figures["quarantines"], 0, "{figures}");

    let mut hand = holder.stdin.take().context("no stdin")?;
    hand.shutdown().await?;
    drop(hand);
    holder.wait().await?;
    let (romeo, _) = &mut sessions[0];
    let answer = romeo.iq("set", "", &change("romeo")).await?;
    assert_eq!(answer.attr("type"), Some("result"), "{answer}");
    server.stop().await
}
