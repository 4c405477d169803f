//! SASL: what is offered, and how each exchange ends.

use std::result::Result as Outcome;

use anyhow::{Result, ensure};
use waxwing_tests::client::login::{
    auth, bind_request, mechanisms, outcome, password_of, response,
};
use waxwing_tests::client::sasl::{Binding, Mechanism, Scram, encode, plain};
use waxwing_tests::client::{header, ns};
use waxwing_tests::server::Settings;
use waxwing_tests::tls::Version;
use waxwing_tests::{Client, Event, Login, Server};

/// A connection on which everything up to authentication is done.
async fn secure(server: &Server) -> Result<Client> {
    let mut client = server.connect().await?;
    client.open_secure("localhost", Some(Version::V13)).await?;
    Ok(client)
}

/// Sends one `<auth/>` and returns how the exchange ended: the data of success, or the condition of failure.
async fn attempt(
    client: &mut Client,
    mechanism: &str,
    encoded: &str,
) -> Result<Outcome<String, String>> {
    client.send(&auth(mechanism, encoded)).await?;
    outcome(&client.element().await?)
}

// seeds: A1
#[tokio::test]
async fn plain_with_an_initial_response_succeeds() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let (client, jid) = server
        .log_in(
            &Login::new("juliet")
                .by(Mechanism::Plain)
                .resource("balcony"),
        )
        .await?;
    assert_eq!(jid, "juliet@localhost/balcony");
    client.close().await?;
    server.stop().await
}

// seeds: A1
#[tokio::test]
async fn plain_without_an_initial_response_is_asked_for_it() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut client = secure(&server).await?;
    client
        .send(&format!("<auth xmlns='{}' mechanism='PLAIN'/>", ns::SASL))
        .await?;
    let challenge = client.element().await?;
    ensure!(
        challenge.is("challenge", ns::SASL) && challenge.text.is_empty(),
        "not an empty challenge: {challenge}"
    );
    client
        .send(&response(&plain("", "juliet", &password_of("juliet"))))
        .await?;
    assert_eq!(outcome(&client.element().await?)?, Ok(String::new()));
    server.stop().await
}

// seeds: A1
/// RFC 6120 section 6.4.4.
#[tokio::test]
async fn an_aborted_exchange_leaves_the_stream_alive() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut client = secure(&server).await?;
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
    client
        .authenticate(&Login::new("juliet"))
        .await?
        .expect("a second exchange succeeds");
    server.stop().await
}

// seeds: A1
/// A client that saves round trips sends the new header and its request to bind right behind.
#[tokio::test]
async fn a_pipelined_bind_is_answered_after_success() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut client = secure(&server).await?;
    let pipelined = format!(
        "{}{}<iq type='set' id='b'>{}</iq>",
        auth("PLAIN", &plain("", "juliet", &password_of("juliet"))),
        header("localhost").trim_start_matches("<?xml version='1.0'?>"),
        bind_request(Some("early")),
    );
    client.send(&pipelined).await?;
    let success = client.element().await?;
    assert!(success.is("success", ns::SASL), "{success}");
    // What followed <success/> belongs to a new stream: it must not be in the same segment's leftovers.
    client.restart_keeping_unread();
    let Event::Open(_) = client.event().await? else {
        anyhow::bail!("no new stream header: {}", client.transcript())
    };
    client
        .wait_for("features", |element| element.is("features", ns::STREAMS))
        .await?;
    let bound = client
        .wait_for("the binding", |element| element.attr("id") == Some("b"))
        .await?;
    assert_eq!(
        bound
            .child("bind", ns::BIND)
            .and_then(|bind| bind.child_text("jid")),
        Some("juliet@localhost/early")
    );
    server.stop().await
}

// seeds: A2
#[tokio::test]
async fn each_scram_mechanism_logs_in() -> Result<()> {
    let all = "[sasl]\nmechanisms = [\"SCRAM-SHA-256-PLUS\", \"SCRAM-SHA-256\", \"SCRAM-SHA-1-PLUS\", \"SCRAM-SHA-1\"]";
    let server = Settings::new().config(all).start().await?;
    server.account("juliet").await?;
    for binding in [Binding::None, Binding::Exporter, Binding::EndPoint] {
        for mechanism in [
            Mechanism::ScramSha1(binding),
            Mechanism::ScramSha256(binding),
        ] {
            let (client, _) = server.log_in(&Login::new("juliet").by(mechanism)).await?;
            client.close().await?;
        }
    }
    server.stop().await
}

// seeds: A2
/// The offer is what the configuration says.
#[tokio::test]
async fn the_mechanisms_offered_are_those_configured() -> Result<()> {
    let settings =
        Settings::new().config("[sasl]\nmechanisms = [\"SCRAM-SHA-256-PLUS\", \"SCRAM-SHA-256\"]");
    let server = settings.start().await?;
    let mut client = server.connect().await?;
    let features = client.open_secure("localhost", Some(Version::V13)).await?;
    assert_eq!(
        mechanisms(&features),
        ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]
    );
    // One that is not offered does not work either.
    let answer = attempt(&mut client, "PLAIN", &plain("", "juliet", "x")).await?;
    assert_eq!(answer, Err("invalid-mechanism".to_owned()));
    server.stop().await
}

/// SCRAM-SHA-1-PLUS helps no client that is known and locks some out: it is offered where it is configured alone.
#[tokio::test]
async fn scram_sha_1_plus_is_not_offered_by_default() -> Result<()> {
    let server = Server::new().await?;
    let mut client = server.connect().await?;
    let features = client.open_secure("localhost", Some(Version::V13)).await?;
    assert_eq!(
        mechanisms(&features),
        [
            "SCRAM-SHA-256-PLUS",
            "SCRAM-SHA-256",
            "SCRAM-SHA-1",
            "PLAIN"
        ]
    );
    server.stop().await
}

/// XEP-0440: without it a client must guess.
#[tokio::test]
async fn the_channel_bindings_are_announced() -> Result<()> {
    let server = Server::new().await?;
    let mut client = server.connect().await?;
    let features = client.open_secure("localhost", Some(Version::V13)).await?;
    let announced = features
        .child("sasl-channel-binding", ns::CHANNEL_BINDINGS)
        .expect("announced");
    let types: Vec<_> = announced
        .children
        .iter()
        .filter_map(|binding| binding.attr("type"))
        .collect();
    assert!(
        types.contains(&"tls-exporter") && types.contains(&"tls-server-end-point"),
        "{types:?}"
    );
    server.stop().await
}

/// The one binding that works over TLS 1.2 everywhere.
#[tokio::test]
async fn the_end_point_binding_works_over_tls_1_2() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut login = Login::new("juliet").by(Mechanism::ScramSha256(Binding::EndPoint));
    login.starttls = Some(Version::V12);
    let (client, _) = server.log_in(&login).await?;
    client.close().await?;
    server.stop().await
}

/// RFC 5802 section 6: a client that believes the server cannot bind was lied to by somebody in between.
#[tokio::test]
async fn a_client_that_was_not_shown_the_plus_mechanisms_is_refused() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut client = secure(&server).await?;
    let refused = client
        .authenticate(&Login::new("juliet").by(Mechanism::ScramSha256(Binding::ClientOnly)))
        .await?;
    assert_eq!(refused, Err("not-authorized".to_owned()));
    server.stop().await
}

/// Binding data of another connection, and a type that nobody knows.
#[tokio::test]
async fn wrong_channel_bindings_are_refused() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    for gs2 in [
        "p=tls-exporter,,",
        "p=tls-server-end-point,,",
        "p=tls-imagined,,",
    ] {
        let mut client = secure(&server).await?;
        let mut scram = Scram::new(true, gs2, &[7; 32], "juliet", &password_of("juliet"))?;
        client
            .send(&auth("SCRAM-SHA-256-PLUS", &encode(scram.first())))
            .await?;
        let mut answer = client.element().await?;
        if answer.is("challenge", ns::SASL) {
            let first = String::from_utf8(waxwing_tests::client::sasl::decode(&answer.text)?)?;
            client
                .send(&response(&encode(scram.respond(&first)?)))
                .await?;
            answer = client.element().await?;
        }
        let condition = outcome(&answer)?.expect_err("refused");
        assert!(
            ["not-authorized", "malformed-request"].contains(&condition.as_str()),
            "{gs2}: {condition}"
        );
    }
    server.stop().await
}

// seeds: A5
#[tokio::test]
async fn a_foreign_authorization_identity_is_refused() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    server.account("romeo").await?;
    for authzid in ["romeo@localhost", "juliet@elsewhere.example"] {
        let mut client = secure(&server).await?;
        let answer = attempt(
            &mut client,
            "PLAIN",
            &plain(authzid, "juliet", &password_of("juliet")),
        )
        .await?;
        assert_eq!(answer, Err("invalid-authzid".to_owned()), "{authzid}");
    }
    server.stop().await
}

// seeds: A5
/// One's own identity is no foreign one, and the session is bound to it.
#[tokio::test]
async fn the_own_authorization_identity_is_accepted() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut client = secure(&server).await?;
    let answer = attempt(
        &mut client,
        "PLAIN",
        &plain("juliet@localhost", "juliet", &password_of("juliet")),
    )
    .await?;
    assert_eq!(answer, Ok(String::new()));
    client.open("localhost").await?;
    assert!(client.bind(None).await?.starts_with("juliet@localhost/"));
    server.stop().await
}

/// PLAIN messages that are no three fields with a name.
#[tokio::test]
async fn malformed_plain_messages_are_refused() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let password = password_of("juliet");
    let messages: [Vec<u8>; 6] = [
        b"juliet".to_vec(),
        b"\0juliet".to_vec(),
        b"\0\0".to_vec(),
        format!("\0juliet\0{password}\0").into_bytes(),
        format!("\0juliet\0{password}\0extra").into_bytes(),
        [b"\0juliet\0".as_slice(), &[0xEB, 0x80]].concat(),
    ];
    for message in messages {
        let mut client = secure(&server).await?;
        let condition = attempt(&mut client, "PLAIN", &encode(&message))
            .await?
            .expect_err("refused");
        assert!(
            ["malformed-request", "not-authorized"].contains(&condition.as_str()),
            "{message:?}: {condition}"
        );
    }
    server.stop().await
}

/// RFC 6120 section 13.9.1.
#[tokio::test]
async fn sloppy_base64_is_refused() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let good = plain("", "juliet", &password_of("juliet"));
    let spoilt = [
        "=AAA".to_owned(),
        "BBBB=CCC".to_owned(),
        "AC==".to_owned(), // pad bits that are not zero
        "A".to_owned(),
        "AGp1*Gll".to_owned(),
        good.replacen('A', "A ", 1),
        format!("{good}===="),
        good.replace('A', "-"),
    ];
    for message in spoilt {
        let mut client = secure(&server).await?;
        let condition = attempt(&mut client, "PLAIN", &message)
            .await?
            .expect_err("refused");
        assert_eq!(condition, "incorrect-encoding", "{message:?}");
    }
    server.stop().await
}

/// Timing apart, an account that does not exist looks like one with another password (RFC 6120 section 13.10.2).
#[tokio::test]
async fn an_unknown_account_gets_the_same_steps_as_a_known_one() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut salts = Vec::new();
    for user in ["juliet", "nobody", "nobody"] {
        let mut client = secure(&server).await?;
        let mut scram = Scram::new(true, "n,,", b"", user, "wrong")?;
        client
            .send(&auth("SCRAM-SHA-256", &encode(scram.first())))
            .await?;
        let challenge = client.element().await?;
        ensure!(challenge.is("challenge", ns::SASL), "{user}: {challenge}");
        let first = String::from_utf8(waxwing_tests::client::sasl::decode(&challenge.text)?)?;
        let (_, parameters) = first.split_once(",s=").expect("a salt");
        salts.push(parameters.to_owned());
        client
            .send(&response(&encode(scram.respond(&first)?)))
            .await?;
        assert_eq!(
            outcome(&client.element().await?)?,
            Err("not-authorized".to_owned()),
            "{user}"
        );
    }
    let [known, unknown, again] = salts.as_slice() else {
        anyhow::bail!("three attempts")
    };
    assert_eq!(unknown, again, "the salt of an unknown account is stable");
    let count = |parameters: &str| {
        parameters
            .split_once(",i=")
            .map(|(salt, count)| (salt.len(), count.to_owned()))
    };
    assert_eq!(
        count(known),
        count(unknown),
        "salt length and iterations do not tell them apart"
    );
    server.stop().await
}

/// RFC 6120 section 6.4.5: between two and five attempts, then the stream ends.
#[tokio::test]
async fn too_many_attempts_end_the_stream() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut client = secure(&server).await?;
    let mut failures = 0;
    loop {
        client
            .send_if_open(auth("PLAIN", &plain("", "juliet", "wrong")).as_bytes())
            .await;
        match client.event().await? {
            Event::Element(failure) if failure.is("failure", ns::SASL) => failures += 1,
            Event::Element(error) => {
                let conditions: Vec<_> = error
                    .children
                    .iter()
                    .map(|child| child.name.as_str())
                    .collect();
                assert!(
                    error.is("error", ns::STREAMS) && conditions.contains(&"policy-violation"),
                    "{error}"
                );
                break;
            }
            other => anyhow::bail!("{other:?}"),
        }
        ensure!(failures <= 6, "six failures and no end");
    }
    assert!((2..=6).contains(&failures), "{failures} failures");
    client.until_end().await?;
    server.stop().await
}

/// Prosody, CVE-2018-10847: authenticated at one host, the new stream asks for another.
#[tokio::test]
async fn the_host_cannot_be_switched_after_authentication() -> Result<()> {
    let server = Settings::new()
        .config("[[host]]\ndomain = \"other.example\"")
        .start()
        .await?;
    server.account("juliet").await?;
    let mut client = secure(&server).await?;
    client
        .authenticate(&Login::new("juliet"))
        .await?
        .expect("authenticated");
    client.restart();
    client.send(&header("other.example")).await?;
    assert_eq!(client.stream_error().await?, "not-authorized");
    server.stop().await
}

// seeds: N1
#[tokio::test]
async fn external_without_a_certificate_is_refused() -> Result<()> {
    let server = Server::new().await?;
    let mut client = secure(&server).await?;
    assert_eq!(
        attempt(&mut client, "EXTERNAL", "=").await?,
        Err("invalid-mechanism".to_owned())
    );
    client
        .send("<message to='juliet@localhost'><body>now?</body></message>")
        .await?;
    assert_eq!(client.stream_error().await?, "not-authorized");
    server.stop().await
}

// seeds: N2
#[tokio::test]
async fn nothing_but_starttls_works_before_tls() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut client = server.connect().await?;
    let (_, features) = client.open("localhost").await?;
    let names: Vec<_> = features
        .children
        .iter()
        .map(|feature| feature.name.as_str())
        .collect();
    assert_eq!(names, ["starttls"], "only STARTTLS is offered");
    assert!(
        features
            .child("starttls", ns::TLS)
            .is_some_and(|starttls| starttls.child("required", ns::TLS).is_some())
    );
    let refused = attempt(
        &mut client,
        "PLAIN",
        &plain("", "juliet", &password_of("juliet")),
    )
    .await;
    // A failure, or the end of the stream: either way nobody is authenticated.
    if let Ok(answer) = refused {
        let condition = answer.expect_err("refused");
        assert!(
            ["encryption-required", "invalid-mechanism"].contains(&condition.as_str()),
            "{condition}"
        );
    }
    for payload in [
        bind_request(None),
        waxwing_tests::peers::register_request("early", "x"),
    ] {
        let mut client = server.connect().await?;
        client.open("localhost").await?;
        client
            .send(&format!("<iq type='set' id='1'>{payload}</iq>"))
            .await?;
        match client.event().await? {
            Event::Element(answer) if answer.is("iq", ns::CLIENT) => {
                assert_eq!(answer.attr("type"), Some("error"), "{answer}");
            }
            Event::Element(error) => assert!(error.is("error", ns::STREAMS), "{error}"),
            other => anyhow::bail!("{other:?}"),
        }
    }
    server.stop().await
}
