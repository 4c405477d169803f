//! Unmodified clients of other projects: slixmpp, xmpp.js and tokio-xmpp.

use anyhow::Result;
use waxwing_tests::client::login::password_of;
use waxwing_tests::{Login, Server, external};

/// Row R8 of the checklist: registration inside TLS before authentication, as slixmpp's users do it.
#[tokio::test]
async fn slixmpp_registers_chats_pings_changes_its_password_and_leaves() -> Result<()> {
    let server = Server::new().await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    let address = server.address("c2s")?;
    let certificate = server.certificate();
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let arguments = [
        host.as_str(),
        &port,
        "romeo@localhost",
        "wherefore",
        "therefore",
        &juliet_jid,
    ];
    let script = external::slixmpp("life_of_an_account.py", &arguments, &certificate);
    let echo = async {
        let (message, body) = juliet.message().await?;
        let from = message.attr("from").unwrap_or_default();
        juliet
            .send(&format!(
                "<message to='{from}' type='chat'><body>echo: {body}</body></message>"
            ))
            .await?;
        anyhow::Ok(())
    };
    let (printed, ()) = tokio::try_join!(script, echo)?;
    let steps: Vec<_> = printed.lines().collect();
    let expected = [
        "registered",
        "logged in",
        "received echo: hello from slixmpp",
        "pong",
        "password changed",
        "logged in with the new password",
        "removed",
        "stream error not-authorized",
    ];
    assert_eq!(steps, expected);
    assert!(
        server
            .log_in(&Login::new("romeo").password("therefore"))
            .await
            .is_err(),
        "the account is gone"
    );
    server.stop().await
}

/// Roster, subscription, presence and messages to somebody who is offline, between two of them.
#[tokio::test]
async fn slixmpp_users_become_contacts_and_leave_each_other_messages() -> Result<()> {
    let server = Server::new().await?;
    let (romeo, juliet) = (password_of("romeo"), password_of("juliet"));
    for user in ["romeo", "juliet"] {
        server.account(user).await?;
    }
    let address = server.address("c2s")?;
    let certificate = server.certificate();
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let arguments = [
        host.as_str(),
        &port,
        "romeo@localhost",
        &romeo,
        "juliet@localhost",
        &juliet,
    ];
    let printed = external::slixmpp("contacts.py", &arguments, &certificate).await?;
    let steps: Vec<_> = printed.lines().collect();
    let expected = [
        "see each other",
        "Romeo ['Montague'] both",
        "saw her go",
        "one late",
        "two late",
        "three late",
        "saw her come back",
    ];
    assert_eq!(steps, expected);
    server.stop().await
}

#[tokio::test]
async fn xmpp_js_logs_in_and_chats() -> Result<()> {
    let server = Server::new().await?;
    server.account("romeo").await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    let service = format!("xmpp://{}", server.address("c2s")?);
    let certificate = server.certificate();
    let password = password_of("romeo");
    let arguments = [
        service.as_str(),
        "localhost",
        "romeo",
        &password,
        &juliet_jid,
    ];
    let script = external::xmpp_js("chat.mjs", &arguments, &certificate);
    let echo = async {
        let (message, body) = juliet.message().await?;
        let from = message.attr("from").unwrap_or_default();
        juliet
            .send(&format!(
                "<message to='{from}' type='chat'><body>echo: {body}</body></message>"
            ))
            .await?;
        anyhow::Ok(())
    };
    let (printed, ()) = tokio::try_join!(script, echo)?;
    let steps: Vec<_> = printed.lines().collect();
    assert!(
        steps
            .first()
            .is_some_and(|line| line.starts_with("online romeo@localhost/")),
        "{printed}"
    );
    assert_eq!(
        steps.get(1..),
        Some(&["received echo: hello from xmpp.js", "pong"][..])
    );
    server.stop().await
}

/// Row A2 of the checklist: the strongest mechanism that is offered, which for this client is SCRAM-SHA-256-PLUS with
/// tls-exporter over TLS 1.3; nothing weaker is offered here.
#[tokio::test]
async fn tokio_xmpp_logs_in_bound_to_its_tls_connection() -> Result<()> {
    let only_plus = "[sasl]\nmechanisms = [\"SCRAM-SHA-256-PLUS\"]";
    let server = waxwing_tests::server::Settings::new()
        .config(only_plus)
        .start()
        .await?;
    server.account("romeo").await?;
    let address = server.address("c2s")?.to_string();
    let arguments = [address.as_str(), "romeo@localhost", &password_of("romeo")];
    let printed = external::tokio_xmpp(&arguments, &server.certificate()).await?;
    let mut lines = printed.lines();
    assert!(
        lines
            .next()
            .is_some_and(|line| line.starts_with("bound romeo@localhost/")),
        "{printed}"
    );
    assert_eq!(lines.next(), Some("received hello from tokio-xmpp"));
    server.stop().await
}
