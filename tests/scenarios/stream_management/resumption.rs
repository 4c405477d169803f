//! Sessions that go on after their connection was lost.

use anyhow::{Result, ensure};
use waxwing_tests::server::Settings;
use waxwing_tests::{Login, Server};

use super::{Managed, refusal};
use crate::limits::reached;
use crate::watching::METRICS;

/// What was not acknowledged comes again, then what came meanwhile, in order; others notice nothing.
#[tokio::test]
async fn goes_on_where_it_was() -> Result<()> {
    let server = Server::new().await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let mut juliet = Managed::new(&server, "juliet").await?;
    romeo
        .client
        .send("<presence to='juliet@localhost'/><presence to='juliet@localhost/r'/>")
        .await?;
    juliet
        .client
        .send("<presence to='romeo@localhost/r'/>")
        .await?;
    ensure!(romeo.stanza().await?.name == "presence");
    juliet.chat("romeo", "before").await?;
    assert_eq!(romeo.body().await?, "before");
    romeo.acknowledge().await?;
    romeo.chat("juliet", "one").await?;
    romeo.chat("juliet", "two").await?;
    assert_eq!(juliet.bodies(2).await?, ["one", "two"]);
    // The second was lost on its way.
    juliet.received -= 1;
    let lost = juliet.lose();
    romeo.chat("juliet", "three").await?;
    romeo.chat("juliet@localhost/r", "four").await?;
    // All is kept, although nobody is there.
    romeo.has_handled(7).await?;

    let (mut juliet, handled) = lost.resume(&server).await?;
    assert_eq!(handled, 3, "two presences and a message");
    assert_eq!(juliet.bodies(3).await?, ["two", "three", "four"]);
    juliet.acknowledge().await?;
    juliet.chat("romeo", "after").await?;
    assert_eq!(romeo.body().await?, "after", "and no presence between");
    juliet.has_handled(4).await?;

    // Once more, by the same id.
    let lost = juliet.lose();
    romeo.chat("juliet", "five").await?;
    let (mut juliet, handled) = lost.resume(&server).await?;
    assert_eq!(handled, 4);
    assert_eq!(juliet.body().await?, "five");
    server.stop().await
}

/// The count goes on from what was told, also where more was on its way: the client sends that again.
#[tokio::test]
async fn counts_on_from_what_it_told() -> Result<()> {
    let server = Server::new().await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let mut juliet = Managed::new(&server, "juliet").await?;
    romeo.chat("juliet", "one").await?;
    // It has come and is not acknowledged.
    assert_eq!(juliet.body().await?, "one");
    let (mut romeo, handled) = romeo.lose().resume(&server).await?;
    for _ in handled..2 {
        romeo.chat("juliet", "one").await?;
    }
    romeo.chat("juliet", "two").await?;
    while juliet.body().await? != "two" {}
    juliet.acknowledge().await?;
    romeo.has_handled(3).await?;
    server.stop().await
}

/// A client may know before the server that its connection is lost: the old one ends with a conflict.
#[tokio::test]
async fn takes_over_from_a_connection_that_seems_alive() -> Result<()> {
    let server = Server::new().await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let mut juliet = Managed::new(&server, "juliet").await?;
    romeo.chat("juliet", "one").await?;
    assert_eq!(juliet.body().await?, "one");
    let lost = super::Lost {
        user: "juliet".to_owned(),
        id: juliet.id.clone(),
        received: juliet.received,
    };
    let mut old = juliet.client;
    let (mut juliet, _) = lost.resume(&server).await?;
    let end = loop {
        let element = match old.event().await? {
            waxwing_tests::client::Event::Element(element) => element,
            other => anyhow::bail!("{other:?}"),
        };
        if element.name == "error" {
            break element;
        }
    };
    assert!(end.to_string().contains("conflict"), "{end}");
    romeo.chat("juliet", "two").await?;
    assert_eq!(juliet.body().await?, "two");
    server.stop().await
}

/// Only the account itself may go on, by an id that is known; who is refused may bind, and the session stays for its owner.
#[tokio::test]
async fn refuses_others_and_unknown_ids() -> Result<()> {
    let server = Server::new().await?;
    server.account("mallory").await?;
    let mut lost = Managed::new(&server, "juliet").await?.lose();
    let (mut mallory, answer) = lost.ask_as(&server, "mallory").await?;
    assert_eq!(refusal(&answer)?, None);
    assert_eq!(mallory.bind(Some("m")).await?, "mallory@localhost/m");
    let id = std::mem::replace(&mut lost.id, "x".repeat(4000));
    assert_eq!(lost.is_refused(&server).await?, None);
    lost.id = id;
    let (mut juliet, handled) = lost.resume(&server).await?;
    assert_eq!(handled, 1);
    juliet.chat("mallory@localhost/m", "hi").await?;
    assert_eq!(mallory.message().await?.1, "hi");
    server.stop().await
}

/// When its time is over the session is: others hear of it, and what it had not got waits for the next one.
#[tokio::test]
async fn ends_when_its_time_is_over() -> Result<()> {
    let config = "[limits]\nresume_seconds = 1";
    let server = Settings::new().config(config).start().await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let mut juliet = Managed::new(&server, "juliet").await?;
    juliet
        .client
        .send("<presence to='romeo@localhost/r'/>")
        .await?;
    ensure!(romeo.stanza().await?.name == "presence");
    romeo.chat("juliet", "one").await?;
    assert_eq!(juliet.body().await?, "one");
    let lost = juliet.lose();
    romeo.chat("juliet", "two").await?;
    romeo
        .client
        .send("<iq type='get' to='juliet@localhost/r' id='q'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await?;
    // While it is away it is asked all the same; at its end the question comes back.
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let stanza = romeo.stanza().await?;
        heard.push(format!(
            "{} {}",
            stanza.name,
            stanza.attr("type").unwrap_or_default()
        ));
    }
    heard.sort();
    assert_eq!(heard, ["iq error", "presence unavailable"]);
    lost.is_refused(&server).await?;
    let mut juliet = Managed::again(&server, "juliet", "r").await?;
    assert_eq!(juliet.bodies(2).await?, ["one", "two"]);
    server.stop().await
}

/// Whose time is over hears all the same how many of its stanzas were handled, and need not send them again (XEP-0198 §5); also after a kill,
/// and where the session ended for another reason. Who closes its stream will not ask, and is not remembered.
#[tokio::test]
async fn hears_what_was_handled_when_its_time_is_over() -> Result<()> {
    let config =
        format!("{METRICS}\n[limits]\nresume_seconds = 1\nhibernated_sessions_per_account = 1");
    let mut server = Settings::new().config(&config).start().await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let mut juliet = Managed::new(&server, "juliet").await?;
    juliet
        .client
        .send("<presence to='romeo@localhost/r'/>")
        .await?;
    ensure!(romeo.stanza().await?.name == "presence");
    juliet.chat("romeo", "one").await?;
    assert_eq!(romeo.body().await?, "one");
    let lost = juliet.lose();
    // Nobody has acknowledged the message, and the client never asked about it.
    let gone = romeo.stanza().await?;
    assert_eq!(gone.attr("type"), Some("unavailable"));
    assert_eq!(lost.is_refused(&server).await?, Some(3));

    // Replaced by its own client's next session.
    let replaced = Managed::again(&server, "juliet", "r").await?.lose();
    let juliet = Managed::again(&server, "juliet", "r").await?;
    assert_eq!(replaced.is_refused(&server).await?, Some(1));
    let closed = super::Lost {
        user: "juliet".to_owned(),
        id: juliet.id.clone(),
        received: juliet.received,
    };
    juliet.client.close().await?;
    assert_eq!(closed.is_refused(&server).await?, None);
    server.kill().await?;
    server.wait().await?;
    server.start_again().await?;
    assert_eq!(lost.is_refused(&server).await?, Some(3));
    server.stop().await
}

/// `1` is as good a truth as `true` (XML Schema).
#[tokio::test]
async fn takes_1_for_true() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    for (word, resumable) in [("1", Some("true")), ("true", Some("true")), ("0", None)] {
        let (mut juliet, _) = server.log_in(&Login::new("juliet")).await?;
        juliet
            .send(&format!("<enable xmlns='urn:xmpp:sm:3' resume='{word}'/>"))
            .await?;
        let enabled = juliet.element().await?;
        assert!(enabled.is("enabled", super::SM), "{enabled}");
        assert_eq!(enabled.attr("resume"), resumable, "{word}");
        assert_eq!(enabled.attr("id").is_some(), resumable.is_some(), "{word}");
    }
    server.stop().await
}

/// An account has so many sessions that sleep; the one that has slept longest makes room.
#[tokio::test]
async fn an_account_has_so_many_sessions_that_sleep() -> Result<()> {
    let config = format!("{METRICS}\n[limits]\nhibernated_sessions_per_account = 2");
    let server = Settings::new().config(&config).start().await?;
    server.account("juliet").await?;
    let mut watcher = Managed::again(&server, "juliet", "watcher").await?;
    let mut lost = Vec::new();
    for resource in ["1", "2", "3"] {
        let juliet = Managed::again(&server, "juliet", resource).await?;
        ensure!(watcher.stanza().await?.attr("type").is_none());
        lost.push(juliet.lose());
        // It sleeps before the next one does.
        let count = lost.len().min(2);
        // Under its name of version 0.1 too.
        for name in ["waxwing_hibernated_sessions", "waxwing_sessions_asleep"] {
            let count = format!("{name} {count}\n");
            while !crate::watching::scrape(&server).await?.contains(&count) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }
    let gone = watcher.stanza().await?;
    assert_eq!(gone.attr("from"), Some("juliet@localhost/1"));
    assert_eq!(gone.attr("type"), Some("unavailable"));
    lost.remove(0).is_refused(&server).await?;
    for lost in lost {
        lost.resume(&server).await?;
    }
    server.stop().await
}

/// Where it is switched off nothing is promised; acks work all the same.
#[tokio::test]
async fn can_be_switched_off() -> Result<()> {
    let config = "[limits]\nresume_seconds = 0";
    let server = Settings::new().config(config).start().await?;
    server.account("juliet").await?;
    let (mut juliet, _) = server.log_in(&Login::new("juliet")).await?;
    juliet
        .send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
        .await?;
    let enabled = juliet.element().await?;
    assert!(enabled.is("enabled", super::SM), "{enabled}");
    assert_eq!((enabled.attr("resume"), enabled.attr("id")), (None, None));
    juliet.send("<presence/><r xmlns='urn:xmpp:sm:3'/>").await?;
    let ack = juliet
        .wait_for("an ack", |element| element.is("a", super::SM))
        .await?;
    assert_eq!(ack.attr("h"), Some("1"));
    server.stop().await
}

/// A session that is replaced, or whose account is removed, cannot be resumed.
#[tokio::test]
async fn a_session_that_was_ended_cannot_be_resumed() -> Result<()> {
    let server = Server::new().await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let lost = Managed::new(&server, "juliet").await?.lose();
    romeo.chat("juliet", "one").await?;
    romeo.has_handled(2).await?;
    let mut juliet = Managed::again(&server, "juliet", "r").await?;
    assert_eq!(juliet.body().await?, "one");
    lost.is_refused(&server).await?;
    let lost = juliet.lose();
    let removed = server.cli(&["user", "remove", "juliet@localhost"]).await?;
    ensure!(removed.code == Some(0), "{removed:?}");
    server.account("juliet").await?;
    assert_eq!(lost.is_refused(&server).await?, None);
    server.stop().await
}

/// So have all accounts together.
#[tokio::test]
async fn all_accounts_together_have_so_many_sessions_that_sleep() -> Result<()> {
    let config = format!("{METRICS}\n[limits]\nhibernated_sessions = 2");
    let server = Settings::new().config(&config).start().await?;
    let mut lost = Vec::new();
    for (user, sign) in [
        ("juliet", "waxwing_hibernated_sessions 1\n"),
        ("romeo", "waxwing_hibernated_sessions 2\n"),
        ("nurse", "limit=\"hibernated-sessions\"} 1\n"),
    ] {
        lost.push(Managed::new(&server, user).await?.lose());
        while !crate::watching::scrape(&server).await?.contains(sign) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
    lost.remove(0).is_refused(&server).await?;
    for lost in lost {
        lost.resume(&server).await?;
    }
    server.stop().await
}

/// A MiB is held for a client that is away. With more the session is over, and all that came for it waits for the account.
#[tokio::test]
async fn ends_when_too_much_waits_for_a_client_that_is_away() -> Result<()> {
    const MESSAGES: usize = 24;
    let config = format!("{METRICS}\n[limits]\noffline_bytes = 10000000");
    let server = Settings::new().config(&config).start().await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let lost = Managed::new(&server, "juliet").await?.lose();
    let long = "x".repeat(60_000);
    for number in 0..MESSAGES {
        romeo.chat("juliet", &format!("{number} {long}")).await?;
    }
    romeo.has_handled(u32::try_from(MESSAGES)? + 1).await?;
    ensure!(reached(&server, "mailbox").await? == 1);
    lost.is_refused(&server).await?;
    let mut juliet = Managed::again(&server, "juliet", "r").await?;
    for number in 0..MESSAGES {
        let body = juliet.body().await?;
        ensure!(body.starts_with(&format!("{number} ")), "{body:.10}");
        juliet.acknowledge().await?;
    }
    server.stop().await
}

/// Where too much waits for all clients that are away, the session that holds most is over, whoever was away first; nothing of it is lost.
#[tokio::test]
async fn so_much_waits_for_all_clients_that_are_away() -> Result<()> {
    let config = format!("{METRICS}\n[limits]\nhibernated_bytes = 200000");
    let server = Settings::new().config(&config).start().await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let modest = Managed::new(&server, "nurse").await?.lose();
    let greedy = Managed::new(&server, "juliet").await?.lose();
    let long = "x".repeat(50_000);
    for to in ["nurse", "juliet", "juliet"] {
        romeo.chat(to, &long).await?;
    }
    romeo.has_handled(4).await?;
    ensure!(reached(&server, "hibernated-sessions").await? == 0);
    romeo.chat("juliet", &long).await?;
    romeo.has_handled(5).await?;
    ensure!(reached(&server, "hibernated-sessions").await? == 1);
    greedy.is_refused(&server).await?;
    let (mut nurse, _) = modest.resume(&server).await?;
    ensure!(nurse.body().await? == long);
    let mut juliet = Managed::again(&server, "juliet", "r").await?;
    ensure!(juliet.bodies(3).await?.iter().all(|body| *body == long));
    server.stop().await
}
