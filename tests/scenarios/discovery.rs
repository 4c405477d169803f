//! Service discovery (XEP-0030) and ping (XEP-0199): what the bundled plugins declare is what a client sees.

use anyhow::Result;
use waxwing_tests::Server;
use waxwing_tests::client::ns;

#[tokio::test]
async fn the_server_says_what_it_is_and_what_its_plugins_offer() -> Result<()> {
    let server = Server::new().await?;
    let (mut client, _) = server.session("juliet").await?;
    let answer = client
        .iq(
            "get",
            "localhost",
            "<query xmlns='http://jabber.org/protocol/disco#info'/>",
        )
        .await?;
    let query = answer.child("query", ns::DISCO_INFO).expect("a query");
    let is_server = |identity: &&waxwing_tests::Element| {
        identity.name == "identity"
            && identity.attr("category") == Some("server")
            && identity.attr("type") == Some("im")
    };
    assert_eq!(
        query.children.iter().filter(is_server).count(),
        1,
        "{query}"
    );
    let features: Vec<_> = query
        .children
        .iter()
        .filter(|child| child.name == "feature")
        .filter_map(|child| child.attr("var"))
        .collect();
    for feature in [ns::REGISTER, ns::PING, ns::DISCO_INFO, ns::DISCO_ITEMS] {
        assert_eq!(
            features.iter().filter(|found| **found == feature).count(),
            1,
            "{feature} once in {features:?}"
        );
    }
    server.stop().await
}

#[tokio::test]
async fn an_unknown_node_is_not_found() -> Result<()> {
    let server = Server::new().await?;
    let (mut client, _) = server.session("juliet").await?;
    let answer = client
        .iq(
            "get",
            "localhost",
            "<query xmlns='http://jabber.org/protocol/disco#info' node='urn:example:no'/>",
        )
        .await?;
    assert_eq!(
        answer.stanza_error().as_deref(),
        Some("cancel/item-not-found"),
        "{answer}"
    );
    server.stop().await
}

#[tokio::test]
async fn the_items_of_the_server_are_listed() -> Result<()> {
    let server = Server::new().await?;
    let (mut client, _) = server.session("juliet").await?;
    let answer = client
        .iq(
            "get",
            "localhost",
            "<query xmlns='http://jabber.org/protocol/disco#items'/>",
        )
        .await?;
    assert_eq!(answer.attr("type"), Some("result"), "{answer}");
    assert!(answer.child("query", ns::DISCO_ITEMS).is_some(), "{answer}");
    server.stop().await
}

#[tokio::test]
async fn a_ping_is_answered_without_a_child() -> Result<()> {
    let server = Server::new().await?;
    let (mut client, _) = server.session("juliet").await?;
    let answer = client
        .iq("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>")
        .await?;
    assert_eq!(
        (answer.attr("type"), answer.children.len()),
        (Some("result"), 0),
        "{answer}"
    );
    server.stop().await
}

/// XEP-0030: a plugin that is switched off takes its feature with it.
#[tokio::test]
async fn a_disabled_plugin_is_not_listed() -> Result<()> {
    let settings = waxwing_tests::server::Settings::new().config("[plugin.ping]\nenabled = false");
    let server = settings.start().await?;
    let (mut client, _) = server.session("juliet").await?;
    let answer = client
        .iq(
            "get",
            "localhost",
            "<query xmlns='http://jabber.org/protocol/disco#info'/>",
        )
        .await?;
    assert!(!answer.to_string().contains(ns::PING), "{answer}");
    let answer = client
        .iq("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>")
        .await?;
    assert_eq!(
        answer.stanza_error().as_deref(),
        Some("cancel/service-unavailable"),
        "{answer}"
    );
    server.stop().await
}
