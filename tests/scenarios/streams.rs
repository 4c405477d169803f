//! Streams: headers, what may come before a session is bound, namespaces, and the end.

use anyhow::Result;
use waxwing_tests::client::{header, ns};
use waxwing_tests::tls::Version;
use waxwing_tests::{Client, Event, Login, Server};

/// Sends a header on a new connection and returns what the stream error says.
async fn refused(server: &Server, header: &str) -> Result<String> {
    let mut client = server.connect().await?;
    client.send(header).await?;
    client.stream_error().await
}

/// RFC 6120 sections 4.7.2 and 4.9.1: the header that the server answers with.
#[tokio::test]
async fn answers_a_header_with_its_own() -> Result<()> {
    let server = Server::new().await?;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let mut client = server.connect().await?;
        let (opened, _) = client.open("localhost").await?;
        assert_eq!(opened.attr("from"), Some("localhost"));
        assert_eq!(opened.attr("version"), Some("1.0"));
        assert_eq!(opened.attr("to"), None, "nobody said who they are");
        ids.push(opened.attr("id").expect("an id").to_owned());
        client.close().await?;
    }
    assert_ne!(ids.first(), ids.last());
    assert!(
        ids.iter().all(|id| id.len() >= 16),
        "ids that cannot be guessed: {ids:?}"
    );
    server.stop().await
}

/// RFC 6120 section 4.9.3.6: an unknown host is told in a stream of its own.
#[tokio::test]
async fn an_unknown_host_is_refused() -> Result<()> {
    let server = Server::new().await?;
    let mut client = server.connect().await?;
    client.send(&header("elsewhere.example")).await?;
    assert!(
        matches!(client.event().await?, Event::Open(_)),
        "the header comes before the error"
    );
    assert_eq!(client.stream_error().await?, "host-unknown");
    server.stop().await
}

/// RFC 6120 sections 4.8.1 and 4.9.3.10.
#[tokio::test]
async fn a_wrong_stream_namespace_is_refused() -> Result<()> {
    let server = Server::new().await?;
    let wrong = header("localhost").replace(ns::STREAMS, "http://wrong.example/streams");
    assert_eq!(refused(&server, &wrong).await?, "invalid-namespace");
    let wrong = header("localhost").replace("jabber:client", "jabber:elsewhere");
    assert_eq!(refused(&server, &wrong).await?, "invalid-namespace");
    server.stop().await
}

/// RFC 6120 section 4.9.3.25.
#[tokio::test]
async fn a_version_of_the_future_is_answered_with_ours() -> Result<()> {
    let server = Server::new().await?;
    let mut client = server.connect().await?;
    client
        .send(&header("localhost").replace("version='1.0' xml:lang", "version='1.7' xml:lang"))
        .await?;
    let Event::Open(opened) = client.event().await? else {
        anyhow::bail!("no header")
    };
    assert_eq!(opened.attr("version"), Some("1.0"));
    server.stop().await
}

// seeds: N3
#[tokio::test]
async fn a_stanza_before_authentication_ends_the_stream() -> Result<()> {
    let server = Server::new().await?;
    let stanzas = [
        "<message to='juliet@localhost'><body>x</body></message>",
        "<presence/>",
        "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
        "<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
    ];
    for stanza in stanzas {
        let mut client = server.connect().await?;
        client.open_secure("localhost", Some(Version::V13)).await?;
        client.send(stanza).await?;
        assert_eq!(client.stream_error().await?, "not-authorized", "{stanza}");
    }
    server.stop().await
}

// seeds: N1, N3
/// Authenticated is not yet bound (RFC 6120 section 7.1).
#[tokio::test]
async fn a_stanza_before_binding_ends_the_stream_and_goes_nowhere() -> Result<()> {
    let server = Server::new().await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    server.account("romeo").await?;
    let mut romeo = authenticated(&server, "romeo").await?;
    romeo
        .send(&format!(
            "<message to='{juliet_jid}' type='chat'><body>too early</body></message>"
        ))
        .await?;
    assert_eq!(romeo.stream_error().await?, "not-authorized");

    let (mut romeo, _) = server.log_in(&Login::new("romeo")).await?;
    romeo
        .send(&format!(
            "<message to='{juliet_jid}' type='chat'><body>in time</body></message>"
        ))
        .await?;
    assert_eq!(
        juliet.message().await?.1,
        "in time",
        "the first one was not delivered"
    );
    server.stop().await
}

async fn authenticated(server: &Server, user: &str) -> Result<Client> {
    let mut client = server.connect().await?;
    client.open_secure("localhost", Some(Version::V13)).await?;
    client
        .authenticate(&Login::new(user))
        .await?
        .map_err(anyhow::Error::msg)?;
    client.open("localhost").await?;
    Ok(client)
}

/// RFC 6120 section 4.8.3: stanzas of another content namespace are nobody's.
#[tokio::test]
async fn a_stanza_in_the_wrong_namespace_is_never_routed() -> Result<()> {
    let server = Server::new().await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    server.account("romeo").await?;
    let wrong = [
        format!("<message xmlns='jabber:server' to='{juliet_jid}'><body>smuggled</body></message>"),
        format!("<message xmlns='' to='{juliet_jid}'><body>smuggled</body></message>"),
        format!(
            "<c:message xmlns:c='urn:example:nothing' to='{juliet_jid}'><c:body>smuggled</c:body></c:message>"
        ),
    ];
    for stanza in wrong {
        let (mut romeo, _) = server.log_in(&Login::new("romeo")).await?;
        romeo.send(&stanza).await?;
        romeo.send_if_open(b"</stream:stream>").await;
        romeo.until_end().await?;
    }
    let (mut romeo, _) = server.log_in(&Login::new("romeo")).await?;
    romeo
        .send(&format!(
            "<message to='{juliet_jid}' type='chat'><body>plain</body></message>"
        ))
        .await?;
    assert_eq!(juliet.message().await?.1, "plain");
    server.stop().await
}

/// RFC 6120 section 4.8.5: what was declared on the stream header comes along with a routed stanza.
#[tokio::test]
async fn prefixes_declared_on_the_header_are_declared_again_for_the_receiver() -> Result<()> {
    let server = Server::new().await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    server.account("romeo").await?;
    let mut romeo = server.connect().await?;
    romeo.open_secure("localhost", Some(Version::V13)).await?;
    romeo
        .authenticate(&Login::new("romeo"))
        .await?
        .expect("authenticated");
    romeo.restart();
    romeo
        .send(&header("localhost").replace("xml:lang='en'", "xmlns:x='urn:example:extension'"))
        .await?;
    romeo.event().await?;
    romeo
        .wait_for("features", |element| element.is("features", ns::STREAMS))
        .await?;
    romeo.bind(None).await?;
    romeo
        .send(&format!(
            "<message to='{juliet_jid}' type='chat'><body>hi</body><x:mark x:kind='odd'/></message>"
        ))
        .await?;
    let (message, _) = juliet.message().await?;
    let mark = message
        .child("mark", "urn:example:extension")
        .expect("the extension arrives in its namespace");
    assert_eq!(mark.attr("{urn:example:extension}kind"), Some("odd"));
    server.stop().await
}

/// RFC 6120 section 8.1.2.1: whatever a client writes into `from`, the receiver sees who it was.
#[tokio::test]
async fn a_forged_sender_is_never_believed() -> Result<()> {
    let server = Server::new().await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    let (mut romeo, romeo_jid) = server.session("romeo").await?;
    romeo.send(&format!("<message from='admin@localhost' to='{juliet_jid}' type='chat'><body>obey</body></message>")).await?;
    romeo
        .send_if_open(
            format!("<message to='{juliet_jid}' type='chat'><body>end</body></message>").as_bytes(),
        )
        .await;
    romeo.send_if_open(b"</stream:stream>").await;
    let elements = romeo.until_end().await;
    // Either the stream ended with invalid-from, or the message was stamped.
    if elements.is_ok_and(|elements| {
        elements
            .iter()
            .any(|element| element.is("error", ns::STREAMS))
    }) {
        assert!(juliet.is_silent().await);
    } else {
        assert_eq!(
            juliet.message().await?.0.attr("from"),
            Some(romeo_jid.as_str())
        );
    }
    server.stop().await
}

/// RFC 6120 section 4.4: the server answers the end of a stream with its own.
#[tokio::test]
async fn the_end_of_a_stream_is_answered() -> Result<()> {
    let server = Server::new().await?;
    let (mut client, _) = server.session("juliet").await?;
    client.send("</stream:stream>").await?;
    assert!(matches!(client.event().await?, Event::Close));
    assert!(matches!(client.event().await?, Event::End));
    server.stop().await
}

/// Direct TLS, XEP-0368.
#[tokio::test]
async fn direct_tls_needs_no_starttls() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut client =
        Client::connect_tls(server.address("c2s-tls")?, "localhost", Version::V13).await?;
    let mut login = Login::new("juliet");
    login.starttls = None;
    client.log_in(&login).await?;
    client.close().await?;
    server.stop().await
}
