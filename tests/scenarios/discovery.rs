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
    // XEP-0160 §4: messages are stored for accounts that are offline.
    for feature in [
        ns::REGISTER,
        ns::PING,
        ns::DISCO_INFO,
        ns::DISCO_ITEMS,
        "msgoffline",
    ] {
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

/// XEP-0030 §8 and RFC 6121 §8.5.1: an account is described to itself and to those who receive its presence. A stranger gets the
/// same answers for an account as for a JID that nobody has.
#[tokio::test]
async fn an_account_is_described_to_itself_and_to_its_contacts_alone() -> Result<()> {
    const INFO: &str = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    const ITEMS: &str = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
    let server = Server::new().await?;
    let (mut juliet, _) = server.session("juliet").await?;
    let (mut romeo, _) = server.session("romeo").await?;
    for to in ["", "juliet@localhost"] {
        let answer = juliet.iq("get", to, INFO).await?;
        let query = answer.child("query", ns::DISCO_INFO).expect("a query");
        let identity = query.child("identity", ns::DISCO_INFO).expect("one");
        let found = (identity.attr("category"), identity.attr("type"));
        assert_eq!(found, (Some("account"), Some("registered")), "{answer}");
        assert!(answer.to_string().contains(ns::DISCO_ITEMS), "{answer}");
    }
    let mut answers = Vec::new();
    for to in ["juliet@localhost", "nobody@localhost"] {
        for payload in [INFO, ITEMS] {
            let answer = romeo.iq("get", to, payload).await?.to_string();
            let id = answer
                .split("id='")
                .nth(1)
                .and_then(|rest| rest.split('\'').next());
            let id = id.unwrap_or_default().to_owned();
            answers.push(answer.replace(&id, "ID").replace(to, "SOMEBODY"));
        }
    }
    let (account, none) = answers.split_at(2);
    assert_eq!(account, none, "the account does not show");
    assert!(account[0].contains("service-unavailable"), "{account:?}");
    assert!(!account[1].contains("error"), "{account:?}");

    juliet.send("<presence/>").await?;
    romeo.send("<presence/>").await?;
    romeo
        .send("<presence to='juliet@localhost' type='subscribe'/>")
        .await?;
    let asked = |one: &waxwing_tests::Element| one.attr("type") == Some("subscribe");
    juliet.wait_for("the request", asked).await?;
    juliet
        .send("<presence to='romeo@localhost' type='subscribed'/>")
        .await?;
    let seen = |one: &waxwing_tests::Element| {
        let from = one.attr("from").unwrap_or_default();
        one.name == "presence" && from.starts_with("juliet@localhost/")
    };
    romeo.wait_for("her presence", seen).await?;
    let answer = romeo.iq("get", "juliet@localhost", INFO).await?;
    assert!(answer.to_string().contains("registered"), "{answer}");
    // The other direction was not granted.
    let answer = juliet.iq("get", "romeo@localhost", INFO).await?;
    let error = answer.stanza_error();
    assert_eq!(error.as_deref(), Some("cancel/service-unavailable"));
    server.stop().await
}
