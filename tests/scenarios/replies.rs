//! Every iq get or set has exactly one reply; results and errors have none (RFC 6120 section 8.2.3).

use anyhow::Result;
use waxwing_tests::client::ns;
use waxwing_tests::{Client, Server};

/// Sends a ping and collects what came before its answer.
async fn before_the_next_answer(client: &mut Client) -> Result<Vec<String>> {
    client
        .send("<iq type='get' id='barrier' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await?;
    let mut before = Vec::new();
    loop {
        let element = client.element().await?;
        if element.attr("id") == Some("barrier") {
            return Ok(before);
        }
        before.push(element.to_string());
    }
}

// seeds: N5
/// An account's full JID that nobody holds is not answered for, in place of its owner.
#[tokio::test]
async fn a_ping_to_a_session_that_is_not_there_is_service_unavailable() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    server.account("juliet").await?;
    for to in [
        "juliet@localhost/balcony",
        "nobody@localhost/x",
        "nobody@localhost",
    ] {
        let answer = romeo.iq("get", to, "<ping xmlns='urn:xmpp:ping'/>").await?;
        assert_eq!(
            answer.stanza_error().as_deref(),
            Some("cancel/service-unavailable"),
            "{to}: {answer}"
        );
        assert_eq!(answer.attr("from"), Some(to));
    }
    server.stop().await
}

// seeds: N6
#[tokio::test]
async fn every_request_has_exactly_one_reply() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, romeo_jid) = server.session("romeo").await?;
    server.account("juliet").await?;
    let payloads = [
        "<query xmlns='jabber:iq:roster'/>",
        "<query xmlns='http://jabber.org/protocol/disco#info'/>",
        "<query xmlns='http://jabber.org/protocol/disco#items'/>",
        "<ping xmlns='urn:xmpp:ping'/>",
        "<nothing xmlns='urn:example:unknown'/>",
        "<vCard xmlns='vcard-temp'/>",
    ];
    let addressees = [
        "",
        "localhost",
        "localhost/resource",
        "romeo@localhost",
        "juliet@localhost",
        "juliet@localhost/absent",
        "nobody@localhost",
        "unknown.localhost",
        "user@elsewhere.invalid",
    ];
    let mut number = 0;
    for kind in ["get", "set"] {
        for payload in payloads {
            for to in addressees {
                number += 1;
                let to_attribute = if to.is_empty() {
                    String::new()
                } else {
                    format!(" to='{to}'")
                };
                let id = format!("n{number}");
                romeo
                    .send(&format!(
                        "<iq type='{kind}' id='{id}'{to_attribute}>{payload}</iq>"
                    ))
                    .await?;
                let reply = romeo
                    .wait_for(
                        &format!("the reply to {kind} {payload} for {to:?}"),
                        |element| element.attr("id") == Some(&id),
                    )
                    .await?;
                assert!(
                    reply.is("iq", ns::CLIENT)
                        && matches!(reply.attr("type"), Some("result" | "error")),
                    "{reply}"
                );
                if !to.is_empty() {
                    assert_eq!(reply.attr("from"), Some(to), "{reply}");
                }
                assert!(reply.attr("to").is_none_or(|to| to == romeo_jid), "{reply}");
            }
        }
    }
    assert_eq!(
        before_the_next_answer(&mut romeo).await?,
        Vec::<String>::new(),
        "no second replies"
    );
    server.stop().await
}

// seeds: N6
/// Results and errors that nobody asked for die quietly.
#[tokio::test]
async fn a_reply_is_never_replied_to() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    server.account("juliet").await?;
    let error = "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for to in [
        "localhost",
        "romeo@localhost",
        "juliet@localhost",
        "juliet@localhost/absent",
        "nobody@localhost",
    ] {
        romeo
            .send(&format!("<iq type='result' id='r' to='{to}'/>"))
            .await?;
        romeo
            .send(&format!("<iq type='error' id='e' to='{to}'>{error}</iq>"))
            .await?;
        romeo
            .send(&format!(
                "<message type='error' id='m' to='{to}'>{error}</message>"
            ))
            .await?;
        romeo
            .send(&format!(
                "<presence type='error' id='p' to='{to}'>{error}</presence>"
            ))
            .await?;
    }
    assert_eq!(
        before_the_next_answer(&mut romeo).await?,
        Vec::<String>::new()
    );
    server.stop().await
}

/// RFC 6120 section 8.2.3: what an iq must look like.
#[tokio::test]
async fn a_malformed_request_is_a_bad_request() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let malformed = [
        "<iq type='get' id='bad' to='localhost'/>",
        "<iq type='get' id='bad' to='localhost'><a xmlns='urn:a'/><b xmlns='urn:b'/></iq>",
        "<iq type='fetch' id='bad' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<iq id='bad' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>",
    ];
    for stanza in malformed {
        romeo.send(stanza).await?;
        let reply = romeo
            .wait_for("the error", |element| element.attr("id") == Some("bad"))
            .await?;
        assert_eq!(
            reply.stanza_error().as_deref(),
            Some("modify/bad-request"),
            "{stanza}: {reply}"
        );
    }
    server.stop().await
}

/// RFC 6120 section 8.3.3.8: an address that is none.
#[tokio::test]
async fn a_malformed_address_is_told() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    for to in [
        "@localhost",
        "a@b@c",
        "romeo@localhost/",
        "\u{2028}@localhost",
    ] {
        romeo
            .send(&format!(
                "<iq type='get' id='bad' to='{to}'><ping xmlns='urn:xmpp:ping'/></iq>"
            ))
            .await?;
        let reply = romeo
            .wait_for("the error", |element| element.attr("id") == Some("bad"))
            .await?;
        assert_eq!(
            reply.stanza_error().as_deref(),
            Some("modify/jid-malformed"),
            "{to:?}: {reply}"
        );
    }
    server.stop().await
}

// seeds: N7
/// What is for somebody who is not there, or is nobody, comes back or waits; it never just goes.
#[tokio::test]
async fn what_is_for_nobody_who_is_there_comes_back_or_waits() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let body = "<body>hi</body>";
    for (number, (to, kind)) in [
        ("nobody@localhost", "chat"),
        ("nobody@localhost/x", "chat"),
        ("nobody@localhost", "normal"),
        ("juliet@localhost/gone", "groupchat"),
        ("nobody@elsewhere.example", "chat"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("n{number}");
        let message = format!("<message to='{to}' type='{kind}' id='{id}'>{body}</message>");
        romeo.send(&message).await?;
        let error = romeo.wait_for("the error", |one| one.attr("id") == Some(&id));
        let error = error.await?;
        assert_eq!(error.attr("type"), Some("error"), "{to} {kind}");
        assert!(error.stanza_error().is_some(), "{to} {kind}");
    }
    for to in [
        "nobody@localhost",
        "nobody@localhost/x",
        "juliet@localhost/gone",
    ] {
        let answer = romeo
            .iq("get", to, "<query xmlns='urn:example:any'/>")
            .await?;
        assert_eq!(answer.attr("type"), Some("error"), "{to}");
    }
    // Who is away gets it when it comes.
    for to in ["juliet@localhost", "juliet@localhost/gone"] {
        let message = format!("<message to='{to}' type='chat'>{body}</message>");
        romeo.send(&message).await?;
    }
    before_the_next_answer(&mut romeo).await?;
    let (mut juliet, _) = server.log_in(&waxwing_tests::Login::new("juliet")).await?;
    juliet.send("<presence/>").await?;
    for _ in 0..2 {
        let message = juliet.wait_for("a message", |one| one.name == "message");
        message.await?;
    }
    server.stop().await
}
