//! Behaviours 1 to 9 and 29: headers, namespaces, the end.

use anyhow::Result;
use waxwing_tests::client::{header, ns};
use waxwing_tests::tls::Version;
use waxwing_tests::{Event, Login, Server};

use super::{authenticated, dialogues, header_with, opened, secure, settled};

/// §4.9.1.2
#[tokio::test]
async fn behaviour_01_an_error_of_the_beginning_follows_a_header() -> Result<()> {
    let server = Server::new().await?;
    let beginnings = [
        (header("elsewhere.example"), "host-unknown"),
        (header_with(" to='localhost'", ""), "improper-addressing"),
        (header_with(ns::STREAMS, "urn:wrong"), "invalid-namespace"),
        (
            header_with("jabber:client", "jabber:wrong"),
            "invalid-namespace",
        ),
        (
            header_with(" version='1.0' xml", " version='0.5' xml"),
            "unsupported-version",
        ),
        (
            "<!DOCTYPE stream>".to_owned() + &header("localhost"),
            "restricted-xml",
        ),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "not-well-formed"),
        ("<?xml version='1.1'?>".to_owned(), "*"),
    ];
    for (beginning, condition) in beginnings {
        let (mut client, header) = opened(&server, &beginning).await?;
        assert!(header.is("stream", ns::STREAMS), "{beginning}: {header}");
        assert!(header.attr("id").is_some(), "{beginning}: {header}");
        let error = client.stream_error().await?;
        assert!(
            condition == "*" || error == condition,
            "{beginning}: {error}"
        );
    }
    server.stop().await
}

/// §4.9.1.3, §4.9.3.6, §4.9.3.7
#[tokio::test]
async fn behaviour_02_the_header_for_an_unknown_host_is_from_a_host_of_ours() -> Result<()> {
    let server = Server::new().await?;
    for (header, condition) in [
        (header("elsewhere.example"), "host-unknown"),
        (header("a..b"), "host-unknown"),
        (header_with(" to='localhost'", ""), "improper-addressing"),
    ] {
        let (mut client, opened) = opened(&server, &header).await?;
        let from = opened.attr("from");
        assert!(
            matches!(from, None | Some("" | "localhost")),
            "{header}: {from:?}"
        );
        assert_eq!(client.stream_error().await?, condition, "{header}");
    }
    server.stop().await
}

/// §4.7.2
#[tokio::test]
async fn behaviour_03_the_header_has_a_to_where_the_client_said_who_it_is() -> Result<()> {
    let server = Server::new().await?;
    for (from, to) in [
        ("", None),
        ("from='juliet@localhost' ", Some("juliet@localhost")),
        ("from='Juliet@LOCALHOST/balcony' ", Some("juliet@localhost")),
    ] {
        let header = header_with("to='localhost'", &format!("{from}to='localhost'"));
        let (_, opened) = opened(&server, &header).await?;
        assert_eq!(opened.attr("to"), to, "{header}");
    }
    server.stop().await
}

/// §4.3.3, §4.7.3
#[tokio::test]
async fn behaviour_04_every_stream_of_a_connection_has_an_id_of_its_own() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let mut client = server.connect().await?;
        let (clear, _) = client.open("localhost").await?;
        client.starttls("localhost", Version::V13).await?;
        let (secure, _) = client.open("localhost").await?;
        let authenticated = client.authenticate(&Login::new("juliet")).await?;
        authenticated.map_err(anyhow::Error::msg)?;
        let (authenticated, _) = client.open("localhost").await?;
        for header in [clear, secure, authenticated] {
            ids.push(header.attr("id").unwrap_or_default().to_owned());
        }
        client.close().await?;
    }
    // 128 bits take 22 characters of base64.
    assert!(ids.iter().all(|id| id.len() >= 22), "{ids:?}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 15, "{ids:?}");
    server.stop().await
}

/// §4.7.5: compared as numbers, and what has no version comes from before 1.0, which is not served.
#[tokio::test]
async fn behaviour_05_versions_are_compared_as_numbers() -> Result<()> {
    let server = Server::new().await?;
    for served in ["1.0", "1.10", "01.00", "2.0", "12.3"] {
        let version = format!(" version='{served}' xml");
        let (mut client, header) =
            opened(&server, &header_with(" version='1.0' xml", &version)).await?;
        assert_eq!(header.attr("version"), Some("1.0"), "{served}");
        let features = client.element().await?;
        assert!(features.is("features", ns::STREAMS), "{served}: {features}");
    }
    for (refused, answered) in [
        ("", None),
        (" version='0.9'", Some("0.9")),
        (" version='x'", Some("1.0")),
    ] {
        let header = header_with(" version='1.0' xml", &format!("{refused} xml"));
        let (mut client, header) = opened(&server, &header).await?;
        assert_eq!(header.attr("version"), answered, "{refused}");
        assert_eq!(
            client.stream_error().await?,
            "unsupported-version",
            "{refused}"
        );
    }
    server.stop().await
}

/// §4.7.4, §8.1.5
#[tokio::test]
async fn behaviour_06_stanzas_have_the_language_of_their_stream_unless_they_name_one() -> Result<()>
{
    dialogues(&["lang_01"]).await?;
    let server = Server::new().await?;
    let (_, header) = opened(&server, &header_with("xml:lang='en'", "xml:lang='cs'")).await?;
    assert!(header.attr("xml:lang").is_some(), "{header}");
    server.stop().await
}

/// §4.8.1, §4.8.3, §4.9.3.10
#[tokio::test]
async fn behaviour_07_a_wrong_namespace_of_a_stanza_ends_the_stream_and_is_not_routed() -> Result<()>
{
    let server = Server::new().await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    server.account("romeo").await?;
    let (mut romeo, _) = server.log_in(&Login::new("romeo")).await?;
    romeo
        .send(&format!(
            "<message xmlns='jabber:server' to='{juliet_jid}'><body>x</body></message>"
        ))
        .await?;
    assert_eq!(romeo.stream_error().await?, "invalid-namespace");
    assert!(settled(&mut juliet).await?.is_empty());
    server.stop().await
}

/// §4.8.5: a prefix for the content namespace is an error or is gone when the stanza arrives; a prefix that the stream header
/// declares is declared where the stanza arrives.
#[tokio::test]
async fn behaviour_08_prefixes_do_not_leak() -> Result<()> {
    let server = Server::new().await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    server.account("romeo").await?;
    let (mut romeo, _) = server.log_in(&Login::new("romeo")).await?;
    romeo
        .send(&format!(
            "<c:message xmlns:c='jabber:client' to='{juliet_jid}'><c:body>x</c:body></c:message>"
        ))
        .await?;
    // Refused: or it comes as any other message does.
    romeo.send_if_open(b"</stream:stream>").await;
    romeo.until_end().await?;
    for came in settled(&mut juliet).await? {
        assert!(came.is("message", ns::CLIENT), "{came}");
    }
    assert!(
        !juliet.transcript().contains("c:message"),
        "{}",
        juliet.transcript()
    );

    let (mut romeo, _) = secure(&server).await?;
    let authenticated = romeo.authenticate(&Login::new("romeo")).await?;
    authenticated.map_err(anyhow::Error::msg)?;
    romeo.restart();
    romeo
        .send(&header_with("xml:lang='en'", "xmlns:x='urn:example:x'"))
        .await?;
    romeo.event().await?;
    romeo.element().await?;
    romeo.bind(None).await?;
    romeo
        .send(&format!(
            "<message to='{juliet_jid}'><body>hi</body><x:mark x:kind='odd'/></message>"
        ))
        .await?;
    let (message, _) = juliet.message().await?;
    let mark = message
        .child("mark", "urn:example:x")
        .expect("the mark in its namespace");
    assert_eq!(mark.attr("{urn:example:x}kind"), Some("odd"));
    server.stop().await
}

/// §4.8.4
#[tokio::test]
async fn behaviour_09_what_is_no_stanza_is_never_routed() -> Result<()> {
    let server = Server::new().await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    server.account("romeo").await?;
    for (name, ns) in [
        ("note", " xmlns='urn:example:n'"),
        ("note", ""),
        ("query", " xmlns='jabber:iq:roster'"),
    ] {
        let (mut romeo, _) = server.log_in(&Login::new("romeo")).await?;
        romeo
            .send(&format!(
                "<{name}{ns} type='get' id='n' to='{juliet_jid}'><body>x</body></{name}>"
            ))
            .await?;
        romeo.send_if_open(b"</stream:stream>").await;
        for answer in romeo.until_end().await? {
            // §4.9.3.24, and nothing else.
            assert!(
                answer
                    .child("unsupported-stanza-type", ns::STREAM_ERRORS)
                    .is_some(),
                "{answer}"
            );
        }
    }
    assert!(settled(&mut juliet).await?.is_empty());
    server.stop().await
}

/// §4.4: the end of a stream is answered by the other; what is on the way by then still comes; TLS ends as TLS does.
#[tokio::test]
async fn behaviour_29_the_end_is_answered_and_tls_is_closed_in_good_order() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let (mut client, jid) = server.log_in(&Login::new("juliet")).await?;
    client
        .send(&format!(
            "<message to='{jid}'><body>last</body></message></stream:stream>"
        ))
        .await?;
    assert_eq!(client.message().await?.1, "last");
    assert!(matches!(client.event().await?, Event::Close));
    client.shut_down().await?;
    assert!(matches!(client.event().await?, Event::End));
    assert!(!client.was_cut_short(), "no close_notify");

    // The same where it is the server that ends it.
    let (mut client, _) = authenticated(&server, "juliet").await?;
    client.send("<presence/>").await?;
    assert_eq!(client.stream_error().await?, "not-authorized");
    assert!(!client.was_cut_short(), "no close_notify after an error");
    server.stop().await
}
