//! Messages between sessions: delivered once, in order, as they were sent (RFC 6120 section 10.1).

use std::fmt::Write as _;

use anyhow::Result;
use waxwing_tests::Server;
use waxwing_tests::xml::escape;

#[tokio::test]
async fn a_message_arrives_as_it_was_sent() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, romeo_jid) = server.session("romeo").await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    let text = "<>&'\" \u{e9}\u{1f339} ]]\u{3e} tab\tand\nline";
    romeo
        .send(&format!("<message to='{juliet_jid}' type='chat' id='m1'><body>{}</body><x xmlns='urn:example:x' a='1'>t<y/></x></message>", escape(text)))
        .await?;
    let (message, body) = juliet.message().await?;
    assert_eq!(body, text);
    assert_eq!(message.attr("from"), Some(romeo_jid.as_str()));
    assert_eq!(message.attr("to"), Some(juliet_jid.as_str()));
    assert_eq!(
        (message.attr("id"), message.attr("type")),
        (Some("m1"), Some("chat"))
    );
    assert_eq!(
        message.attr("xml:lang"),
        Some("en"),
        "the stream's language, where a stanza has none"
    );
    let extension = message.child("x", "urn:example:x").expect("the extension");
    assert_eq!(
        (
            extension.attr("a"),
            extension.text.as_str(),
            extension.children.len()
        ),
        (Some("1"), "t", 1)
    );
    server.stop().await
}

#[tokio::test]
async fn a_thousand_messages_arrive_once_and_in_order() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    let mut batch = String::new();
    for number in 0..1000 {
        write!(
            batch,
            "<message to='{juliet_jid}' type='chat'><body>{number}</body></message>"
        )?;
    }
    romeo.send(&batch).await?;
    for number in 0..1000 {
        assert_eq!(juliet.message().await?.1, number.to_string());
    }
    server.stop().await
}

/// Text that looks like the end of the stream to a careless parser (CVE-2022-20917 and its kin).
#[tokio::test]
async fn markup_inside_a_message_stays_inside_it() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    let smuggled = [
        "<stream:stream><message><body>no</body></message></stream:stream>",
        "<![CDATA[</body></message><message from='admin@localhost'><body>no</body></message>]]>",
        "&lt;/body>&lt;/message>&lt;message from='admin@localhost'>",
        "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
        "<message from='admin@localhost'><body>no</body></message>",
    ];
    for (number, inner) in smuggled.iter().enumerate() {
        romeo.send(&format!("<message to='{juliet_jid}' type='chat' id='s{number}'><body>outer</body><wrap xmlns='urn:w'>{inner}</wrap></message>")).await?;
        romeo.send(&format!("<message to='{juliet_jid}' type='chat' id='after{number}'><body>after</body></message>")).await?;
        let first = juliet.message().await?.0;
        let id = first.attr("id").unwrap_or_default().to_owned();
        if id == format!("s{number}") {
            assert_eq!(
                juliet.message().await?.0.attr("id"),
                Some(format!("after{number}").as_str())
            );
        } else {
            // Refused rather than passed on: then what follows is the next message, at its right depth.
            assert_eq!(id, format!("after{number}"), "{inner}: {first}");
        }
    }
    server.stop().await
}
