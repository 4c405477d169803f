//! What a client is told when it says that nobody looks at it (XEP-0352).

use anyhow::{Result, ensure};
use waxwing_tests::{Server, server::Settings};

use super::Managed;

const TYPING: &str = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";

/// What a client hears until the answer to its own question, which is not held back either.
async fn heard(juliet: &mut Managed) -> Result<Vec<String>> {
    juliet
        .client
        .send("<iq type='get' id='barrier' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await?;
    let mut heard = Vec::new();
    loop {
        let stanza = juliet.stanza().await?;
        if stanza.attr("id") == Some("barrier") {
            return Ok(heard);
        }
        let what = stanza.child_text("body").or(stanza.child_text("status"));
        heard.push(what.unwrap_or(stanza.name.as_str()).to_owned());
    }
}

/// Sends Juliet presence; it is in her mailbox then.
async fn shows_juliet(user: &mut Managed, status: &str) -> Result<()> {
    let presence = format!("<presence to='juliet@localhost'><status>{status}</status></presence>");
    user.client.send(&presence).await?;
    heard(user).await.map(drop)
}

/// She has been told of nothing more so far.
async fn hears_nothing(juliet: &mut Managed) -> Result<()> {
    let before = juliet.received;
    juliet.client.send("<r xmlns='urn:xmpp:sm:3'/>").await?;
    juliet.ack().await?;
    ensure!(juliet.received == before, "{:?}", juliet.aside);
    Ok(())
}

/// Juliet, who has said nothing since she came, says that nobody looks at her client.
async fn looks_away(juliet: &mut Managed) -> Result<()> {
    let inactive = "<inactive xmlns='urn:xmpp:csi:0'/>";
    juliet.client.send(inactive).await?;
    juliet.has_handled(1).await
}

/// Presence and chat states wait; of each sender the last is of interest; all of it comes in order before what cannot wait.
#[tokio::test]
async fn holds_back_what_can_wait() -> Result<()> {
    let server = Server::new().await?;
    let mut juliet = Managed::new(&server, "juliet").await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    looks_away(&mut juliet).await?;
    for status in ["one", "two", "three"] {
        romeo
            .client
            .send(&format!(
                "<presence to='juliet@localhost'><status>{status}</status></presence>\
                 <message to='juliet@localhost' type='chat'>{TYPING}</message>"
            ))
            .await?;
    }
    // They are in her mailbox when his own question is answered; she hears nothing of them.
    heard(&mut romeo).await?;
    hears_nothing(&mut juliet).await?;

    romeo.chat("juliet", "look").await?;
    let mut order = Vec::new();
    while order.last().is_none_or(|last: &String| last != "look") {
        let stanza = juliet.stanza().await?;
        let what = stanza.child_text("body").or(stanza.child_text("status"));
        order.push(what.unwrap_or("typing").to_owned());
    }
    assert_eq!(order, ["three", "typing", "look"]);

    // What is held when she looks again comes at once.
    shows_juliet(&mut romeo, "four").await?;
    juliet
        .client
        .send("<active xmlns='urn:xmpp:csi:0'/>")
        .await?;
    let stanza = juliet.stanza().await?;
    assert_eq!(stanza.child_text("status"), Some("four"));
    server.stop().await
}

/// Neither a question nor a request to subscribe can wait: what was held back comes before it, in order, and then she is left in peace.
#[tokio::test]
async fn what_was_held_back_comes_before_a_question_and_a_request() -> Result<()> {
    let server = Server::new().await?;
    let mut juliet = Managed::new(&server, "juliet").await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let mut nurse = Managed::new(&server, "nurse").await?;
    // So Romeo may ask her session (RFC 6121 §8.5.3.1).
    let seen = "<presence to='romeo@localhost'/><inactive xmlns='urn:xmpp:csi:0'/>";
    juliet.client.send(seen).await?;
    juliet.has_handled(2).await?;
    let question =
        "<iq type='get' id='q' to='juliet@localhost/r'><query xmlns='urn:example:any'/></iq>";
    let request = "<presence type='subscribe' id='q' to='juliet@localhost'/>";
    for what in [question, request] {
        shows_juliet(&mut romeo, "outdated").await?;
        shows_juliet(&mut nurse, "one").await?;
        shows_juliet(&mut romeo, "two").await?;
        hears_nothing(&mut juliet).await?;
        romeo.client.send(what).await?;
        for status in ["one", "two"] {
            let stanza = juliet.stanza().await?;
            ensure!(stanza.child_text("status") == Some(status), "{stanza}");
        }
        let stanza = juliet.stanza().await?;
        ensure!(stanza.attr("id") == Some("q"), "{stanza}");
    }
    server.stop().await
}

/// A quarter of what may wait for her is held back, and no more: then all of it comes.
#[tokio::test]
async fn so_much_is_held_back() -> Result<()> {
    let config = "[limits]\noutbound_stanzas = 64";
    let server = Settings::new().config(config).start().await?;
    let mut juliet = Managed::new(&server, "juliet").await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    looks_away(&mut juliet).await?;
    for number in 0..16 {
        shows_juliet(&mut romeo, &number.to_string()).await?;
    }
    hears_nothing(&mut juliet).await?;
    // The places count, though each took that of the one before.
    shows_juliet(&mut romeo, "last").await?;
    let stanza = juliet.stanza().await?;
    ensure!(stanza.child_text("status") == Some("last"), "{stanza}");
    server.stop().await
}

/// Somebody looks at a client that is back: what was held back when it went, and what came meanwhile, is not.
#[tokio::test]
async fn a_session_that_is_resumed_is_active() -> Result<()> {
    let server = Server::new().await?;
    let mut juliet = Managed::new(&server, "juliet").await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    looks_away(&mut juliet).await?;
    shows_juliet(&mut romeo, "one").await?;
    let lost = juliet.lose();
    shows_juliet(&mut romeo, "two").await?;
    let (mut juliet, _) = lost.resume(&server).await?;
    let stanza = juliet.stanza().await?;
    ensure!(stanza.child_text("status") == Some("two"), "{stanza}");
    shows_juliet(&mut romeo, "three").await?;
    let stanza = juliet.stanza().await?;
    ensure!(stanza.child_text("status") == Some("three"), "{stanza}");
    server.stop().await
}
