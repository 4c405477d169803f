//! STARTTLS: nothing that was said before TLS counts after it (RFC 6120 sections 5.4.2.3 and 5.4.3.3).

use std::time::Duration;

use anyhow::Result;
use waxwing_tests::client::login::{auth, password_of};
use waxwing_tests::client::sasl::plain;
use waxwing_tests::client::{header, ns};
use waxwing_tests::peers::register_request;
use waxwing_tests::tls::Version;
use waxwing_tests::{Client, Event, Login, Server};

const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/// Sends STARTTLS with more behind it in the same segment, then tries to go on as if nothing had happened.
async fn inject(server: &Server, injected: &str) -> Result<()> {
    let mut client = server.connect().await?;
    client.open("localhost").await?;
    client.send(&format!("{STARTTLS}{injected}")).await?;
    // The server may close at once, or say <proceed/> and read the rest as the handshake that it is not.
    let first = client.event().await?;
    if let Event::Element(proceed) = first {
        if proceed.is("proceed", ns::TLS) {
            assert!(
                client.handshake("localhost", Version::V13).await.is_err(),
                "{injected}: TLS was established over injected bytes"
            );
        } else {
            assert!(
                proceed.is("error", ns::STREAMS),
                "{injected}: answered by {proceed}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_is_injected_behind_starttls_is_never_obeyed() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    inject(
        &server,
        &auth("PLAIN", &plain("", "juliet", &password_of("juliet"))),
    )
    .await?;
    inject(&server, &header("localhost")).await?;
    inject(
        &server,
        "<iq type='get' id='x' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>",
    )
    .await?;
    inject(
        &server,
        &format!(
            "<iq type='set' id='x'>{}</iq>",
            register_request("injected", "x")
        ),
    )
    .await?;
    inject(&server, " ").await?;
    // Nobody was registered, and honest clients still get through.
    let mut login = Login::new("injected").password("x");
    login.resource = None;
    assert!(
        server.log_in(&login).await.is_err(),
        "the injected registration was carried out"
    );
    let (client, _) = server.log_in(&Login::new("juliet")).await?;
    client.close().await?;
    server.stop().await
}

#[tokio::test]
async fn starttls_is_understood_however_its_bytes_are_cut() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    for cut in 1..STARTTLS.len() {
        let mut client = server.connect().await?;
        client.open("localhost").await?;
        client.send_bytes(&STARTTLS.as_bytes()[..cut]).await?;
        tokio::time::sleep(Duration::from_millis(2)).await;
        client.send_bytes(&STARTTLS.as_bytes()[cut..]).await?;
        let proceed = client.element().await?;
        assert!(proceed.is("proceed", ns::TLS), "cut at {cut}: {proceed}");
        client.handshake("localhost", Version::V13).await?;
        client.open("localhost").await?;
    }
    server.stop().await
}

/// The same injection, with the cut wandering through what is injected.
#[tokio::test]
async fn an_injection_is_not_obeyed_however_its_bytes_are_cut() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let injected = auth("PLAIN", &plain("", "juliet", &password_of("juliet")));
    let whole = format!("{STARTTLS}{injected}");
    for cut in 1..whole.len() {
        let mut client = server.connect().await?;
        client.open("localhost").await?;
        client.send_bytes(&whole.as_bytes()[..cut]).await?;
        tokio::time::sleep(Duration::from_millis(2)).await;
        client.send_if_open(&whole.as_bytes()[cut..]).await;
        let received = client.raw(4096).await?;
        let received = String::from_utf8_lossy(&received).into_owned();
        assert!(!received.contains("<success"), "cut at {cut}: {received}");
        assert!(!received.contains("<challenge"), "cut at {cut}: {received}");
    }
    server.stop().await
}

/// What was negotiated in the clear is forgotten: the new stream starts from its header.
#[tokio::test]
async fn nothing_survives_from_before_tls() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut client = server.connect().await?;
    client.open("localhost").await?;
    client.starttls("localhost", Version::V13).await?;
    // No header was sent inside TLS: this is no stream yet.
    client
        .send(&auth("PLAIN", &plain("", "juliet", &password_of("juliet"))))
        .await?;
    let error = client.stream_error().await?;
    assert!(
        [
            "invalid-namespace",
            "not-well-formed",
            "bad-format",
            "invalid-xml"
        ]
        .contains(&error.as_str()),
        "{error}"
    );
    server.stop().await
}

#[tokio::test]
async fn starttls_inside_tls_is_refused() -> Result<()> {
    let server = Server::new().await?;
    let mut client = server.connect().await?;
    let features = client.open_secure("localhost", Some(Version::V13)).await?;
    assert!(features.child("starttls", ns::TLS).is_none(), "{features}");
    client.send(STARTTLS).await?;
    let answers = client.until_end().await?;
    assert!(
        !answers.iter().any(|answer| answer.is("proceed", ns::TLS)),
        "{answers:?}"
    );
    server.stop().await
}

/// A handshake that is none ends that connection, and no other.
#[tokio::test]
async fn rubbish_in_the_handshake_closes_the_connection_only() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut client = server.connect().await?;
    client.open("localhost").await?;
    client.send(STARTTLS).await?;
    client.element().await?;
    client
        .send_bytes(&[0x16, 0x03, 0x01, 0x00, 0x05, 0, 0, 0, 0, 0])
        .await?;
    client.raw(1 << 16).await?;
    let mut direct = Client::connect(server.address("c2s-tls")?).await?;
    direct.send("<stream:stream>").await?;
    direct.raw(1 << 16).await?;
    let (client, _) = server.log_in(&Login::new("juliet")).await?;
    client.close().await?;
    server.stop().await
}
