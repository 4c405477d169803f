//! Plugins that record sessions: the example `stored-sessions`, and the fixture `session-provider`, which writes to the log what the host has
//! it do and does what a resource says.

use anyhow::{Context, Result};
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Login, Server, environment};

async fn stored(config: &str) -> Result<Server> {
    let component = environment::guest("examples/stored-sessions.wasm")?;
    let table = format!(
        "[plugin.stored-sessions]\ngrants = [\"session-provider\", \"storage\", \"sessions\"]\n{config}"
    );
    let settings = Settings::new().plugin(&component, "stored-sessions");
    settings.config(&table).start().await
}

/// The fixtures for logins, rosters and sessions together.
async fn attended() -> Result<Server> {
    let table = "[plugin.session-provider]\ngrants = [\"session-provider\", \"roster-provider\", \"sessions\"]\n\
        [plugin.decides-logins]\ngrants = [\"auth-provider\"]";
    let settings = Settings::new();
    let settings = settings.plugin(
        &environment::guest("fixtures/session-provider.wasm")?,
        "session-provider",
    );
    let settings = settings.plugin(
        &environment::guest("fixtures/decides-logins.wasm")?,
        "decides-logins",
    );
    settings.config(table).start().await
}

fn of(user: &str, resource: &str) -> Login {
    Login::new(user)
        .password(&format!("of-{user}"))
        .resource(resource)
}

async fn rows(server: &Server) -> Result<u64> {
    let stats = server
        .cli(&["plugin", "stats", "stored-sessions", "--json"])
        .await?;
    let stats: serde_json::Value = serde_json::from_str(&stats.stdout)?;
    let stats = stats.get(0).unwrap_or(&stats);
    stats["storage_keys"]
        .as_u64()
        .with_context(|| stats.to_string())
}

async fn until_rows(server: &Server, wanted: u64) -> Result<()> {
    loop {
        if rows(server).await? == wanted {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn settled(client: &mut Client) -> Result<()> {
    let ping = "<iq type='get' id='behind' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
    client.send(ping).await?;
    let behind = client.wait_for("the answer", |one| one.attr("id") == Some("behind"));
    behind.await.map(drop)
}

/// Waits until the log has all these lines, and gives it.
async fn log_with(server: &Server, lines: &[&str]) -> Result<String> {
    let wait = async {
        loop {
            let log = server.log();
            if lines.iter().all(|line| log.contains(line)) {
                return log;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(std::time::Duration::from_mins(1), wait).await;
    waited.with_context(|| format!("not all of {lines:?} in {}", server.log()))
}

// seeds: H1
/// The whole of a session's life with its record in a plugin's storage. Nothing is left of
/// sessions that are cut off.
#[tokio::test]
async fn sessions_recorded_by_a_plugin_come_and_go_and_leave_nothing() -> Result<()> {
    let server = stored("").await?;
    server.account("juliet").await?;
    server.account("romeo").await?;
    let (mut romeo, _) = server.log_in(&Login::new("romeo").resource("x")).await?;
    romeo.send("<presence/>").await?;
    settled(&mut romeo).await?;
    assert_eq!(rows(&server).await?, 1);
    for number in 0..40 {
        let login = Login::new("juliet").resource(&format!("r{}", number % 8));
        let (mut juliet, _) = server.log_in(&login).await?;
        juliet
            .send("<presence><priority>1</priority></presence>")
            .await?;
        romeo
            .send("<message to='juliet@localhost' type='chat'><body>hi</body></message>")
            .await?;
        juliet
            .wait_for("the message", |one| one.name == "message")
            .await?;
        // The connection is cut, without a word.
        drop(juliet);
    }
    until_rows(&server, 1).await?;
    romeo.close().await?;
    until_rows(&server, 0).await?;
    server.stop().await
}

// seeds: H14
/// The newcomer has the address, the older session hears of a conflict, and what it leaves behind
/// does not take the address away.
#[tokio::test]
async fn a_newcomer_takes_an_address_over_from_whoever_is_recorded_with_it() -> Result<()> {
    let server = stored("").await?;
    server.account("juliet").await?;
    let login = Login::new("juliet").resource("balcony");
    let (mut old, _) = server.log_in(&login).await?;
    let (mut new, jid) = server.log_in(&login).await?;
    assert_eq!(jid, "juliet@localhost/balcony");
    assert_eq!(old.stream_error().await?, "conflict");
    drop(old);
    settled(&mut new).await?;
    assert_eq!(rows(&server).await?, 1);
    new.send("<presence/>").await?;
    settled(&mut new).await?;
    assert_eq!(rows(&server).await?, 1);
    new.close().await?;
    until_rows(&server, 0).await?;
    server.stop().await
}

/// What a server left behind that was killed keeps nobody from the address, and is gone after the next start.
#[tokio::test]
async fn what_a_killed_server_left_behind_is_forgotten() -> Result<()> {
    let mut server = stored("config.sessions = 2").await?;
    server.account("juliet").await?;
    let (_one, _) = server.log_in(&Login::new("juliet").resource("one")).await?;
    let (_two, _) = server.log_in(&Login::new("juliet").resource("two")).await?;
    assert_eq!(rows(&server).await?, 2);
    server.kill().await?;
    server.wait().await?;
    server.start_again().await?;
    assert_eq!(rows(&server).await?, 0);
    let (_one, jid) = server.log_in(&Login::new("juliet").resource("one")).await?;
    assert_eq!(jid, "juliet@localhost/one");
    // A third is one too many.
    let (_two, _) = server.log_in(&Login::new("juliet").resource("two")).await?;
    let third = server.log_in(&Login::new("juliet").resource("three")).await;
    let error = format!("{:#}", third.err().context("bound all the same")?);
    assert!(error.contains("resource-constraint"), "{error}");
    server.stop().await
}

// seeds: H6
/// What a provider says of a claim, and what becomes of one that fails over it.
#[tokio::test]
async fn a_claim_is_refused_as_the_provider_says() -> Result<()> {
    let server = attended().await?;
    for (resource, condition) in [
        ("taken", "conflict"),
        ("refused", "not-allowed"),
        ("later", "internal-server-error"),
        ("trap", "internal-server-error"),
    ] {
        let refused = server.log_in(&of("juliet", resource)).await;
        let error = format!("{:#}", refused.err().context("bound all the same")?);
        assert!(error.contains(condition), "{resource}: {error}");
    }
    let log = server.log();
    assert_eq!(
        log.matches("session release juliet@localhost/taken")
            .count(),
        1
    );
    assert_eq!(
        log.matches("session bind juliet@localhost/taken").count(),
        2
    );
    assert!(
        !log.contains("session unbind juliet@localhost/refused"),
        "{log}"
    );
    assert!(
        !log.contains("roster bind juliet@localhost/refused"),
        "{log}"
    );
    server.stop().await
}

// seeds: H4
/// Logins, sessions, rosters, and back, each once, when nobody finds the session any more; on whatever
/// way it ends.
#[tokio::test]
async fn providers_are_told_of_a_session_in_order_and_of_its_end_in_reverse() -> Result<()> {
    let server = attended().await?;
    for way in ["closed", "dropped", "ended", "rostertrap", "removed"] {
        let (mut client, _) = server.log_in(&of(&format!("user-{way}"), way)).await?;
        client.send("<presence/>").await?;
        settled(&mut client).await?;
        let jid = format!("user-{way}@localhost/{way}");
        match way {
            "closed" => drop(client.close().await?),
            "ended" => client.send("<nonsense/>").await?,
            "removed" => {
                let account = format!("user-{way}@localhost");
                let removed = server.cli(&["user", "remove", &account]).await?;
                assert_eq!(removed.code, Some(0), "{}", removed.stderr);
            }
            _ => drop(client),
        }
        let lines = [
            format!("bound user-{way}@localhost BindReason::New"),
            format!("session bind {jid}"),
            format!("roster bind {jid}"),
            format!("session presence {jid} Some(0)"),
            format!("roster unbind {jid} found false"),
            format!("session unbind {jid} found false"),
            format!("unbound user-{way}@localhost"),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let log = log_with(&server, &lines).await?;
        let places: Vec<_> = lines.iter().map(|line| log.find(line)).collect();
        assert!(
            places.is_sorted(),
            "{way}: {places:?} of {lines:?} in {log}"
        );
        for line in lines {
            assert_eq!(log.matches(line).count(), 1, "{way}: {line}");
        }
    }
    server.stop().await
}

// seeds: H16
/// The provider's priorities decide which session gets a message.
#[tokio::test]
async fn the_providers_priorities_decide_who_gets_a_message() -> Result<()> {
    let server = attended().await?;
    let (mut romeo, _) = server.log_in(&of("romeo", "x")).await?;
    let mut clients = Vec::new();
    for (resource, priority) in [("never", 100), ("second", 5), ("first", 1)] {
        let (mut client, _) = server.log_in(&of("juliet", resource)).await?;
        client
            .send(&format!(
                "<presence><priority>{priority}</priority></presence>"
            ))
            .await?;
        settled(&mut client).await?;
        clients.push(client);
    }
    let message =
        |to: &str| format!("<message to='{to}' type='chat' id='m'><body>hi</body></message>");
    for to in ["juliet@localhost", "juliet@localhost/gone"] {
        romeo.send(&message(to)).await?;
        let first = clients.last_mut().context("a client")?;
        first
            .wait_for("the message", |one| one.name == "message")
            .await?;
    }
    // One that fails over it: the sender hears that it may try again, and a presence that is not recorded is not told.
    let (mut lost, _) = server.log_in(&of("lost", "first")).await?;
    lost.send("<presence/>").await?;
    settled(&mut lost).await?;
    romeo.send(&message("lost@localhost")).await?;
    let error = romeo
        .wait_for("the error", |one| one.name == "message")
        .await?;
    assert_eq!(
        error.stanza_error().as_deref(),
        Some("wait/internal-server-error")
    );
    lost.send("<presence id='p'><priority>66</priority></presence>")
        .await?;
    let error = lost
        .wait_for("the error", |one| one.attr("id") == Some("p"))
        .await?;
    assert_eq!(
        error.stanza_error().as_deref(),
        Some("wait/internal-server-error")
    );
    for mut client in clients {
        client
            .send("<iq type='get' id='behind' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
            .await?;
        let next = client
            .wait_for("nothing but the answer", |one| {
                one.name == "message" || one.attr("id") == Some("behind")
            })
            .await?;
        assert_eq!(next.name, "iq");
    }
    server.stop().await
}
