//! What a client asks of its roster (RFC 6121 §2).

use anyhow::Result;
use futures_util::future::try_join_all;
use waxwing_tests::Server;

use super::{Online, at};

/// H19: the answer comes before the push, and each push has an id of its own and a newer version.
#[tokio::test]
async fn an_item_is_set_answered_and_then_pushed_to_those_who_asked_for_the_roster() -> Result<()> {
    let server = Server::new().await?;
    let mut balcony = Online::new(&server, "juliet").await?;
    let mut chamber = Online::again(&server, "juliet", "chamber").await?;
    let mut silent = Online::connected(&server, "juliet", "silent").await?;
    for online in [&mut balcony, &mut chamber, &mut silent] {
        online.heard().await?;
    }
    let set = "<iq type='set' id='s1'><query xmlns='jabber:iq:roster'><item jid='Nurse@localhost' name='Nurse'>\
        <group>Servants</group></item></query></iq>";
    balcony.client.send(set).await?;
    let (result, push) = (
        balcony.client.element().await?,
        balcony.client.element().await?,
    );
    assert_eq!(result.attr("id"), Some("s1"));
    assert_eq!(result.attr("type"), Some("result"));
    assert_eq!(
        super::line(&push).as_deref(),
        Some("push nurse none 'Nurse' [Servants]")
    );
    assert_ne!(push.attr("id"), Some("s1"));
    assert_eq!(
        chamber.heard().await?,
        ["push nurse none 'Nurse' [Servants]"]
    );
    assert_eq!(silent.heard().await?, [""; 0]);

    assert_eq!(balcony.set("<item jid='nurse@localhost'/>").await?, None);
    assert_eq!(balcony.roster().await?, ["nurse none"]);
    assert_eq!(
        balcony
            .set("<item jid='nurse@localhost' subscription='remove'/>")
            .await?,
        None
    );
    assert_eq!(
        chamber.heard().await?,
        ["push nurse none", "push nurse remove"]
    );
    assert_eq!(balcony.roster().await?, [""; 0]);
    server.stop().await
}

/// H20
#[tokio::test]
async fn each_fault_of_a_roster_set_has_its_error_and_changes_nothing() -> Result<()> {
    let server = Server::new().await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    server.account("romeo").await?;
    for (items, error) in [
        ("", "bad-request"),
        (
            "<item jid='a@localhost'/><item jid='b@localhost'/>",
            "bad-request",
        ),
        ("<item/>", "bad-request"),
        ("<item jid='@localhost'/>", "jid-malformed"),
        ("<item jid='juliet@localhost'/>", "not-allowed"),
        (
            "<item jid='a@localhost' subscription='remove'/>",
            "item-not-found",
        ),
        ("<item jid='a@localhost'><group/></item>", "not-acceptable"),
        (
            "<item jid='a@localhost'><group>g</group><group>g</group></item>",
            "bad-request",
        ),
    ] {
        let refused = juliet.set(items).await?.unwrap_or_default();
        assert!(refused.ends_with(error), "{items}: {refused}");
    }
    let query = "<query xmlns='jabber:iq:roster'><item jid='nurse@localhost'/></query>";
    for to in ["romeo", "nobody"] {
        let answer = juliet.client.iq("set", &at(to), query).await?;
        let refused = answer.stanza_error().unwrap_or_default();
        assert!(refused.ends_with("forbidden"), "{to}: {refused}");
    }
    assert_eq!(juliet.roster().await?, [""; 0]);
    server.stop().await
}

/// XEP-0237, RFC 6121 §2.6: who has the newest version is sent nothing, and a roster made again is another one.
#[tokio::test]
async fn a_client_that_has_the_newest_version_is_sent_nothing() -> Result<()> {
    let server = Server::new().await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    juliet.set("<item jid='nurse@localhost'/>").await?;
    let get = |version: &str| format!("<query xmlns='jabber:iq:roster' ver='{version}'/>");
    let full = juliet.client.iq("get", "", &get("")).await?;
    let query = full
        .child("query", super::ROSTER)
        .expect("a roster")
        .clone();
    let version = query.attr("ver").expect("a version").to_owned();
    assert_eq!(query.children.len(), 1);
    let nothing = juliet.client.iq("get", "", &get(&version)).await?;
    assert!(nothing.children.is_empty(), "{nothing}");
    juliet.set("<item jid='romeo@localhost'/>").await?;
    let newer = juliet.client.iq("get", "", &get(&version)).await?;
    assert_eq!(
        newer
            .child("query", super::ROSTER)
            .expect("a roster")
            .children
            .len(),
        2
    );

    let removed = server.cli(&["user", "remove", "juliet@localhost"]).await?;
    assert_eq!(removed.code, Some(0), "{}", removed.stderr);
    let mut juliet = Online::new(&server, "juliet").await?;
    let again = juliet.client.iq("get", "", &get(&version)).await?;
    let again = again.child("query", super::ROSTER).expect("a roster");
    assert_eq!(
        again.children.len(),
        0,
        "a name registered again inherits nothing"
    );
    server.stop().await
}

/// H12: of a hundred changes of one contact from ten sessions at once, each is kept whole, and all sessions hear them in one order.
#[tokio::test]
async fn changes_at_once_are_neither_lost_nor_mixed_nor_told_out_of_order() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let sessions = (0..10).map(|number| {
        let resource = format!("r{number}");
        let server = &server;
        async move { Online::again(server, "juliet", &resource).await }
    });
    let mut sessions = try_join_all(sessions).await?;
    for session in &mut sessions {
        session.heard().await?;
    }
    let setting = sessions.iter_mut().enumerate().map(|(number, session)| async move {
        for round in 0..10 {
            let name = format!("{number}-{round}");
            let item = format!(
                "<iq type='set' id='x'><query xmlns='jabber:iq:roster'><item jid='nurse@localhost' name='{name}'>\
                 <group>{name}</group></item></query></iq>"
            );
            session.client.send(&item).await?;
        }
        anyhow::Ok(())
    });
    try_join_all(setting).await?;
    let mut all: Vec<Vec<String>> = Vec::new();
    for session in &mut sessions {
        let mut heard = Vec::new();
        while heard.len() < 100 {
            heard.extend(session.heard().await?);
            heard.retain(|line| line.starts_with("push"));
        }
        all.push(heard);
    }
    for heard in &all {
        assert_eq!(
            heard, &all[0],
            "all sessions hear the same, in the same order"
        );
    }
    for push in &all[0] {
        let name = push.split('\'').nth(1).unwrap_or_default();
        assert!(push.ends_with(&format!("'{name}' [{name}]")), "{push}");
    }
    let last = all[0].last().expect("pushes").replace("push ", "");
    assert_eq!(sessions[0].roster().await?, [last]);
    server.stop().await
}

/// What was answered is there after a kill.
#[tokio::test]
async fn a_roster_outlives_kill_9() -> Result<()> {
    let mut server = Server::new().await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    for number in 0..20 {
        let item = format!("<item jid='n{number:02}@localhost' name='N'/>");
        assert_eq!(juliet.set(&item).await?, None);
    }
    server.kill().await?;
    server.wait().await?;
    server.start_again().await?;
    let mut juliet = Online::again(&server, "juliet", "r").await?;
    assert_eq!(juliet.roster().await?.len(), 20);
    server.stop().await
}
