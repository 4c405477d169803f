//! In-band registration (XEP-0077): the six situations, where it is offered, races and crashes.

use anyhow::{Result, ensure};
use futures_util::future::join_all;
use waxwing_tests::client::ns;
use waxwing_tests::peers::register_request;
use waxwing_tests::server::Settings;
use waxwing_tests::tls::Version;
use waxwing_tests::{Client, Element, Event, Login, Server};

const GET: &str = "<query xmlns='jabber:iq:register'/>";
const REMOVE: &str = "<query xmlns='jabber:iq:register'><remove/></query>";

/// A connection that may register: TLS is on, nobody is authenticated.
async fn registrar(server: &Server) -> Result<Client> {
    let mut client = server.connect().await?;
    client.open_secure("localhost", Some(Version::V13)).await?;
    Ok(client)
}

/// The error's legacy code, type and condition, and its text.
fn error_of(answer: &Element) -> (String, String, bool) {
    let error = answer.child("error", ns::CLIENT);
    let text = error.and_then(|error| error.child("text", ns::STANZA_ERRORS));
    let code = error
        .and_then(|error| error.attr("code"))
        .unwrap_or("none")
        .to_owned();
    (
        code,
        answer.stanza_error().unwrap_or_default(),
        text.is_some_and(|text| !text.text.is_empty()),
    )
}

// seeds: R1
/// A newcomer asks what to fill in.
#[tokio::test]
async fn a_newcomer_is_told_the_fields() -> Result<()> {
    let server = Server::new().await?;
    let mut client = registrar(&server).await?;
    let answer = client.iq("get", "localhost", GET).await?;
    assert_eq!(answer.attr("type"), Some("result"));
    let query = answer.child("query", ns::REGISTER).expect("a query");
    assert_eq!(query.child_text("username"), Some(""));
    assert_eq!(query.child_text("password"), Some(""));
    assert!(
        query
            .child_text("instructions")
            .is_some_and(|text| !text.is_empty())
    );
    assert!(query.child("registered", ns::REGISTER).is_none());
    server.stop().await
}

// seeds: R2
/// One who has an account is told so, and never the password.
#[tokio::test]
async fn a_registered_user_is_told_the_name_but_not_the_password() -> Result<()> {
    let server = Server::new().await?;
    let (mut client, _) = server.session("juliet").await?;
    let answer = client.iq("get", "", GET).await?;
    let query = answer.child("query", ns::REGISTER).expect("a query");
    assert!(query.child("registered", ns::REGISTER).is_some());
    assert_eq!(query.child_text("username"), Some("juliet"));
    assert!(query.child_text("password").unwrap_or_default().is_empty());
    server.stop().await
}

// seeds: H23, R3
/// Removal is answered, then every session ends.
#[tokio::test]
async fn removal_is_answered_and_then_ends_every_session() -> Result<()> {
    let server = Server::new().await?;
    let (mut phone, _) = server.session("juliet").await?;
    let (mut desk, _) = server.log_in(&Login::new("juliet")).await?;
    let answer = phone.iq("set", "", REMOVE).await?;
    assert_eq!(answer.attr("type"), Some("result"), "{answer}");
    assert!(
        answer.children.is_empty(),
        "a result without a child: {answer}"
    );
    assert_eq!(phone.stream_error().await?, "not-authorized");
    assert_eq!(desk.stream_error().await?, "not-authorized");
    assert!(
        server.log_in(&Login::new("juliet")).await.is_err(),
        "the account is gone"
    );
    server.stop().await
}

// seeds: R3
/// Anything beside the request to remove makes it ambiguous.
#[tokio::test]
async fn removal_must_be_the_only_request() -> Result<()> {
    let server = Server::new().await?;
    let (mut client, _) = server.session("juliet").await?;
    let mixed = "<query xmlns='jabber:iq:register'><remove/><username>juliet</username></query>";
    let answer = client.iq("set", "", mixed).await?;
    assert_eq!(
        answer.stanza_error().as_deref(),
        Some("modify/bad-request"),
        "{answer}"
    );
    server.stop().await
}

/// XEP-0077 §3.2 and §3.3 are about the account at the server that is asked: with several domains served, one of them
/// took what was sent to another.
#[tokio::test]
async fn a_request_to_another_served_domain_leaves_the_account_alone() -> Result<()> {
    let two = "[[host]]\ndomain = \"other.localhost\"";
    let server = Settings::new().config(two).start().await?;
    let (mut client, _) = server.session("juliet").await?;
    for request in [REMOVE, &register_request("juliet", "new one")] {
        let answer = client.iq("set", "other.localhost", request).await?;
        assert_eq!(
            answer.stanza_error().as_deref(),
            Some("cancel/service-unavailable"),
            "{answer}"
        );
    }
    server.log_in(&Login::new("juliet")).await?;
    server.stop().await
}

// seeds: R4
#[tokio::test]
async fn an_incomplete_registration_is_not_acceptable() -> Result<()> {
    let server = Server::new().await?;
    let mut client = registrar(&server).await?;
    let incomplete = [
        "<query xmlns='jabber:iq:register'><username>juliet</username></query>".to_owned(),
        "<query xmlns='jabber:iq:register'><password>x</password></query>".to_owned(),
        register_request("juliet", ""),
        register_request("", "x"),
    ];
    for payload in incomplete {
        let answer = client.iq("set", "localhost", &payload).await?;
        assert_eq!(
            error_of(&answer),
            ("406".to_owned(), "modify/not-acceptable".to_owned(), true),
            "{payload}: {answer}"
        );
        assert!(
            !answer.to_string().contains("<password"),
            "no password comes back: {answer}"
        );
    }
    server.stop().await
}

// seeds: R5
#[tokio::test]
async fn a_name_that_is_taken_conflicts() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    for name in ["juliet", "JULIET"] {
        let mut client = registrar(&server).await?;
        let answer = client
            .iq("set", "localhost", &register_request(name, "usurper"))
            .await?;
        assert_eq!(
            error_of(&answer),
            ("409".to_owned(), "cancel/conflict".to_owned(), true),
            "{answer}"
        );
        assert!(
            !answer.to_string().contains("usurper"),
            "no password comes back: {answer}"
        );
    }
    // The account is still its owner's.
    server.log_in(&Login::new("juliet")).await?;
    server.stop().await
}

// seeds: R6, R8
/// Registered and logged in on one stream.
#[tokio::test]
async fn registers_and_logs_in_on_the_same_stream() -> Result<()> {
    let server = Server::new().await?;
    let mut client = registrar(&server).await?;
    client.iq("get", "localhost", GET).await?;
    let answer = client
        .iq("set", "localhost", &register_request("juliet", "wherefore"))
        .await?;
    assert_eq!(answer.attr("type"), Some("result"), "{answer}");
    assert!(
        answer.children.is_empty(),
        "a result without a child: {answer}"
    );
    client
        .authenticate(&Login::new("juliet").password("wherefore"))
        .await?
        .expect("the new account logs in");
    client.open("localhost").await?;
    assert!(client.bind(None).await?.starts_with("juliet@localhost/"));
    server.stop().await
}

// seeds: R8
/// Names that nodeprep refuses.
#[tokio::test]
async fn an_impossible_name_is_malformed() -> Result<()> {
    let server = Server::new().await?;
    for name in ["a@b", "a/b", "two words", "\u{2028}", &"x".repeat(2000)] {
        let mut client = registrar(&server).await?;
        let answer = client
            .iq("set", "localhost", &register_request(name, "x"))
            .await?;
        let condition = answer.stanza_error().unwrap_or_default();
        assert!(
            ["modify/jid-malformed", "modify/not-acceptable"].contains(&condition.as_str()),
            "{name:?}: {answer}"
        );
    }
    server.stop().await
}

// seeds: P14, R9
/// P14: a plugin adds a feature of the stream, and answers there, in the right state alone.
#[tokio::test]
async fn registration_is_offered_only_inside_tls_and_before_authentication() -> Result<()> {
    let server = Server::new().await?;
    let mut client = server.connect().await?;
    let (_, before_tls) = client.open("localhost").await?;
    assert!(
        before_tls.child("register", ns::REGISTER_FEATURE).is_none(),
        "{before_tls}"
    );
    client.starttls("localhost", Version::V13).await?;
    let (_, inside_tls) = client.open("localhost").await?;
    assert!(
        inside_tls.child("register", ns::REGISTER_FEATURE).is_some(),
        "{inside_tls}"
    );
    server.account("juliet").await?;
    client
        .authenticate(&Login::new("juliet"))
        .await?
        .expect("authenticated");
    let (_, authenticated) = client.open("localhost").await?;
    assert!(
        authenticated
            .child("register", ns::REGISTER_FEATURE)
            .is_none(),
        "{authenticated}"
    );
    server.stop().await
}

// seeds: R9
/// Closed, as it is unless configured, it is neither offered nor carried out.
#[tokio::test]
async fn closed_registration_is_not_offered_and_not_allowed() -> Result<()> {
    let server = Settings::new().registration_untouched().start().await?;
    let mut client = server.connect().await?;
    let features = client.open_secure("localhost", Some(Version::V13)).await?;
    assert!(
        features.child("register", ns::REGISTER_FEATURE).is_none(),
        "{features}"
    );
    client
        .send(&format!(
            "<iq type='set' id='r'>{}</iq>",
            register_request("juliet", "x")
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

// seeds: R19
#[tokio::test]
async fn of_fifty_registrations_of_one_name_one_succeeds() -> Result<()> {
    let server = Server::new().await?;
    let clients = join_all((0..50).map(|_| registrar(&server)))
        .await
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    let attempts = clients
        .into_iter()
        .enumerate()
        .map(|(number, mut client)| async move {
            let answer = client
                .iq(
                    "set",
                    "localhost",
                    &register_request("juliet", &format!("password {number}")),
                )
                .await?;
            anyhow::Ok((number, answer))
        });
    let answers = join_all(attempts)
        .await
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    let winners: Vec<_> = answers
        .iter()
        .filter(|(_, answer)| answer.attr("type") == Some("result"))
        .collect();
    let conflicts = answers
        .iter()
        .filter(|(_, answer)| answer.stanza_error().as_deref() == Some("cancel/conflict"))
        .count();
    assert_eq!((winners.len(), conflicts), (1, 49));
    let (winner, _) = winners.first().expect("one");
    server
        .log_in(&Login::new("juliet").password(&format!("password {winner}")))
        .await?;
    server.stop().await
}

/// Commit before ack: what was answered is there after the worst end.
#[tokio::test]
async fn a_registration_that_was_answered_survives_kill_9() -> Result<()> {
    let mut server = Server::new().await?;
    for round in 0..3 {
        let user = format!("juliet{round}");
        let mut client = registrar(&server).await?;
        let answer = client
            .iq("set", "localhost", &register_request(&user, "wherefore"))
            .await?;
        server.kill().await?;
        ensure!(answer.attr("type") == Some("result"), "{answer}");
        server.start_again().await?;
        server
            .log_in(&Login::new(&user).password("wherefore"))
            .await?;
    }
    server.stop().await
}

// seeds: R10
/// The old password logs nobody in any more.
#[tokio::test]
async fn a_changed_password_replaces_the_old_one() -> Result<()> {
    let server = Server::new().await?;
    let (mut client, _) = server.session("juliet").await?;
    let answer = client
        .iq("set", "localhost", &register_request("juliet", "new one"))
        .await?;
    assert_eq!(answer.attr("type"), Some("result"), "{answer}");
    assert!(
        server.log_in(&Login::new("juliet")).await.is_err(),
        "the old password is void"
    );
    server
        .log_in(&Login::new("juliet").password("new one"))
        .await?;
    let foreign = client
        .iq("set", "localhost", &register_request("romeo", "mine now"))
        .await?;
    assert_eq!(foreign.attr("type"), Some("error"), "{foreign}");
    assert!(
        !foreign.to_string().contains("mine now"),
        "no password comes back: {foreign}"
    );
    server.stop().await
}

/// RFC 6122 §2.3: names compare once prepared. `Ärger` could log in, and not change its password.
#[tokio::test]
async fn a_password_changes_under_the_name_as_typed() -> Result<()> {
    let server = Server::new().await?;
    for name in ["Ärger", "Ｔest", "Straße"] {
        let mut client = registrar(&server).await?;
        let request = register_request(name, "wherefore");
        let answer = client.iq("set", "localhost", &request).await?;
        assert_eq!(answer.attr("type"), Some("result"), "{answer}");
        let (mut client, _) = server
            .log_in(&Login::new(name).password("wherefore"))
            .await?;
        let request = register_request(name, "therefore");
        let answer = client.iq("set", "localhost", &request).await?;
        assert_eq!(answer.attr("type"), Some("result"), "{answer}");
        server
            .log_in(&Login::new(name).password("therefore"))
            .await?;
    }
    server.stop().await
}

/// Smack's tests register all their accounts on one stream, which XEP-0077 §3.1 leaves to the server.
#[tokio::test]
async fn a_stream_registers_as_many_accounts_as_the_operator_allows() -> Result<()> {
    let three = "[plugin.registration.config]\nopen = true\naccounts_per_stream = 3";
    let three = Settings::new().registration_untouched().config(three);
    for (settings, allowed) in [(Settings::new(), 1), (three, 3)] {
        let server = settings.start().await?;
        let mut client = registrar(&server).await?;
        for number in 0..4 {
            let request = register_request(&format!("juliet{number}"), "wherefore");
            let answer = client.iq("set", "localhost", &request).await?;
            let error = (number >= allowed).then(|| "modify/not-acceptable".to_owned());
            assert_eq!(answer.stanza_error(), error, "{answer}");
        }
        server.stop().await?;
    }
    Ok(())
}
