//! Behaviours 10 to 20: TLS, SASL, binding.

use anyhow::{Result, ensure};
use waxwing_tests::client::login::{
    auth, bind_request, mechanisms, outcome, password_of, response,
};
use waxwing_tests::client::sasl::{Scram, encode, plain};
use waxwing_tests::client::{header, ns};
use waxwing_tests::server::Settings;
use waxwing_tests::tls::Version;
use waxwing_tests::{Client, Element, Event, Login, Server};

use super::{authenticated, dialogues, secure, settled};

/// The condition by which an attempt ended, or nothing if it succeeded.
async fn refused(client: &mut Client, mechanism: &str, encoded: &str) -> Result<Option<String>> {
    client.send(&auth(mechanism, encoded)).await?;
    Ok(outcome(&client.element().await?)?.err())
}

/// §4.3.5, §7.1
#[tokio::test]
async fn behaviour_10_stanzas_before_binding_end_the_stream_and_are_not_processed() -> Result<()> {
    let server = Server::new().await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    server.account("romeo").await?;
    let message = format!("<message to='{juliet_jid}'><body>early</body></message>");
    let (mut before_authentication, _) = secure(&server).await?;
    let (mut before_binding, _) = authenticated(&server, "romeo").await?;
    for client in [&mut before_authentication, &mut before_binding] {
        client.send(&message).await?;
        assert_eq!(client.stream_error().await?, "not-authorized");
    }
    assert!(settled(&mut juliet).await?.is_empty());
    server.stop().await
}

/// §5.3.1, §6.3.4
#[tokio::test]
async fn behaviour_11_before_tls_only_tls_is_offered() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut client = server.connect().await?;
    let (_, features) = client.open("localhost").await?;
    let starttls = features.child("starttls", ns::TLS).expect("STARTTLS");
    assert!(starttls.child("required", ns::TLS).is_some(), "{features}");
    assert_eq!(features.children.len(), 1, "{features}");
    // Whoever tries all the same is refused, by SASL or by the end of the stream.
    client
        .send(&auth("PLAIN", &plain("", "juliet", &password_of("juliet"))))
        .await?;
    let answer = client.element().await?;
    let is_refused = answer.child("encryption-required", ns::SASL).is_some()
        || answer
            .child("policy-violation", ns::STREAM_ERRORS)
            .is_some();
    assert!(is_refused, "{answer}");
    server.stop().await
}

/// §5.4.3.3
#[tokio::test]
async fn behaviour_12_what_was_said_before_tls_is_forgotten() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut client = server.connect().await?;
    client.open("localhost").await?;
    client.starttls("localhost", Version::V13).await?;
    // The stream has to begin anew: without a header there is none.
    client
        .send(&auth("PLAIN", &plain("", "juliet", &password_of("juliet"))))
        .await?;
    let error = client.stream_error().await?;
    assert!(
        ["invalid-namespace", "bad-format", "invalid-xml"].contains(&error.as_str()),
        "{error}"
    );
    server.stop().await
}

/// §6.4.2: `=` is a response that is empty, and none is none; a second `<auth/>` takes the place of the first.
#[tokio::test]
async fn behaviour_13_empty_responses_and_a_second_auth() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let good = plain("", "juliet", &password_of("juliet"));
    let (mut client, _) = secure(&server).await?;
    // PLAIN with an empty message is a message that is wrong.
    assert_eq!(
        refused(&mut client, "PLAIN", "=").await?.as_deref(),
        Some("malformed-request")
    );
    client
        .send(&format!("<auth xmlns='{}' mechanism='PLAIN'/>", ns::SASL))
        .await?;
    let challenge = client.element().await?;
    assert!(
        challenge.is("challenge", ns::SASL) && challenge.text.is_empty(),
        "{challenge}"
    );

    // Instead of the response another mechanism is begun, and then another.
    let scram = Scram::new(true, "n,,", b"", "juliet", &password_of("juliet"))?;
    client
        .send(&auth("SCRAM-SHA-256", &encode(scram.first())))
        .await?;
    let challenge = client.element().await?;
    assert!(challenge.is("challenge", ns::SASL), "{challenge}");
    assert_eq!(refused(&mut client, "PLAIN", &good).await?, None);
    server.stop().await
}

/// §6.4.4
#[tokio::test]
async fn behaviour_14_an_abort_leaves_the_stream_alive() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let (mut client, _) = secure(&server).await?;
    client
        .send(&format!("<auth xmlns='{}' mechanism='PLAIN'/>", ns::SASL))
        .await?;
    client.element().await?;
    client
        .send(&format!("<abort xmlns='{}'/>", ns::SASL))
        .await?;
    assert_eq!(
        outcome(&client.element().await?)?,
        Err("aborted".to_owned())
    );
    assert_eq!(client.authenticate(&Login::new("juliet")).await?, Ok(()));
    server.stop().await
}

/// How often an attempt is refused before the stream ends by policy-violation.
async fn refusals(
    client: &mut Client,
    attempt: &str,
    is_refusal: impl Fn(&Element) -> bool,
) -> Result<usize> {
    let mut count = 0;
    loop {
        client.send_if_open(attempt.as_bytes()).await;
        match client.event().await? {
            Event::Element(answer) if is_refusal(&answer) => count += 1,
            Event::Element(error) => {
                assert!(
                    error.child("policy-violation", ns::STREAM_ERRORS).is_some(),
                    "{error}"
                );
                return Ok(count);
            }
            other => anyhow::bail!("{other:?}"),
        }
        ensure!(count < 20, "there is no end of it");
    }
}

/// §6.4.5: two to five retries.
#[tokio::test]
async fn behaviour_15_authentication_is_retried_two_to_five_times() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let (mut client, _) = secure(&server).await?;
    let attempt = auth("PLAIN", &plain("", "juliet", "wrong"));
    let count = refusals(&mut client, &attempt, |answer| {
        answer.is("failure", ns::SASL)
    })
    .await?;
    assert!((3..=6).contains(&count), "{count} attempts");
    server.stop().await
}

/// §6.3.8
#[tokio::test]
async fn behaviour_16_nobody_acts_for_another() -> Result<()> {
    let server = Server::new().await?;
    for user in ["juliet", "romeo"] {
        server.account(user).await?;
    }
    for identity in [
        "romeo@localhost",
        "juliet@elsewhere.example",
        "juliet@localhost/balcony",
        "romeo",
    ] {
        let (mut client, _) = secure(&server).await?;
        let message = plain(identity, "juliet", &password_of("juliet"));
        let refused = refused(&mut client, "PLAIN", &message).await?;
        assert_eq!(refused.as_deref(), Some("invalid-authzid"), "{identity}");
    }
    server.stop().await
}

/// §13.9.1
#[tokio::test]
async fn behaviour_17_base64_is_read_strictly() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let good = plain("", "juliet", &password_of("juliet"));
    let spoilt = [
        "=AAA",
        "BBBB=CCC",
        "AC==",
        "A",
        "AGp1*Gll",
        "AG p1",
        "AGp1\nGll",
    ]
    .map(str::to_owned);
    for message in spoilt
        .into_iter()
        .chain([format!("{good}===="), good.replace('A', "-")])
    {
        let (mut client, _) = secure(&server).await?;
        let first = refused(&mut client, "PLAIN", &message).await?;
        assert_eq!(first.as_deref(), Some("incorrect-encoding"), "{message:?}");
        client
            .send(&format!("<auth xmlns='{}' mechanism='PLAIN'/>", ns::SASL))
            .await?;
        client.element().await?;
        client.send(&response(&message)).await?;
        let second = outcome(&client.element().await?)?;
        assert_eq!(
            second,
            Err("incorrect-encoding".to_owned()),
            "response {message:?}"
        );
    }
    server.stop().await
}

/// §7.3.2, §7.4
#[tokio::test]
async fn behaviour_18_binding_is_offered_after_authentication_and_restarts_nothing() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let (mut client, features) = secure(&server).await?;
    assert!(features.child("bind", ns::BIND).is_none(), "{features}");
    assert!(!mechanisms(&features).is_empty(), "{features}");
    client
        .send(&format!(
            "<iq type='set' id='b'>{}</iq>",
            bind_request(None)
        ))
        .await?;
    assert_eq!(client.stream_error().await?, "not-authorized");

    let (mut client, features) = authenticated(&server, "juliet").await?;
    assert!(features.child("bind", ns::BIND).is_some(), "{features}");
    assert!(mechanisms(&features).is_empty(), "{features}");
    client.bind(None).await?;
    assert!(
        settled(&mut client).await?.is_empty(),
        "no header, no features"
    );
    // A header now is no restart but an error.
    client.send(&header("localhost")).await?;
    client.stream_error().await?;
    server.stop().await
}

/// §7.6, §7.7.2.2
#[tokio::test]
async fn behaviour_19_resources_are_random_or_as_wished_and_belong_to_one_session() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut chosen = Vec::new();
    for _ in 0..5 {
        let (client, jid) = server.log_in(&Login::new("juliet")).await?;
        let (_, resource) = jid.split_once('/').expect("a resource");
        chosen.push(resource.to_owned());
        client.close().await?;
    }
    assert!(
        chosen.iter().all(|resource| resource.len() >= 16),
        "{chosen:?}"
    );
    chosen.sort();
    chosen.dedup();
    assert_eq!(chosen.len(), 5, "{chosen:?}");
    server.stop().await?;
    dialogues(&["conflict_01", "conflict_02"]).await
}

/// §7.7.3: five to ten retries; §7.6.2.1: whoever has too many sessions gets no more.
#[tokio::test]
async fn behaviour_20_binding_is_retried_five_to_ten_times_and_sessions_are_counted() -> Result<()>
{
    let server = Server::new().await?;
    server.account("juliet").await?;
    let (mut client, _) = authenticated(&server, "juliet").await?;
    // A resource that cannot be is replaced; a request that is none is refused.
    let attempt = format!("<iq type='get' id='b'>{}</iq>", bind_request(Some("r")));
    let count = refusals(&mut client, &attempt, |answer| answer.is("iq", ns::CLIENT)).await?;
    assert!((6..=11).contains(&count), "{count} attempts");
    server.stop().await?;

    let server = Settings::new().plain().start().await?;
    server.account("juliet").await?;
    let mut login = Login::new("juliet");
    login.starttls = None;
    let mut sessions = Vec::new();
    let refused = loop {
        match server.log_in(&login).await {
            Ok((client, _)) => sessions.push(client),
            Err(error) => break format!("{error:#}"),
        }
        ensure!(sessions.len() <= 1_000, "there is no end of sessions");
    };
    assert!(refused.contains("resource-constraint"), "{refused}");
    assert!(sessions.len() >= 10, "{} sessions", sessions.len());
    let last = sessions.pop().expect("a session");
    last.close().await?;
    // Its place is free as soon as the server has seen its end.
    while server.log_in(&login).await.is_err() {}
    server.stop().await
}
