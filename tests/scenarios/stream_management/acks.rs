//! What is counted, and what an ack says.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use waxwing_tests::client::Event;
use waxwing_tests::{Login, Server};

use super::{Managed, SM};

/// Every stanza counts, whatever becomes of it, and nothing else.
#[tokio::test]
async fn counts_every_stanza_and_nothing_else() -> Result<()> {
    let server = Server::new().await?;
    let mut juliet = Managed::new(&server, "juliet").await?;
    juliet.has_handled(1).await?;
    for (number, stanza) in [
        "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
        "<iq type='get' id='2' to='localhost'><nonsense xmlns='urn:nobody'/></iq>",
        "<iq type='result' id='3'/>",
        "<message to='nobody@localhost'><body>hi</body></message>",
        "<message to='elsewhere.example'><body>hi</body></message>",
        "<message to='@@'><body>hi</body></message>",
        "<message to='juliet@localhost'><body>hi</body></message>",
        "<presence to='nobody@localhost' type='subscribe'/>",
        "<presence/>",
    ]
    .into_iter()
    .enumerate()
    {
        juliet.client.send(" ").await?;
        juliet.client.send(stanza).await?;
        juliet
            .client
            .send("<active xmlns='urn:xmpp:csi:0'/>")
            .await?;
        // What comes back has to be acknowledged by her too before it is dealt with.
        juliet.client.send("<r xmlns='urn:xmpp:sm:3'/>").await?;
        let expected = u32::try_from(number)? + 2;
        juliet.is_told(expected).await.context(stanza)?;
    }
    server.stop().await
}

/// An ack covers a message when its receiver has acknowledged it.
#[tokio::test]
async fn an_ack_waits_for_the_receivers() -> Result<()> {
    let server = Server::new().await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let mut juliet = Managed::new(&server, "juliet").await?;
    juliet.acknowledge().await?;
    romeo.has_handled(1).await?;
    romeo.chat("juliet", "hi").await?;
    romeo.client.send("<r xmlns='urn:xmpp:sm:3'/>").await?;
    assert_eq!(juliet.body().await?, "hi");
    juliet.acknowledge().await?;
    romeo.is_told(2).await?;
    server.stop().await
}

/// A receiver that does not acknowledge keeps nobody waiting: the message is kept besides, and outlives a kill.
#[tokio::test]
async fn what_a_receiver_does_not_acknowledge_is_kept() -> Result<()> {
    let mut server = Server::new().await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let mut juliet = Managed::new(&server, "juliet").await?;
    romeo.chat("juliet", "one").await?;
    romeo.chat("juliet@localhost/r", "two").await?;
    let asked = Instant::now();
    romeo.has_handled(3).await?;
    assert!(asked.elapsed() > Duration::from_millis(200), "not at once");
    assert_eq!(juliet.bodies(2).await?, ["one", "two"]);
    server.kill().await?;
    server.wait().await?;
    server.start_again().await?;
    let mut juliet = Managed::again(&server, "juliet", "r").await?;
    assert_eq!(juliet.bodies(2).await?, ["one", "two"]);
    server.stop().await
}

/// What was acknowledged is not delivered again, also if it was kept meanwhile.
#[tokio::test]
async fn what_was_acknowledged_is_not_delivered_again() -> Result<()> {
    let mut server = Server::new().await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let mut juliet = Managed::new(&server, "juliet").await?;
    romeo.chat("juliet", "one").await?;
    romeo.has_handled(2).await?;
    assert_eq!(juliet.body().await?, "one");
    juliet.acknowledge().await?;
    juliet.has_handled(1).await?;
    // Its removal is behind that in the queue to the spool.
    romeo.chat("nobody", "x").await?;
    romeo.chat("juliet", "two").await?;
    romeo.has_handled(4).await?;
    server.kill().await?;
    server.wait().await?;
    server.start_again().await?;
    let mut juliet = Managed::again(&server, "juliet", "r").await?;
    assert_eq!(juliet.body().await?, "two");
    server.stop().await
}

/// Without stream management of the receiver a message is dealt with when it is written.
#[tokio::test]
async fn a_receiver_without_acks_is_waited_for_until_it_is_written_to() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let (mut juliet, jid) = server.log_in(&Login::new("juliet")).await?;
    juliet.be_present(&jid).await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    romeo.chat("juliet", "hi").await?;
    romeo.has_handled(2).await?;
    assert_eq!(juliet.message().await?.1, "hi");
    server.stop().await
}

/// What a client has not acknowledged when it closes its stream goes to the account's next resource.
#[tokio::test]
async fn what_was_not_acknowledged_goes_elsewhere() -> Result<()> {
    let server = Server::new().await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let mut juliet = Managed::new(&server, "juliet").await?;
    romeo.chat("juliet", "one").await?;
    romeo.chat("juliet", "two").await?;
    assert_eq!(juliet.bodies(2).await?, ["one", "two"]);
    let ack = format!("<a xmlns='{SM}' h='{}'/>", juliet.received - 1);
    juliet.client.send(&ack).await?;
    juliet.client.close().await?;
    let mut again = Managed::again(&server, "juliet", "other").await?;
    assert_eq!(again.body().await?, "two");
    server.stop().await
}

/// An ack of what was not sent ends the stream, and so does one that takes something back.
#[tokio::test]
async fn refuses_an_ack_of_what_was_not_sent() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    for handled in ["1000", "4294967295", "-1", ""] {
        let mut juliet = Managed::again(&server, "juliet", "r").await?;
        juliet
            .client
            .send(&format!("<a xmlns='{SM}' h='{handled}'/>"))
            .await?;
        let error = loop {
            match juliet.client.event().await? {
                Event::Element(element) if element.name == "error" => break element,
                Event::Element(_) => {}
                other => anyhow::bail!("{other:?}"),
            }
        };
        if handled.parse::<u32>().is_ok() {
            let too_high = error.child("handled-count-too-high", SM);
            let too_high = too_high.context("no handled-count-too-high")?;
            assert_eq!(too_high.attr("h"), Some(handled));
            assert_eq!(too_high.attr("send-count"), Some("1"));
        } else {
            assert!(error.to_string().contains("bad-format"), "{error}");
        }
    }
    server.stop().await
}

/// What comes out of turn is refused, and the stream lives.
#[tokio::test]
async fn refuses_what_comes_out_of_turn() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let (mut juliet, _) = server.log_in(&Login::new("juliet")).await?;
    let enable = "<enable xmlns='urn:xmpp:sm:3'/>";
    for (said, answer) in [
        ("<r xmlns='urn:xmpp:sm:3'/>", "failed"),
        ("<a xmlns='urn:xmpp:sm:3' h='0'/>", "failed"),
        ("<resume xmlns='urn:xmpp:sm:3' h='0' previd='x'/>", "failed"),
        (enable, "enabled"),
        (enable, "failed"),
        ("<resume xmlns='urn:xmpp:sm:3' h='0' previd='x'/>", "failed"),
    ] {
        juliet.send(said).await?;
        let element = juliet.element().await?;
        assert!(element.is(answer, SM), "{said}: {element}");
        // Not asked for: there is nothing to resume it by.
        assert_eq!(element.attr("id"), None);
    }
    server.stop().await
}

/// A client that reads but acknowledges nothing is sent no more than it may owe, and at last nothing at all; who sends to it is not
/// held up, and nothing is lost.
#[tokio::test]
async fn a_client_that_never_acknowledges_is_cut_off() -> Result<()> {
    let config = "[limits]\noffline_messages = 10000\noffline_bytes = 100000000";
    let server = waxwing_tests::server::Settings::new()
        .config(config)
        .start()
        .await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let juliet = Managed::new(&server, "juliet").await?;
    let mut reader = juliet.client;
    let filler = "x".repeat(10_000);
    let sent = 400;
    let reading = tokio::spawn(async move { reader.until_end().await });
    for number in 0..sent {
        romeo.chat("juliet", &format!("{number} {filler}")).await?;
    }
    let elements = reading.await??;
    let last = elements.last().context("nothing came")?.to_string();
    assert!(last.contains("policy-violation"), "{last}");
    let got = elements.iter().filter(|element| element.name == "message");
    assert!(got.count() < 150, "no more than it may owe");
    // All of it is there for the next session.
    let mut juliet = Managed::connected(&server, "juliet", "again").await?;
    juliet.client.send("<presence/>").await?;
    for number in 0..sent {
        let body = juliet.body().await?;
        assert!(body.starts_with(&format!("{number} ")), "{number}");
        juliet.acknowledge().await?;
    }
    server.stop().await
}
