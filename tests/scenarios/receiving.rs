//! Plugins that judge what somebody is given, and what is kept for somebody who is away. The fixture `receives` does what the
//! first word of a message says.

use anyhow::{Context, Result};
use rustix::process::Signal;
use tokio::net::TcpListener;
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Element, Login, Server, environment};

async fn server(table: &str) -> Result<Server> {
    server_with(table, "").await
}

async fn server_with(table: &str, more: &str) -> Result<Server> {
    let component = environment::guest("fixtures/receives.wasm")?;
    let config = format!("[plugin.receives]\ngrants = {table}\n{more}");
    let settings = Settings::new().plugin(&component, "receives");
    settings.config(&config).start().await
}

const BOTH: &str = "[\"deliver\", \"offline\", \"storage\", \"router\"]";

/// The same for a hook that waits for an HTTP server, which is there and says nothing; what a message is to begin with for that.
async fn server_that_waits() -> Result<(Server, TcpListener, String)> {
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", silent.local_addr()?);
    let table = "[\"deliver\", \"offline\", \"storage\", \"router\", \"http-client\"]";
    let server = server_with(table, &format!("http_hosts = [\"{url}\"]")).await?;
    Ok((server, silent, format!("offline-wait {url}/")))
}

/// A user online.
async fn online(server: &Server, user: &str, resource: &str) -> Result<Client> {
    let mut client = arriving(server, user, resource).await?;
    settled(&mut client).await?;
    Ok(client)
}

/// A user who comes online, and has read nothing of what waits for it.
async fn arriving(server: &Server, user: &str, resource: &str) -> Result<Client> {
    let (mut client, _) = server.log_in(&Login::new(user).resource(resource)).await?;
    client.send("<presence/>").await?;
    Ok(client)
}

/// What has come by the time that the server has done all that it was asked before.
async fn settled(client: &mut Client) -> Result<Vec<Element>> {
    client
        .send("<iq type='get' id='behind' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await?;
    let mut come = Vec::new();
    loop {
        let element = client.element().await?;
        if element.attr("id") == Some("behind") {
            return Ok(come);
        }
        come.push(element);
    }
}

/// The bodies of the messages that have come, errors by their conditions.
async fn heard(client: &mut Client) -> Result<Vec<String>> {
    let come = settled(client).await?;
    let messages = come.iter().filter(|element| element.name == "message");
    let said = messages.map(|message| match message.stanza_error() {
        Some(error) => format!("error {error}"),
        None => message.child_text("body").unwrap_or_default().to_owned(),
    });
    Ok(said.collect())
}

async fn say(client: &mut Client, to: &str, kind: &str, body: &str) -> Result<()> {
    let message = format!("<message to='{to}' type='{kind}'><body>{body}</body></message>");
    client.send(&message).await
}

/// Says something, waits for a later message to arrive, and gives what both sides heard.
async fn between(
    romeo: &mut Client,
    juliet: &mut Client,
    kind: &str,
    body: &str,
) -> Result<(Vec<String>, Vec<String>)> {
    say(romeo, "juliet@localhost", kind, body).await?;
    say(romeo, "juliet@localhost", "chat", "after").await?;
    let mut given = Vec::new();
    loop {
        let message = juliet
            .wait_for("a message", |one| one.name == "message")
            .await?;
        match message.child_text("body") {
            Some("after") => break,
            body => given.push(body.unwrap_or_default().to_owned()),
        }
    }
    Ok((given, heard(romeo).await?))
}

async fn pair(server: &Server) -> Result<(Client, Client)> {
    server.account("romeo").await?;
    server.account("juliet").await?;
    let juliet = online(server, "juliet", "one").await?;
    Ok((online(server, "romeo", "x").await?, juliet))
}

// seeds: P10
#[tokio::test]
async fn a_deliver_hook_passes_changes_drops_and_refuses_what_a_session_is_given() -> Result<()> {
    let server = server(BOTH).await?;
    let (mut romeo, mut juliet) = pair(&server).await?;
    let nothing: [&str; 0] = [];
    for (body, given, back) in [
        ("hello", vec!["hello"], vec![]),
        (
            "mark this",
            vec!["[juliet@localhost/one] mark this"],
            vec![],
        ),
        ("drop this", vec![], vec![]),
        ("bounce this", vec![], vec!["error modify/not-acceptable"]),
        ("trap", vec![], vec!["error wait/internal-server-error"]),
        ("loop", vec![], vec!["error wait/internal-server-error"]),
    ] {
        let (heard, answered) = between(&mut romeo, &mut juliet, "chat", body).await?;
        assert_eq!((heard, answered), (own(&given), own(&back)), "{body}");
    }
    // It fails open for headlines.
    let (heard, answered) = between(&mut romeo, &mut juliet, "headline", "trap").await?;
    assert_eq!((heard, answered), (own(&["trap"]), own(&nothing)));
    // What it sends itself is not shown to it again.
    say(&mut romeo, "juliet@localhost", "chat", "send").await?;
    for expected in ["send", "send from the hook"] {
        let message = juliet
            .wait_for("a message", |one| one.name == "message")
            .await?;
        assert_eq!(message.child_text("body"), Some(expected));
    }
    assert_eq!(self::heard(&mut juliet).await?, own(&nothing));
    server.stop().await
}

fn own(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Each session is judged for itself, and the sender hears of a refusal only if nobody got the message.
#[tokio::test]
async fn a_refusal_for_one_session_leaves_the_other_its_copy() -> Result<()> {
    let server = server(BOTH).await?;
    let (mut romeo, mut one) = pair(&server).await?;
    let mut two = online(&server, "juliet", "two").await?;
    say(&mut romeo, "juliet@localhost", "chat", "only for one").await?;
    say(&mut romeo, "juliet@localhost", "chat", "for both").await?;
    for (client, expected) in [
        (&mut one, vec!["only for one", "for both"]),
        (&mut two, vec!["for both"]),
    ] {
        let mut come = Vec::new();
        while come.last().is_none_or(|last| last != "for both") {
            let message = client
                .wait_for("a message", |one| one.name == "message")
                .await?;
            come.extend(message.child_text("body").map(str::to_owned));
        }
        assert_eq!(come, expected);
    }
    assert_eq!(heard(&mut romeo).await?, own(&[]));
    // To both, and refused by both: one error.
    say(&mut romeo, "juliet@localhost", "chat", "bounce").await?;
    let error = romeo
        .wait_for("the error", |one| one.name == "message")
        .await?;
    assert_eq!(
        error.stanza_error().as_deref(),
        Some("modify/not-acceptable")
    );
    assert_eq!(heard(&mut romeo).await?, own(&[]));
    server.stop().await
}

// seeds: N6
/// A request that a hook answers, or fails over, has one answer.
#[tokio::test]
async fn a_request_to_a_session_is_answered_by_the_hook_in_its_place() -> Result<()> {
    let server = server(BOTH).await?;
    let (mut romeo, mut juliet) = pair(&server).await?;
    // Requests reach a session from those who share its presence (RFC 6121 §8.5.3.1).
    juliet.send("<presence to='romeo@localhost'/>").await?;
    settled(&mut juliet).await?;
    let answer = romeo
        .iq(
            "get",
            "juliet@localhost/one",
            "<asked xmlns='urn:example:asked'/>",
        )
        .await?;
    assert_eq!(answer.attr("type"), Some("result"));
    assert_eq!(answer.attr("from"), Some("juliet@localhost/one"));
    assert!(answer.child("answered", "urn:example:asked").is_some());
    assert!(
        settled(&mut juliet)
            .await?
            .iter()
            .all(|one| one.name != "iq")
    );
    server.stop().await
}

/// Without its grant a hook is not called, and a plugin that is disabled is a hook no more.
#[tokio::test]
async fn a_deliver_hook_needs_its_grant_and_goes_with_its_plugin() -> Result<()> {
    let ungranted = server("[]").await?;
    let (mut romeo, mut juliet) = pair(&ungranted).await?;
    let (heard, _) = between(&mut romeo, &mut juliet, "chat", "drop").await?;
    assert_eq!(heard, ["drop"]);
    ungranted.stop().await?;

    let server = server(BOTH).await?;
    let (mut romeo, mut juliet) = pair(&server).await?;
    let (heard, _) = between(&mut romeo, &mut juliet, "chat", "drop").await?;
    assert_eq!(heard, own(&[]));
    let stats = server
        .cli(&["plugin", "stats", "receives", "--json"])
        .await?;
    assert!(stats.stdout.contains("\"deliver\""), "{}", stats.stdout);
    let off = server.cli(&["plugin", "disable", "receives"]).await?;
    assert_eq!(off.code, Some(0), "{}", off.stderr);
    let (heard, _) = between(&mut romeo, &mut juliet, "chat", "drop").await?;
    assert_eq!(heard, ["drop"]);
    let on = server.cli(&["plugin", "enable", "receives"]).await?;
    assert_eq!(on.code, Some(0), "{}", on.stderr);
    let (heard, _) = between(&mut romeo, &mut juliet, "chat", "drop").await?;
    assert_eq!(heard, own(&[]));
    server.stop().await
}

#[tokio::test]
async fn an_offline_hook_decides_what_is_kept() -> Result<()> {
    let server = server(BOTH).await?;
    server.account("juliet").await?;
    server.account("romeo").await?;
    let mut romeo = online(&server, "romeo", "x").await?;
    let bodies = [
        "one",
        "offline-drop",
        "offline-mark two",
        "offline-bounce",
        "offline-handled",
        "offline-trap",
        "three",
    ];
    for body in bodies {
        say(&mut romeo, "juliet@localhost", "chat", body).await?;
    }
    assert_eq!(
        heard(&mut romeo).await?,
        [
            "error modify/not-acceptable",
            "error wait/internal-server-error"
        ]
    );
    let mut juliet = arriving(&server, "juliet", "one").await?;
    let mut kept = Vec::new();
    while kept.last().is_none_or(|last| last != "three") {
        let message = juliet
            .wait_for("a message", |one| one.name == "message")
            .await?;
        kept.push(message.child_text("body").context("a body")?.to_owned());
    }
    assert_eq!(
        kept,
        ["one", "[juliet@localhost] offline-mark two", "three"]
    );
    // What it saw to is in its own storage.
    let stats = server
        .cli(&["plugin", "stats", "receives", "--json"])
        .await?;
    assert!(stats.stdout.contains("\"offline\""), "{}", stats.stdout);
    assert_eq!(heard(&mut juliet).await?, own(&[]));
    server.stop().await
}

/// What waits in the spool is judged when it is given; what a hook refuses then does not wait for ever.
#[tokio::test]
async fn what_was_kept_is_judged_once_when_it_is_delivered() -> Result<()> {
    let server = server(BOTH).await?;
    server.account("juliet").await?;
    server.account("romeo").await?;
    let mut romeo = online(&server, "romeo", "x").await?;
    for body in ["drop", "bounce", "mark it"] {
        say(&mut romeo, "juliet@localhost", "chat", body).await?;
    }
    settled(&mut romeo).await?;
    let mut juliet = arriving(&server, "juliet", "one").await?;
    let error = romeo
        .wait_for("the error", |one| one.name == "message")
        .await?;
    assert_eq!(
        error.stanza_error().as_deref(),
        Some("modify/not-acceptable")
    );
    let marked = juliet
        .wait_for("the message", |one| one.name == "message")
        .await?;
    assert_eq!(
        marked.child_text("body"),
        Some("[juliet@localhost/one] mark it")
    );
    settled(&mut juliet).await?;
    juliet.close().await?;
    let mut again = arriving(&server, "juliet", "two").await?;
    assert_eq!(heard(&mut again).await?, own(&[]));
    server.stop().await
}

/// What a hook refuses for one device is not lost for another that is away: its copy waits for it.
#[tokio::test]
async fn a_refusal_for_one_session_leaves_the_copy_of_one_that_is_away() -> Result<()> {
    let server = server(BOTH).await?;
    let (mut romeo, mut two) = {
        server.account("romeo").await?;
        server.account("juliet").await?;
        let two = online(&server, "juliet", "two").await?;
        (online(&server, "romeo", "x").await?, two)
    };
    romeo.send("<enable xmlns='urn:xmpp:sm:3'/>").await?;
    let mut one = online(&server, "juliet", "one").await?;
    one.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
        .await?;
    settled(&mut one).await?;
    drop(one);
    say(&mut romeo, "juliet@localhost", "chat", "only for one").await?;
    say(&mut romeo, "juliet@localhost", "chat", "for both").await?;
    assert_eq!(bodies(&mut two, 1).await?, ["for both"]);
    two.close().await?;
    // It does not go on, and begins anew.
    let mut one = arriving(&server, "juliet", "one").await?;
    assert_eq!(bodies(&mut one, 1).await?, ["only for one"]);
    assert_eq!(heard(&mut one).await?, own(&[]));
    server.stop().await
}

/// The bodies of the next messages, of which there are so many.
async fn bodies(client: &mut Client, count: usize) -> Result<Vec<String>> {
    let mut bodies = Vec::new();
    for _ in 0..count {
        let message = client.wait_for("a message", |one| one.name == "message");
        bodies.extend(message.await?.child_text("body").map(str::to_owned));
    }
    Ok(bodies)
}

/// What was put into the spool while its session was away, and is judged when that is over, is kept as it was judged, in its place.
#[tokio::test]
async fn an_offline_hook_alters_what_is_in_the_spool_already() -> Result<()> {
    let server = server_with(BOTH, "[limits]\nresume_seconds = 1").await?;
    server.account("juliet").await?;
    server.account("romeo").await?;
    let mut romeo = online(&server, "romeo", "x").await?;
    let (mut juliet, _) = server.log_in(&Login::new("juliet").resource("one")).await?;
    juliet
        .send("<enable xmlns='urn:xmpp:sm:3' resume='true'/><presence/><presence to='romeo@localhost/x'/>")
        .await?;
    settled(&mut juliet).await?;
    for body in [
        "one",
        "offline-mark two",
        "three",
        "offline-drop",
        "offline-mark four",
        "five",
    ] {
        say(&mut romeo, "juliet@localhost", "chat", body).await?;
    }
    // It never acknowledges them.
    assert_eq!(
        bodies(&mut juliet, 6).await?.last().map(String::as_str),
        Some("five")
    );
    drop(juliet);
    romeo
        .wait_for("the end of the session", |one| {
            one.attr("type") == Some("unavailable")
        })
        .await?;
    let mut juliet = arriving(&server, "juliet", "two").await?;
    assert_eq!(
        bodies(&mut juliet, 5).await?,
        [
            "one",
            "[juliet@localhost] offline-mark two",
            "three",
            "[juliet@localhost] offline-mark four",
            "five"
        ]
    );
    assert_eq!(heard(&mut juliet).await?, own(&[]));
    server.stop().await
}

/// A hook that takes its time over a message keeps up what comes for the same account, and nobody else.
#[tokio::test]
async fn a_slow_offline_hook_keeps_up_its_own_account_alone() -> Result<()> {
    let (server, silent, wait) = server_that_waits().await?;
    for user in ["juliet", "tybalt", "nurse", "romeo", "paris"] {
        server.account(user).await?;
    }
    let mut romeo = online(&server, "romeo", "x").await?;
    let mut paris = online(&server, "paris", "x").await?;
    say(&mut romeo, "juliet@localhost", "chat", &wait).await?;
    // The hook waits from here on.
    let (held, _) = silent.accept().await?;
    // Others go on: what is for others is kept, judged and given, and nobody waits for it.
    for body in ["one", "offline-mark two"] {
        say(&mut paris, "tybalt@localhost", "chat", body).await?;
    }
    assert_eq!(heard(&mut paris).await?, own(&[]));
    let mut tybalt = arriving(&server, "tybalt", "y").await?;
    assert_eq!(
        bodies(&mut tybalt, 2).await?,
        ["one", "[tybalt@localhost] offline-mark two"]
    );
    // Who has it acknowledged that what it sends is kept hears so.
    let (mut nurse, _) = server.log_in(&Login::new("nurse").resource("z")).await?;
    nurse.send("<enable xmlns='urn:xmpp:sm:3'/>").await?;
    say(&mut nurse, "romeo@localhost", "normal", "three").await?;
    nurse.send("<r xmlns='urn:xmpp:sm:3'/>").await?;
    nurse
        .wait_for("an ack", |one| {
            one.name == "a" && one.attr("h") == Some("1")
        })
        .await?;
    // What is for the account itself waits its turn, and comes in order.
    say(&mut nurse, "juliet@localhost", "chat", "behind").await?;
    drop(held);
    assert_eq!(heard(&mut romeo).await?, ["three"]);
    settled(&mut nurse).await?;
    let mut juliet = arriving(&server, "juliet", "one").await?;
    assert_eq!(bodies(&mut juliet, 2).await?, [wait.as_str(), "behind"]);
    server.stop().await
}

/// A message is not lost because the server stops while it is judged, which it does not wait for without end.
#[tokio::test]
async fn what_is_judged_when_the_server_stops_is_not_lost() -> Result<()> {
    let (mut server, silent, wait) = server_that_waits().await?;
    // Each request is given up after 10 s. The server is gone by the third.
    let url = wait.trim_start_matches("offline-wait");
    let wait = format!("{wait}{url}{url}");
    server.account("juliet").await?;
    server.account("romeo").await?;
    let mut romeo = online(&server, "romeo", "x").await?;
    let (mut juliet, _) = server.log_in(&Login::new("juliet").resource("one")).await?;
    juliet
        .send("<enable xmlns='urn:xmpp:sm:3' resume='true'/><presence/>")
        .await?;
    settled(&mut juliet).await?;
    for body in [wait.as_str(), "offline-mark two"] {
        say(&mut romeo, "juliet@localhost", "chat", body).await?;
    }
    assert_eq!(bodies(&mut juliet, 2).await?.len(), 2);
    server.signal(Signal::TERM)?;
    let (_held, _) = silent.accept().await?;
    server.wait().await?;
    server.start_again().await?;
    let mut juliet = arriving(&server, "juliet", "two").await?;
    assert_eq!(
        bodies(&mut juliet, 2).await?,
        [wait.as_str(), "offline-mark two"]
    );
    server.stop().await
}
