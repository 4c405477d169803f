//! Plugins that decide who logs in. The fixture `decides-logins` takes `of-NAME` as everybody's password, does what some
//! names say, and writes to the log what the host has it do.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use waxwing_tests::client::login::{auth, mechanisms, outcome};
use waxwing_tests::client::sasl::{Mechanism, decode, encode, plain};
use waxwing_tests::server::Settings;
use waxwing_tests::tls::Version;
use waxwing_tests::{Client, Login, Server, environment};

const GRANT: &str = "[plugin.decides-logins]\ngrants = [\"auth-provider\"]";
const NAMES: &str = "[plugin.web-names]\ngrants = [\"auth-provider\"]\n\
    config.users = [\"jcapulet juliet r0m30\"]";

fn settings() -> Result<Settings> {
    let component = environment::guest("fixtures/decides-logins.wasm")?;
    Ok(Settings::new()
        .plugin(&component, "decides-logins")
        .config(GRANT))
}

async fn server() -> Result<Server> {
    settings()?.start().await
}

async fn secure(server: &Server) -> Result<Client> {
    let mut client = server.connect().await?;
    client.open_secure("localhost", Some(Version::V13)).await?;
    Ok(client)
}

/// One attempt by PLAIN: nothing, or the condition of its failure.
async fn attempt(client: &mut Client, user: &str, password: &str) -> Result<Option<String>> {
    client
        .send(&auth("PLAIN", &plain("", user, password)))
        .await?;
    Ok(outcome(&client.element().await?)?.err())
}

async fn refused(server: &Server, user: &str, password: &str) -> Result<Option<String>> {
    attempt(&mut secure(server).await?, user, password).await
}

fn of(user: &str) -> Login {
    Login::new(user).password(&format!("of-{user}"))
}

fn count(server: &Server, words: &str) -> usize {
    server.log().matches(words).count()
}

/// What comes of asking somebody for presence: the error, if one comes before the answer to a request sent behind it.
async fn subscribe(client: &mut Client, to: &str) -> Result<Option<String>> {
    client
        .send(&format!("<presence type='subscribe' id='s' to='{to}'/>"))
        .await?;
    client
        .send("<iq type='get' id='behind' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await?;
    let answer = client
        .wait_for("an answer", |element| {
            matches!(element.attr("id"), Some("s" | "behind"))
        })
        .await?;
    if answer.attr("id") == Some("behind") {
        return Ok(None);
    }
    client
        .wait_for("the request behind", |element| {
            element.attr("id") == Some("behind")
        })
        .await?;
    Ok(answer.stanza_error())
}

/// Puts a component where the server looks, in one piece. With a mark it is another file of the same plugin.
fn install(server: &Server, file: &str, name: &str, mark: &[u8]) -> Result<()> {
    let component = std::fs::read(environment::guest(file)?)?;
    let partial = server.plugins().join(".partial");
    std::fs::write(&partial, [component.as_slice(), mark].concat())?;
    Ok(std::fs::rename(partial, server.plugins().join(name))?)
}

async fn conflicts(server: &Server, name: &str) -> Result<serde_json::Value> {
    let list = server.cli(&["plugin", "list", "--json"]).await?;
    let list: Vec<serde_json::Value> = serde_json::from_str(&list.stdout)?;
    let found = list.into_iter().find(|plugin| plugin["name"] == name);
    Ok(found.context("not listed")?["conflicts"].clone())
}

#[tokio::test]
async fn the_mechanisms_offered_are_those_that_the_provider_can_do() -> Result<()> {
    let server = server().await?;
    let mut client = server.connect().await?;
    let features = client.open_secure("localhost", Some(Version::V13)).await?;
    let offered = mechanisms(&features);
    assert_eq!(
        offered,
        ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN"],
        "{offered:?}"
    );
    let (client, jid) = server.log_in(&of("juliet").resource("x")).await?;
    assert_eq!(
        jid, "juliet@localhost/x",
        "by SCRAM, with the provider's keys"
    );
    client.close().await?;
    server.stop().await
}

// seeds: H2
#[tokio::test]
async fn the_highest_priority_provides_logins_and_who_loses_is_reported() -> Result<()> {
    let names = environment::guest("examples/web-names.wasm")?;
    for (priority, site, own) in [
        (0, false, true),
        (1, true, false),
        (-100, false, true),
        (-101, false, true),
    ] {
        // Ties keep the plugin whose name sorts first.
        let config = NAMES.replace("grants", &format!("priority = {priority}\ngrants"));
        let server = settings()?
            .plugin(&names, "web-names")
            .config(&config)
            .start()
            .await?;
        let by_site = refused(&server, "juliet", "r0m30").await?.is_none();
        let by_fixture = refused(&server, "juliet", "of-juliet").await?.is_none();
        assert_eq!(
            (by_site, by_fixture),
            (site, own),
            "with priority {priority}"
        );
        let loser = if site { "decides-logins" } else { "web-names" };
        let winner = if site { "web-names" } else { "decides-logins" };
        assert_eq!(
            conflicts(&server, loser).await?,
            serde_json::json!([winner])
        );
        assert_eq!(conflicts(&server, winner).await?, serde_json::json!([]));
        server.stop().await?;
    }
    Ok(())
}

// seeds: P15
/// The most specific registration wins: what the operator says of a host goes before priorities.
/// P15: the most specific registration wins.
#[tokio::test]
async fn a_provider_named_for_a_host_goes_before_all_others() -> Result<()> {
    let names = environment::guest("examples/web-names.wasm")?;
    let hosts = "[[host]]\ndomain = \"site.localhost\"\n\
        [host.plugin.web-names]\nprovider = true\n\
        [[host]]\ndomain = \"own.localhost\"\n\
        [host.plugin.web-names]\nprovider = false\n[host.plugin.decides-logins]\nprovider = false\n";
    let low = NAMES.replace("grants", "priority = -1000\ngrants");
    let server = settings()?
        .plugin(&names, "web-names")
        .config(&format!("{hosts}\n{low}"))
        .start()
        .await?;
    let at = |domain: &str, password: &str| Login {
        domain: domain.to_owned(),
        ..Login::new("juliet").password(password).by(Mechanism::Plain)
    };
    server.log_in(&at("localhost", "of-juliet")).await?;
    server.log_in(&at("site.localhost", "r0m30")).await?;
    server.account_at("juliet", "own.localhost").await?;
    let own = waxwing_tests::client::login::password_of("juliet");
    server.log_in(&at("own.localhost", &own)).await?;
    assert!(
        server
            .log_in(&at("site.localhost", "of-juliet"))
            .await
            .is_err()
    );
    assert!(
        server
            .log_in(&at("own.localhost", "of-juliet"))
            .await
            .is_err()
    );
    server.stop().await
}

// seeds: H3
#[tokio::test]
async fn each_stream_has_a_resource_of_its_own_made_at_its_first_question() -> Result<()> {
    let server = server().await?;
    let mut first = secure(&server).await?;
    let mut second = secure(&server).await?;
    assert_eq!(
        count(&server, "stream made"),
        0,
        "who asks nothing costs nothing"
    );
    assert_eq!(
        attempt(&mut first, "juliet", "wrong").await?.as_deref(),
        Some("not-authorized")
    );
    assert_eq!(attempt(&mut first, "juliet", "of-juliet").await?, None);
    server.wait_for_log("bound juliet@localhost").await?;
    assert_eq!(
        count(&server, "stream made"),
        1,
        "one for all questions of a stream"
    );
    assert_eq!(attempt(&mut second, "romeo", "of-romeo").await?, None);
    server.wait_for_log("bound romeo@localhost").await?;
    assert_eq!(count(&server, "stream made"), 2);
    server.stop().await
}

// seeds: H4
/// Unbind is called once, however the stream ends.
#[tokio::test]
async fn a_stream_takes_leave_once_whether_closed_dropped_or_killed() -> Result<()> {
    let server = server().await?;
    let (closed, _) = server.log_in(&of("closed")).await?;
    let (dropped, _) = server.log_in(&of("dropped")).await?;
    let (mut killed, _) = server.log_in(&of("killed")).await?;
    let mut unbound = secure(&server).await?;
    assert_eq!(attempt(&mut unbound, "unbound", "of-unbound").await?, None);
    let mut failed = secure(&server).await?;
    assert!(attempt(&mut failed, "failed", "wrong").await?.is_some());
    closed.close().await?;
    drop((dropped, unbound, failed));
    let printed = server.cli(&["user", "remove", "killed@localhost"]).await?;
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    assert_eq!(killed.stream_error().await?, "not-authorized");
    for user in ["closed", "dropped", "killed", "unbound"] {
        server
            .wait_for_log(&format!("unbound {user}@localhost"))
            .await?;
    }
    // Somebody who comes afterwards finds everything said.
    server.log_in(&of("juliet")).await?;
    for user in ["closed", "dropped", "killed", "unbound"] {
        assert_eq!(
            count(&server, &format!("unbound {user}@localhost")),
            1,
            "{user}"
        );
    }
    assert_eq!(
        count(&server, "unbound "),
        4,
        "who did not log in takes no leave: {}",
        server.log()
    );
    server.stop().await
}

// seeds: H5
#[tokio::test]
async fn new_streams_use_the_new_provider_and_old_ones_finish_on_the_old() -> Result<()> {
    let config = NAMES.replace("grants", "priority = 1\ngrants");
    let server = settings()?.config(&config).start().await?;
    let (mut old, _) = server.log_in(&of("romeo")).await?;
    let mut begun = secure(&server).await?;
    install(&server, "examples/web-names.wasm", "web-names.wasm", b"")?;
    while refused(&server, "juliet", "r0m30").await?.is_some() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        refused(&server, "romeo", "of-romeo").await?.is_some(),
        "a new stream asks the new one"
    );
    assert_eq!(
        attempt(&mut begun, "nurse", "of-nurse").await?,
        None,
        "one that had begun the old"
    );
    assert_eq!(
        subscribe(&mut old, "nobody@localhost").await?.as_deref(),
        Some("cancel/item-not-found")
    );
    assert_eq!(
        subscribe(&mut old, "tybalt@localhost").await?,
        None,
        "whom only the old one knows"
    );
    old.close().await?;
    server.wait_for_log("unbound romeo@localhost").await?;
    server.stop().await
}

#[tokio::test]
async fn a_lost_resource_is_made_anew_and_told_why() -> Result<()> {
    let server = server().await?;
    let (mut client, _) = server.log_in(&of("juliet")).await?;
    let failed = subscribe(&mut client, "trap@localhost").await?;
    assert!(
        failed
            .as_deref()
            .is_some_and(|error| error.ends_with("/internal-server-error")),
        "{failed:?}"
    );
    assert_eq!(subscribe(&mut client, "romeo@localhost").await?, None);
    server
        .wait_for_log("bound juliet@localhost BindReason::Recovered")
        .await?;
    install(
        &server,
        "fixtures/decides-logins.wasm",
        "decides-logins.wasm",
        b"\0\x02\x01x",
    )?;
    while count(&server, "BindReason::Reloaded") == 0 {
        assert_eq!(subscribe(&mut client, "romeo@localhost").await?, None);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    client.close().await?;
    server.wait_for_log("unbound juliet@localhost").await?;
    assert_eq!(count(&server, "BindReason::New"), 1);
    server.stop().await
}

// seeds: H6
/// A provider that fails has refused, for now and for that attempt alone.
#[tokio::test]
async fn what_a_provider_says_and_how_it_fails_reach_the_client_as_conditions() -> Result<()> {
    let server = server().await?;
    for (user, condition) in [
        ("nobody", "not-authorized"),
        ("disabled", "account-disabled"),
        ("expired", "credentials-expired"),
        ("later", "temporary-auth-failure"),
        ("trap", "temporary-auth-failure"),
        ("loop", "temporary-auth-failure"),
        ("foreign", "temporary-auth-failure"),
    ] {
        let mut client = secure(&server).await?;
        let said = attempt(&mut client, user, "of-nobody").await?;
        assert_eq!(said.as_deref(), Some(condition), "{user}");
        assert_eq!(
            attempt(&mut client, "juliet", "of-juliet").await?,
            None,
            "after {user}"
        );
    }
    for (user, condition) in [
        ("trap", "temporary-auth-failure"),
        ("later", "temporary-auth-failure"),
    ] {
        let answer = secure(&server).await?.authenticate(&of(user)).await?;
        assert_eq!(answer, Err(condition.to_owned()), "{user}, by SCRAM");
    }
    server.stop().await
}

#[tokio::test]
async fn a_provider_that_loops_does_not_stall_other_logins() -> Result<()> {
    let own =
        "[[host]]\ndomain = \"own.localhost\"\n[host.plugin.decides-logins]\nprovider = false";
    let server = settings()?.config(own).start().await?;
    server.account_at("juliet", "own.localhost").await?;
    let mut looping = Vec::new();
    for _ in 0..8 {
        let mut client = secure(&server).await?;
        client.send(&auth("PLAIN", &plain("", "loop", "x"))).await?;
        looping.push(client);
    }
    let elsewhere = Login {
        domain: "own.localhost".to_owned(),
        ..Login::new("juliet")
    };
    server.log_in(&elsewhere).await?;
    server.log_in(&of("romeo")).await?;
    for client in &mut looping {
        let said = outcome(&client.element().await?)?;
        assert_eq!(said, Err("temporary-auth-failure".to_owned()));
    }
    server.stop().await
}

#[tokio::test]
async fn an_unknown_user_cannot_be_told_from_a_wrong_password() -> Result<()> {
    let server = server().await?;
    for user in ["nobody", "juliet"] {
        let mut client = secure(&server).await?;
        let asked = Instant::now();
        assert_eq!(
            attempt(&mut client, user, "wrong").await?.as_deref(),
            Some("not-authorized")
        );
        assert!(
            asked.elapsed() >= Duration::from_millis(300),
            "refused too soon: {user}"
        );
    }
    let mut shapes = Vec::new();
    for user in ["nobody", "juliet", "nobody"] {
        let mut client = secure(&server).await?;
        let first = encode(format!("n,,n={user},r=abcdefghijkl"));
        client.send(&auth("SCRAM-SHA-256", &first)).await?;
        let challenge = client.element().await?;
        let challenge = String::from_utf8(decode(&challenge.text)?)?;
        let field = |name: &str| {
            let found = challenge
                .split(',')
                .find_map(|field| field.strip_prefix(name));
            found.unwrap_or_default().to_owned()
        };
        shapes.push((field("s="), field("i=")));
    }
    assert_eq!(shapes[0], shapes[2], "the same each time");
    assert_eq!(shapes[0].0.len(), shapes[1].0.len(), "a salt as long");
    assert_eq!(shapes[0].1, shapes[1].1, "as many rounds");
    server.stop().await
}

// seeds: H8
/// Registrations, changes and removals of accounts reach the provider.
#[tokio::test]
async fn registration_goes_to_the_provider() -> Result<()> {
    let server = server().await?;
    let register = |user: &str| {
        format!(
            "<query xmlns='jabber:iq:register'><username>{user}</username><password>chosen</password></query>"
        )
    };
    for (user, error) in [
        ("taken", Some("cancel/conflict")),
        ("refused", Some("modify/not-acceptable")),
        ("trap", Some("wait/internal-server-error")),
        ("fresh", None),
    ] {
        let mut client = secure(&server).await?;
        let answer = client.iq("set", "localhost", &register(user)).await?;
        assert_eq!(answer.stanza_error().as_deref(), error, "{user}");
    }
    let chosen = Login::new("fresh").password("chosen").by(Mechanism::Plain);
    let (mut client, _) = server.log_in(&chosen).await?;
    let changed = "<query xmlns='jabber:iq:register'><username>fresh</username><password>another</password></query>";
    assert_eq!(
        client.iq("set", "localhost", changed).await?.attr("type"),
        Some("result")
    );
    assert!(
        server.log_in(&chosen).await.is_err(),
        "the old password is over"
    );
    let (mut other, _) = server.log_in(&chosen.clone().password("another")).await?;
    let remove = "<query xmlns='jabber:iq:register'><remove/></query>";
    assert_eq!(
        client.iq("set", "localhost", remove).await?.attr("type"),
        Some("result")
    );
    server.wait_for_log("deleted fresh@localhost").await?;
    assert_eq!(other.stream_error().await?, "not-authorized");
    server.stop().await
}

/// What the provider's word made is of no use without it.
#[tokio::test]
async fn an_external_account_lets_nobody_in_without_its_provider() -> Result<()> {
    let server = server().await?;
    let (client, _) = server.log_in(&of("juliet")).await?;
    client.close().await?;
    let disabled = server.cli(&["user", "disable", "juliet@localhost"]).await?;
    assert_eq!(disabled.code, Some(0), "{}", disabled.stderr);
    let said = refused(&server, "juliet", "of-juliet").await?;
    assert_eq!(
        said.as_deref(),
        Some("account-disabled"),
        "the operator has the last word"
    );
    server.cli(&["user", "enable", "juliet@localhost"]).await?;
    assert_eq!(refused(&server, "juliet", "of-juliet").await?, None);

    std::fs::remove_file(server.plugins().join("decides-logins.wasm"))?;
    server.wait_for_log("unloaded").await?;
    for password in ["of-juliet", "x", "//jid/x"] {
        let said = refused(&server, "juliet", password).await?;
        assert_eq!(said.as_deref(), Some("not-authorized"), "{password}");
    }
    let by_scram = secure(&server).await?.authenticate(&of("juliet")).await?;
    assert_eq!(by_scram, Err("not-authorized".to_owned()));
    server.stop().await
}

/// Deciding logins is for whom the operator grants it.
#[tokio::test]
async fn a_provider_without_a_grant_decides_nothing() -> Result<()> {
    let component = environment::guest("fixtures/decides-logins.wasm")?;
    let server = Settings::new()
        .plugin(&component, "decides-logins")
        .start()
        .await?;
    server.session("juliet").await?;
    assert!(server.log_in(&of("romeo")).await.is_err());
    assert_eq!(count(&server, "stream made"), 0);
    server.stop().await
}
