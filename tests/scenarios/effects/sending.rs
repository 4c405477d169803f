//! The imports `router` and `sessions`: in whose name a plugin speaks, and to how many.

use anyhow::Result;

use super::{act, server, step};

fn message(from: &str, to: &str, inside: &str) -> String {
    format!("<send>&lt;message from='{from}' to='{to}'>{inside}&lt;/message></send>")
}

#[tokio::test]
async fn a_plugin_sends_in_the_servers_name_and_in_nobody_elses() -> Result<()> {
    let server = server().await?;
    let (mut romeo, romeo_jid) = server.session("romeo").await?;
    let body = "&lt;body>hello&lt;/body>";
    act(&mut romeo, &message("localhost", &romeo_jid, body)).await?;
    let (received, text) = romeo.message().await?;
    assert_eq!(
        (received.attr("from"), text.as_str()),
        (Some("localhost"), "hello")
    );
    for from in [
        "juliet@localhost",
        "juliet@localhost/balcony",
        "elsewhere.example",
        "rooms.localhost",
    ] {
        let answer = step(&mut romeo, &message(from, &romeo_jid, body)).await?;
        assert!(answer.contains("Forbidden"), "{from}: {answer}");
    }
    server.stop().await
}

/// What belongs to the stream, marks that only the server makes, and what is no stanza at all never leave.
#[tokio::test]
async fn a_plugin_sends_nothing_that_only_the_server_may() -> Result<()> {
    let server = server().await?;
    let (mut romeo, romeo_jid) = server.session("romeo").await?;
    for inside in [
        "&lt;stanza-id xmlns='urn:xmpp:sid:0' id='1' by='localhost'/>",
        "&lt;delay xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:00Z'/>",
        "&lt;sent xmlns='urn:xmpp:carbons:2'/>",
        "&lt;received xmlns='urn:xmpp:carbons:2'/>",
    ] {
        let answer = step(&mut romeo, &message("localhost", &romeo_jid, inside)).await?;
        assert!(answer.contains("Forbidden"), "{inside}: {answer}");
    }
    for xml in [
        "&lt;message from='localhost'>",
        "&lt;error xmlns='http://etherx.jabber.org/streams'/>",
        "&lt;message from='localhost' to='romeo@localhost'>&lt;x xmlns='http://etherx.jabber.org/streams'/>&lt;/message>",
        "&lt;success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        "&lt;message from='localhost' to='romeo@localhost' type='nonsense' xmlns='jabber:server'/>",
        "not xml",
        "",
    ] {
        let answer = step(&mut romeo, &format!("<send>{xml}</send>")).await?;
        assert!(answer.contains("Malformed"), "{xml}: {answer}");
    }
    act(
        &mut romeo,
        &message("localhost", &romeo_jid, "&lt;body>clean&lt;/body>"),
    )
    .await?;
    let received = romeo.message().await?.0;
    assert_eq!(
        received.children.len(),
        1,
        "and nothing of it came before: {received}"
    );
    server.stop().await
}

#[tokio::test]
async fn a_call_sends_at_most_64_stanzas_each_recipient_counted() -> Result<()> {
    let server = server().await?;
    let (mut romeo, romeo_jid) = server.session("romeo").await?;
    let to = |count: usize| vec![romeo_jid.as_str(); count].join(" ");
    let many = |count: usize| {
        format!(
            "<send-many to='{}'>&lt;message from='localhost'>&lt;body>x&lt;/body>&lt;/message></send-many>",
            to(count)
        )
    };
    let answers = act(&mut romeo, &format!("{}{}{}", many(60), many(5), many(4))).await?;
    assert_eq!(answers, ["", "!SendError::TooMany", ""]);
    for _ in 0..64 {
        romeo.message().await?;
    }
    assert!(romeo.is_silent().await, "no more than 64 came");
    server.stop().await
}

/// A hook that sends to its own sender is not asked about what it sends: no call enters a guest from within another.
#[tokio::test]
async fn a_hook_that_sends_to_itself_is_not_called_for_it() -> Result<()> {
    let server = server().await?;
    let (mut romeo, romeo_jid) = server.session("romeo").await?;
    let again =
        "&lt;do xmlns='urn:example:actor'>&lt;count key='calls'/>&lt;/do>&lt;body>echo&lt;/body>";
    let script = format!(
        "<count key='calls'/>{}",
        message("localhost", &romeo_jid, again)
    );
    romeo
        .send(&format!(
            "<message to='{romeo_jid}'><body>once</body><do xmlns='urn:example:actor'>{script}</do></message>"
        ))
        .await?;
    let mut bodies = vec![romeo.message().await?.1, romeo.message().await?.1];
    bodies.sort();
    assert_eq!(bodies, ["echo", "once"]);
    assert_eq!(step(&mut romeo, "<recall key='calls'/>").await?, "1");
    server.stop().await
}

#[tokio::test]
async fn a_plugin_sees_and_ends_sessions() -> Result<()> {
    let server = server().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    assert_eq!(step(&mut romeo, "<sessions/>").await?, "1");
    let steps = format!(
        "<end jid='{juliet_jid}'/><end jid='nobody@localhost/x'/><end jid='x@elsewhere/y'/>"
    );
    let answers = act(&mut romeo, &steps).await?;
    assert_eq!(answers[..2], ["", ""]);
    assert!(answers[2].contains("invalid-address"), "{answers:?}");
    assert_eq!(juliet.stream_error().await?, "policy-violation");
    server.stop().await
}
