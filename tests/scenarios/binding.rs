//! Binding a resource (RFC 6120 section 7).

use anyhow::{Result, ensure};
use waxwing_tests::client::login::bind_request;
use waxwing_tests::client::ns;
use waxwing_tests::tls::Version;
use waxwing_tests::{Client, Event, Login, Server};

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

#[tokio::test]
async fn the_server_chooses_a_resource_that_cannot_be_guessed() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut resources = Vec::new();
    for _ in 0..2 {
        let (client, jid) = server.log_in(&Login::new("juliet")).await?;
        resources.push(jid.rsplit('/').next().unwrap_or_default().to_owned());
        client.close().await?;
    }
    assert_ne!(resources.first(), resources.last());
    assert!(
        resources.iter().all(|resource| resource.len() >= 8),
        "{resources:?}"
    );
    server.stop().await
}

/// RFC 6120 section 7.7.2.2: the new session wins, or the old one stays; never both under one name.
#[tokio::test]
async fn one_resource_is_held_by_one_session() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let login = Login::new("juliet").resource("balcony");
    let (mut old, old_jid) = server.log_in(&login).await?;
    match server.log_in(&login).await {
        Ok((_new, new_jid)) if new_jid == old_jid => {
            assert_eq!(old.stream_error().await?, "conflict");
        }
        Ok((_new, new_jid)) => assert_ne!(new_jid, old_jid),
        Err(refused) => assert!(format!("{refused:#}").contains("conflict"), "{refused:#}"),
    }
    server.stop().await
}

/// RFC 6120 section 7.7.3.
#[tokio::test]
async fn a_resource_that_cannot_be_is_refused_and_tries_are_counted() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut client = authenticated(&server, "juliet").await?;
    let too_long = bind_request(Some(&"r".repeat(2000)));
    let mut refusals = 0;
    loop {
        client
            .send_if_open(format!("<iq type='set' id='b'>{too_long}</iq>").as_bytes())
            .await;
        match client.event().await? {
            Event::Element(answer) if answer.is("iq", ns::CLIENT) => {
                assert_eq!(
                    answer.stanza_error().as_deref(),
                    Some("modify/bad-request"),
                    "{answer}"
                );
                refusals += 1;
            }
            Event::Element(error) => {
                assert!(
                    error.is("error", ns::STREAMS)
                        && error.child("policy-violation", ns::STREAM_ERRORS).is_some(),
                    "{error}"
                );
                break;
            }
            other => anyhow::bail!("{other:?}"),
        }
        ensure!(refusals <= 11, "no end of attempts");
    }
    assert!((1..=11).contains(&refusals), "{refusals} refusals");
    server.stop().await
}

#[tokio::test]
async fn binding_is_not_possible_twice() -> Result<()> {
    let server = Server::new().await?;
    let (mut client, _) = server.session("juliet").await?;
    client
        .send(&format!(
            "<iq type='set' id='again'>{}</iq>",
            bind_request(Some("second"))
        ))
        .await?;
    match client.event().await? {
        Event::Element(answer) if answer.is("iq", ns::CLIENT) => {
            assert_eq!(answer.attr("type"), Some("error"), "{answer}");
        }
        Event::Element(error) => assert!(error.is("error", ns::STREAMS), "{error}"),
        other => anyhow::bail!("{other:?}"),
    }
    server.stop().await
}
