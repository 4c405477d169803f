//! Letters beyond ASCII and beyond Unicode 3.2: resources, passwords, and domains in A-labels.

use anyhow::Result;
use waxwing_tests::client::header;
use waxwing_tests::client::sasl::{Binding, Mechanism};
use waxwing_tests::peers::register_request;
use waxwing_tests::server::Settings;
use waxwing_tests::tls::Version;
use waxwing_tests::{Event, Login, Server};

/// An emoji, two letters and a script that are younger than Unicode 3.2, beside letters that are not.
const YOUNG: &str = "päss \u{1f40e}\u{20b9}\u{1e9e}\u{1e922}";

/// Logs in by each kind of mechanism.
async fn log_in_by_all(server: &Server, login: &Login) -> Result<()> {
    for mechanism in [
        Mechanism::Plain,
        Mechanism::ScramSha1(Binding::None),
        Mechanism::ScramSha256(Binding::None),
        Mechanism::ScramSha256(Binding::Exporter),
    ] {
        let (client, _) = server.log_in(&login.clone().by(mechanism)).await?;
        client.close().await?;
    }
    Ok(())
}

/// RFC 6120 §7.7.2.1: the server binds another resource. An emoji kept its user out.
#[tokio::test]
async fn a_resource_beyond_unicode_3_2_is_replaced() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    for resource in ["\u{1f40e}", "\u{20b9}", "\u{1e9e}", "\u{5d0}a", "a\u{7f}b"] {
        let (client, jid) = server
            .log_in(&Login::new("juliet").resource(resource))
            .await?;
        let bound = jid.strip_prefix("juliet@localhost/").unwrap_or_default();
        assert!(
            bound.len() >= 22 && bound != resource,
            "{resource:?}: {jid}"
        );
        client.close().await?;
    }
    server.stop().await
}

/// RFC 3454 §7: what is unassigned in Unicode 3.2 may be in a password, whoever gives it to the account.
#[tokio::test]
async fn a_password_beyond_unicode_3_2_is_taken_and_logs_in_by_every_mechanism() -> Result<()> {
    let server = Server::new().await?;
    let mut newcomer = server.connect().await?;
    newcomer
        .open_secure("localhost", Some(Version::V13))
        .await?;
    let registered = newcomer
        .iq("set", "localhost", &register_request("romeo", YOUNG))
        .await?;
    assert_eq!(registered.attr("type"), Some("result"), "{registered}");
    log_in_by_all(&server, &Login::new("romeo").password(YOUNG)).await?;

    let added = server
        .cli_with(
            &["user", "add", "juliet@localhost", "--password-stdin"],
            &format!("{YOUNG}\n"),
        )
        .await?;
    assert_eq!(added.code, Some(0), "{}", added.stderr);
    log_in_by_all(&server, &Login::new("juliet").password(YOUNG)).await?;
    server.stop().await
}

/// RFC 7622 §3.2.1: a domain is the same in A-labels and in U-labels, in the configuration and on a stream.
#[tokio::test]
async fn a_domain_is_the_same_in_a_labels_and_in_u_labels() -> Result<()> {
    let hosts = "[[host]]\ndomain = \"plä.example\"\n[[host]]\ndomain = \"xn--mnchen-3ya.example\"";
    let server = Settings::new().config(hosts).start().await?;
    for (a_label, u_label) in [
        ("xn--pl-wia.example", "plä.example"),
        ("xn--mnchen-3ya.example", "münchen.example"),
    ] {
        server.account_at("juliet", a_label).await?;
        let mut client = server.connect().await?;
        // The name that TLS knows has A-labels (RFC 6066 §3).
        client.open_secure(a_label, Some(Version::V13)).await?;
        let login = Login::new("juliet");
        let authenticated = client.authenticate(&login).await?;
        assert_eq!(authenticated, Ok(()), "{a_label}");
        client.open(u_label).await?;
        let jid = client.bind(Some("balcony")).await?;
        assert_eq!(jid, format!("juliet@{u_label}/balcony"));
        client
            .send(&format!(
                "<message to='juliet@{a_label}/balcony'><body>to herself</body></message>"
            ))
            .await?;
        let (message, _) = client.message().await?;
        assert_eq!(message.attr("from"), Some(jid.as_str()));
        client.close().await?;
    }
    let mut client = server.connect().await?;
    client.send(&header("xn--zzzzzzzzzz99999.example")).await?;
    assert!(matches!(client.event().await?, Event::Open(_)));
    assert_eq!(client.stream_error().await?, "host-unknown");
    server.stop().await
}
