//! Binding a resource (RFC 6120 section 7).

use anyhow::{Result, ensure};
use waxwing_tests::client::login::bind_request;
use waxwing_tests::client::ns;
use waxwing_tests::server::Settings;
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

// seeds: H14
/// RFC 6120 section 7.7.2.2: a host's own choice of who has a resource that two sessions want.
#[tokio::test]
async fn a_resource_that_two_want_goes_to_whom_the_host_says() -> Result<()> {
    let hosts = ["replace-old", "refuse", "rename"].map(|policy| {
        format!("[[host]]\ndomain = \"{policy}.example\"\nresource_conflict = \"{policy}\"\n")
    });
    let server = Settings::new().config(&hosts.concat()).start().await?;
    let mut old = Vec::new();
    for host in [
        "localhost",
        "replace-old.example",
        "refuse.example",
        "rename.example",
    ] {
        server.account_at("juliet", host).await?;
        let mut login = Login::new("juliet").resource("balcony");
        host.clone_into(&mut login.domain);
        let (client, jid) = server.log_in(&login).await?;
        assert_eq!(jid, format!("juliet@{host}/balcony"));
        old.push((client, login));
    }
    let [by_default, replaced, refusing, renaming] = old.as_mut_slice() else {
        anyhow::bail!("four hosts")
    };
    for (client, login) in [by_default, replaced] {
        let (_new, jid) = server.log_in(login).await?;
        assert_eq!(jid, format!("juliet@{}/balcony", login.domain));
        assert_eq!(client.stream_error().await?, "conflict");
    }

    let (first, login) = refusing;
    let mut second = authenticated_at(&server, login).await?;
    let balcony = bind_request(Some("balcony"));
    let answer = second.iq("set", "", &balcony).await?;
    assert_eq!(answer.stanza_error().as_deref(), Some("cancel/conflict"));
    assert_eq!(
        second.bind(Some("chamber")).await?,
        "juliet@refuse.example/chamber"
    );
    assert!(first.is_silent().await, "the first session goes on");
    // Free when its holder has gone.
    std::mem::replace(first, server.connect().await?)
        .close()
        .await?;
    loop {
        let mut third = authenticated_at(&server, login).await?;
        let answer = third.iq("set", "", &balcony).await?;
        // The end of the other connection is seen before its session is gone.
        if answer.attr("type") == Some("result") {
            break;
        }
        assert_eq!(answer.stanza_error().as_deref(), Some("cancel/conflict"));
    }

    let (first, login) = renaming;
    let (mut second, jid) = server.log_in(login).await?;
    assert!(jid.starts_with("juliet@rename.example/balcony "), "{jid}");
    assert!(first.is_silent().await, "the first session goes on");
    second.be_present(&jid).await?;
    server.stop().await
}

async fn authenticated_at(server: &Server, login: &Login) -> Result<Client> {
    let mut client = server.connect().await?;
    client
        .open_secure(&login.domain, Some(Version::V13))
        .await?;
    client
        .authenticate(login)
        .await?
        .map_err(anyhow::Error::msg)?;
    client.open(&login.domain).await?;
    Ok(client)
}

/// RFC 6120 section 7.7.3.
#[tokio::test]
async fn a_bad_request_to_bind_is_refused_and_tries_are_counted() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut client = authenticated(&server, "juliet").await?;
    let request = bind_request(Some("r"));
    let mut refusals = 0;
    loop {
        client
            .send_if_open(format!("<iq type='get' id='b'>{request}</iq>").as_bytes())
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
