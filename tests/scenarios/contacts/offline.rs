//! Messages for those who are not there (RFC 6121 §8.5.2.2.1, XEP-0160).

use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;
use waxwing_tests::server::Settings;
use waxwing_tests::{Element, Login, Server, client::ns};

use super::Online;

async fn chat(from: &mut Online, to: &str, body: &str) -> Result<()> {
    from.client
        .send(&format!(
            "<message to='{to}@localhost' type='chat' id='{body}'><body>{body}</body></message>"
        ))
        .await
}

/// The messages that a client gets up to now, and the errors.
async fn messages(online: &mut Online) -> Result<Vec<Element>> {
    let barrier = "<iq type='get' id='barrier' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
    online.client.send(barrier).await?;
    let mut messages = Vec::new();
    loop {
        let element = online.client.element().await?;
        if element.attr("id") == Some("barrier") {
            return Ok(messages);
        }
        if element.is("message", ns::CLIENT) {
            messages.push(element);
        }
    }
}

/// So many messages, and what comes of more before the server has done what it was asked.
async fn given(online: &mut Online, count: usize) -> Result<Vec<Element>> {
    let mut given = Vec::new();
    while given.len() < count {
        let message = online
            .client
            .wait_for("a message", |one| one.is("message", ns::CLIENT));
        given.push(message.await?);
    }
    given.extend(messages(online).await?);
    Ok(given)
}

fn body(message: &Element) -> &str {
    message.child_text("body").unwrap_or_default()
}

fn bodies(messages: &[Element]) -> Vec<&str> {
    messages.iter().map(body).collect()
}

/// In order, once, with the time at which they came; after a kill too, since they were kept before the sender's next stanza was
/// looked at.
#[tokio::test]
async fn messages_wait_in_order_over_a_kill_and_are_given_once() -> Result<()> {
    let mut server = Server::new().await?;
    server.account("juliet").await?;
    let mut romeo = Online::new(&server, "romeo").await?;
    let sent: Vec<String> = (0..250).map(|number| format!("m{number}")).collect();
    for body in &sent {
        chat(&mut romeo, "juliet", body).await?;
    }
    assert!(messages(&mut romeo).await?.is_empty(), "nothing came back");
    server.kill().await?;
    server.wait().await?;
    server.start_again().await?;

    let mut juliet = Online::again(&server, "juliet", "r").await?;
    let got = given(&mut juliet, sent.len()).await?;
    assert_eq!(bodies(&got), sent);
    let delay = got[0]
        .child("delay", "urn:xmpp:delay")
        .context("no delay")?;
    assert_eq!(delay.attr("from"), Some("localhost"));
    let stamp = delay.attr("stamp").unwrap_or_default();
    assert!(
        stamp.starts_with("20") && stamp.contains('T') && stamp.ends_with('Z'),
        "{stamp}"
    );
    assert_eq!(got[0].attr("from"), Some("romeo@localhost/r"));

    let mut again = Online::again(&server, "juliet", "again").await?;
    assert!(messages(&mut again).await?.is_empty(), "each is given once");
    server.stop().await
}

// seeds: N7
/// What is of the moment is not kept; that, and what has no place to go, comes back, alike for a full spool and for nobody.
#[tokio::test]
async fn what_is_not_kept_comes_back() -> Result<()> {
    let config = "[limits]\noffline_messages = 3";
    let server = Settings::new().config(config).start().await?;
    server.account("juliet").await?;
    let mut romeo = Online::new(&server, "romeo").await?;
    for (kind, payload) in [
        (
            "chat",
            "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
        ),
        (
            "chat",
            "<body>secret</body><no-store xmlns='urn:xmpp:hints'/>",
        ),
        ("headline", "<body>news</body>"),
        ("error", "<body>e</body>"),
    ] {
        let id = payload.len();
        let message =
            format!("<message to='juliet@localhost' id='{id}' type='{kind}'>{payload}</message>");
        romeo.client.send(&message).await?;
    }
    for body in ["one", "two", "three", "four"] {
        chat(&mut romeo, "juliet", body).await?;
    }
    chat(&mut romeo, "nobody", "five").await?;
    romeo
        .client
        .send("<message to='juliet@localhost' type='groupchat' id='six'><body>g</body></message>")
        .await?;
    let back = messages(&mut romeo).await?;
    let ids: Vec<_> = back
        .iter()
        .filter_map(|message| message.attr("id"))
        .collect();
    assert_eq!(ids, ["58", "53", "four", "five", "six"]);
    for message in &back {
        let error = message.stanza_error().unwrap_or_default();
        assert!(error.ends_with("service-unavailable"), "{message}");
    }
    let mut juliet = Online::again(&server, "juliet", "r").await?;
    assert_eq!(
        bodies(&given(&mut juliet, 3).await?),
        ["one", "two", "three"]
    );
    server.stop().await
}

// seeds: H16
/// H16: a resource of negative priority is given nothing that is for the account, live or kept; when it changes its mind it is.
#[tokio::test]
async fn a_negative_priority_takes_no_messages_until_it_changes() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut romeo = Online::new(&server, "romeo").await?;
    chat(&mut romeo, "juliet", "first").await?;
    messages(&mut romeo).await?;
    let (mut juliet, _) = server.log_in(&Login::new("juliet").resource("r")).await?;
    juliet
        .send("<presence><priority>-1</priority></presence>")
        .await?;
    let mut juliet = Online { client: juliet };
    assert!(messages(&mut juliet).await?.is_empty());
    chat(&mut romeo, "juliet", "second").await?;
    messages(&mut romeo).await?;
    assert!(messages(&mut juliet).await?.is_empty());
    juliet
        .client
        .send("<presence><priority>1</priority></presence>")
        .await?;
    assert_eq!(bodies(&given(&mut juliet, 2).await?), ["first", "second"]);
    server.stop().await
}

/// What was on its way to a session that broke off, or when the server was told to stop, is kept.
#[tokio::test]
async fn what_a_session_was_not_given_is_kept_also_at_shutdown() -> Result<()> {
    let mut server = Server::new().await?;
    let mut romeo = Online::new(&server, "romeo").await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    juliet.heard().await?;
    // It reads nothing from now on; then it is gone. What its system had taken for it is lost with it.
    let line = "x".repeat(8_000);
    for number in 0..400 {
        chat(&mut romeo, "juliet", &format!("m{number}-{line}")).await?;
    }
    messages(&mut romeo).await?;
    drop(juliet);
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.signal(Signal::TERM)?;
    server.wait().await?;
    server.start_again().await?;
    let mut juliet = Online::again(&server, "juliet", "again").await?;
    let mut got = given(&mut juliet, 1).await?;
    while !got.iter().any(|one| body(one).starts_with("m399-")) {
        got.extend(given(&mut juliet, 1).await?);
    }
    let bodies = bodies(&got);
    // Everything from the first that is there to the last, in order.
    let number = |body: &&str| {
        let digits = body.trim_start_matches('m').split('-').next();
        digits.unwrap_or_default().parse::<usize>()
    };
    let numbers = bodies.iter().map(number).collect::<Result<Vec<_>, _>>()?;
    assert_eq!(numbers, (numbers[0]..400).collect::<Vec<_>>());
    server.stop().await
}

/// A message as long as a stanza may be is longer as it is kept, and is given all the same.
#[tokio::test]
async fn the_longest_message_that_is_taken_is_given() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut romeo = Online::new(&server, "romeo").await?;
    // Kept, each of these takes several bytes.
    let long = ">".repeat(262_000);
    let message =
        format!("<message to='juliet@localhost' type='chat'><body>{long}</body></message>");
    for _ in 0..3 {
        romeo.client.send(&message).await?;
    }
    chat(&mut romeo, "juliet", "last").await?;
    assert!(messages(&mut romeo).await?.is_empty());
    let mut juliet = Online::again(&server, "juliet", "r").await?;
    let got = given(&mut juliet, 4).await?;
    assert_eq!(bodies(&got), [&long, &long, &long, "last"]);
    server.stop().await
}

/// A client that does not read what waits for it keeps it waiting, and gets it another time.
#[tokio::test]
async fn a_client_that_does_not_read_leaves_its_messages_where_they_are() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut romeo = Online::new(&server, "romeo").await?;
    let line = "x".repeat(50_000);
    for number in 0..100 {
        chat(&mut romeo, "juliet", &format!("m{number}-{line}")).await?;
    }
    messages(&mut romeo).await?;
    let (mut mute, _) = server
        .log_in(&Login::new("juliet").resource("mute"))
        .await?;
    mute.send("<presence/>").await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(mute);
    let mut juliet = Online::again(&server, "juliet", "r").await?;
    let mut got = given(&mut juliet, 1).await?;
    while !got.iter().any(|one| body(one).starts_with("m99-")) {
        got.extend(given(&mut juliet, 1).await?);
    }
    server.stop().await
}
