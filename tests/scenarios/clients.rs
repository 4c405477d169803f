//! Unmodified clients of other projects: slixmpp, xmpp.js and tokio-xmpp.

use anyhow::Result;
use waxwing_tests::client::login::password_of;
use waxwing_tests::relay::Relay;
use waxwing_tests::{Element, Login, Server, external};

// seeds: T1, R8
/// Registration inside TLS before authentication, as slixmpp's users do it.
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

// seeds: A2
/// The strongest mechanism that is offered, which for this client is SCRAM-SHA-256-PLUS with
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

/// Runs a script of an older client against a server with an account, and returns what it printed.
async fn older(config: &str, script: &str, user: &[&str]) -> Result<String> {
    let server = waxwing_tests::server::Settings::new()
        .config(config)
        .start()
        .await?;
    server.account("juliet").await?;
    let address = server.address("c2s")?;
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let password = password_of("juliet");
    let arguments = [&[host.as_str(), &port], user, &[password.as_str()]].concat();
    let printed = external::older(script, &arguments, &server.certificate()).await?;
    server.stop().await?;
    Ok(printed.trim().to_owned())
}

/// Debian 12's slixmpp binds by tls-unique alone, which TLS 1.3 does not have, and says `y` afterwards. It ended in PLAIN, or,
/// with more mechanisms on offer, out.
#[tokio::test]
async fn slixmpp_1_8_logs_in_though_its_channel_binding_is_refused() -> Result<()> {
    let user = ["juliet@localhost"];
    assert_eq!(
        older("", "slixmpp_1_8.py", &user).await?,
        "bound juliet@localhost by SCRAM-SHA-256 after SCRAM-SHA-256-PLUS"
    );
    let all = "[sasl]\nmechanisms = [\"SCRAM-SHA-256-PLUS\", \"SCRAM-SHA-1-PLUS\", \"SCRAM-SHA-256\", \"SCRAM-SHA-1\"]";
    assert_eq!(
        older(all, "slixmpp_1_8.py", &user).await?,
        "bound juliet@localhost by SCRAM-SHA-256 after SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS"
    );
    Ok(())
}

/// xmpppy sends its bare JID as the identity to act as (RFC 4616 §2), and asks for a session (RFC 3921).
#[tokio::test]
async fn xmpppy_logs_in_with_its_own_address_as_authzid() -> Result<()> {
    let printed = older("", "xmpppy_log_in.py", &["localhost", "juliet"]).await?;
    assert_eq!(printed, "sasl tls+sasl");
    Ok(())
}

/// The other side of a client that becomes a contact of juliet, says hello, loses its connection and resumes: she hears of no
/// absence, and what she says meanwhile arrives.
async fn meet(server: &Server, relay: &Relay) -> Result<()> {
    let (mut juliet, juliet_jid) = server.log_in(&Login::new("juliet")).await?;
    juliet
        .iq("get", "", "<query xmlns='jabber:iq:roster'/>")
        .await?;
    juliet.be_present(&juliet_jid).await?;
    let romeos = |kind: &'static str| {
        move |element: &Element| {
            let from = element.attr("from").unwrap_or_default();
            element.name == "presence"
                && from.starts_with("romeo@localhost")
                && element.attr("type") == Some(kind)
        }
    };
    juliet.wait_for("a request", romeos("subscribe")).await?;
    for kind in ["subscribed", "subscribe"] {
        juliet
            .send(&format!("<presence type='{kind}' to='romeo@localhost'/>"))
            .await?;
    }
    juliet.wait_for("an approval", romeos("subscribed")).await?;
    let (hello, body) = juliet.message().await?;
    assert_eq!(body, "hello");
    relay.cut();
    let to = hello.attr("from").unwrap_or_default();
    juliet
        .send(&format!(
            "<message to='{to}' type='chat'><body>while away</body></message>"
        ))
        .await?;
    let gone = romeos("unavailable");
    let answer = juliet
        .wait_for("an answer, or the end", |element| {
            gone(element) || element.child_text("body").is_some()
        })
        .await?;
    assert_eq!(answer.child_text("body"), Some("still here"), "{answer}");
    Ok(())
}

/// What such a client prints.
const MET: [&str; 6] = [
    "online romeo@localhost",
    "roster 0",
    "sees juliet@localhost",
    "resumed",
    "received while away",
    "",
];

/// XEP-0198: an unmodified client of this library is back where it was, by itself.
#[tokio::test]
async fn xmpp_js_becomes_a_contact_and_resumes_its_stream() -> Result<()> {
    let (server, relay) = relayed().await?;
    let service = format!("xmpp://{}", relay.address);
    let password = password_of("romeo");
    let arguments = [
        service.as_str(),
        "localhost",
        "romeo",
        &password,
        "juliet@localhost",
    ];
    let certificate = server.certificate();
    let script = external::xmpp_js("contacts.mjs", &arguments, &certificate);
    let (printed, ()) = tokio::try_join!(script, meet(&server, &relay))?;
    // What it missed comes with the answer to its wish to resume, maybe before the library says that it has resumed.
    let mut steps: Vec<_> = printed.split('\n').collect();
    let mut met = MET;
    steps.sort_unstable();
    met.sort_unstable();
    assert_eq!(steps, met);
    server.stop().await
}

/// The same.
#[tokio::test]
async fn slixmpp_becomes_a_contact_and_resumes_its_stream() -> Result<()> {
    let (server, relay) = relayed().await?;
    let (host, port) = (
        relay.address.ip().to_string(),
        relay.address.port().to_string(),
    );
    let password = password_of("romeo");
    let arguments = [
        host.as_str(),
        &port,
        "romeo@localhost",
        &password,
        "juliet@localhost",
    ];
    let certificate = server.certificate();
    let script = external::slixmpp("resumption.py", &arguments, &certificate);
    let (printed, ()) = tokio::try_join!(script, meet(&server, &relay))?;
    assert_eq!(printed.split('\n').collect::<Vec<_>>(), MET);
    server.stop().await
}

/// The same.
#[tokio::test]
async fn tokio_xmpp_becomes_a_contact_and_resumes_its_stream() -> Result<()> {
    let (server, relay) = relayed().await?;
    let address = relay.address.to_string();
    let password = password_of("romeo");
    let arguments = [
        address.as_str(),
        "romeo@localhost",
        &password,
        "juliet@localhost",
    ];
    let certificate = server.certificate();
    let client = external::tokio_xmpp_contacts(&arguments, &certificate);
    let (printed, ()) = tokio::try_join!(client, meet(&server, &relay))?;
    assert_eq!(printed.split('\n').collect::<Vec<_>>(), MET);
    server.stop().await
}

/// A server with accounts for the client and its friend, behind a network that can fail. Both are there first: what a quick client asks
/// of somebody who is not there is asked of nobody.
async fn relayed() -> Result<(Server, Relay)> {
    let server = Server::new().await?;
    for user in ["romeo", "juliet"] {
        server.account(user).await?;
    }
    let relay = Relay::start(server.address("c2s")?).await?;
    Ok((server, relay))
}
