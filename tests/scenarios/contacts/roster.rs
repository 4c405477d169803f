//! What a client asks of its roster (RFC 6121 §2).

use anyhow::Result;
use futures_util::future::try_join_all;
use waxwing_tests::{Element, Server};

use super::{Online, at};

// seeds: H19
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

// seeds: H20
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

/// The answer to a roster get with that version.
async fn since(online: &mut Online, version: &str) -> Result<Element> {
    let get = format!("<query xmlns='jabber:iq:roster' ver='{version}'/>");
    online.client.iq("get", "", &get).await
}

/// The pushes that have come so far, each with its version.
async fn pushes(online: &mut Online) -> Result<Vec<(String, String)>> {
    let barrier = "<iq type='get' id='barrier' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
    online.client.send(barrier).await?;
    let mut pushes = Vec::new();
    loop {
        let element = online.client.element().await?;
        if element.attr("id") == Some("barrier") {
            return Ok(pushes);
        }
        if let (Some(line), Some(query)) =
            (super::line(&element), element.child("query", super::ROSTER))
        {
            pushes.push((line, query.attr("ver").unwrap_or_default().to_owned()));
        }
    }
}

/// RFC 6121 §2.6.3: an empty answer, then a push for each contact that is another, in order, with the version by that; nothing newer
/// comes before it.
#[tokio::test]
async fn a_client_with_an_older_version_is_told_what_changed_since() -> Result<()> {
    let server = Server::new().await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    for contact in ["kept", "named", "gone", "back"] {
        let item = format!("<item jid='{contact}@localhost'/>");
        assert_eq!(juliet.set(&item).await?, None);
    }
    let known = pushes(&mut juliet).await?;
    let (_, old) = known.last().expect("pushes").clone();
    for item in [
        "<item jid='named@localhost' name='Once'/>",
        "<item jid='gone@localhost' subscription='remove'/>",
        "<item jid='back@localhost' subscription='remove'/>",
        "<item jid='came-and-went@localhost'/>",
        "<item jid='came-and-went@localhost' subscription='remove'/>",
        "<item jid='named@localhost' name='Twice'/>",
        "<item jid='back@localhost' name='Back'/>",
        "<item jid='new@localhost'/>",
    ] {
        assert_eq!(juliet.set(item).await?, None, "{item}");
    }
    let lived = pushes(&mut juliet).await?;
    let newest = |what: &str| {
        let push = lived.iter().rfind(|(line, _)| line == what);
        push.cloned().expect(what)
    };
    let told = [
        "push gone remove",
        "push came-and-went remove",
        "push named none 'Twice'",
        "push back none 'Back'",
        "push new none",
    ]
    .map(newest);

    let mut chamber = Online::connected(&server, "juliet", "chamber").await?;
    let answer = since(&mut chamber, &old).await?;
    assert!(answer.children.is_empty(), "{answer}");
    assert_eq!(pushes(&mut chamber).await?, told);
    // From the middle it goes on from there, and who has all is told nothing.
    let mut hall = Online::connected(&server, "juliet", "hall").await?;
    since(&mut hall, &told[2].1).await?;
    assert_eq!(pushes(&mut hall).await?, told[3..]);
    since(&mut hall, &told[4].1).await?;
    assert!(pushes(&mut hall).await?.is_empty());
    // Who is told is interested from then on, and was not told more than others.
    assert_eq!(juliet.set("<item jid='last@localhost'/>").await?, None);
    for online in [&mut juliet, &mut chamber, &mut hall] {
        let pushed = pushes(online).await?;
        assert_eq!(pushed.len(), 1, "{pushed:?}");
        assert_eq!(pushed[0].0, "push last none");
    }
    server.stop().await
}

/// Also while it changes: what a client knows of an older version, with what it is told, is what is there.
#[tokio::test]
async fn what_changed_is_told_before_what_changes_meanwhile() -> Result<()> {
    let server = Server::new().await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    juliet.set("<item jid='first@localhost'/>").await?;
    let (_, old) = pushes(&mut juliet).await?.pop().expect("a push");
    let mut chamber = Online::connected(&server, "juliet", "chamber").await?;
    for number in 0..60 {
        let set = format!(
            "<iq type='set' id='s'><query xmlns='jabber:iq:roster'>\
             <item jid='c{}@localhost' name='{number}'/></query></iq>",
            number % 7
        );
        juliet.client.send(&set).await?;
        if number % 20 == 10 {
            let get = format!("<query xmlns='jabber:iq:roster' ver='{old}'/>");
            let get = format!("<iq type='get' id='g'>{get}</iq>");
            chamber.client.send(&get).await?;
        }
    }
    pushes(&mut juliet).await?;
    // Each get begins again at the old version, and goes on to the newest.
    let told = pushes(&mut chamber).await?;
    let number = |version: &str| version.split('.').next_back()?.parse::<u64>().ok();
    let versions: Vec<_> = told.iter().map(|(_, version)| number(version)).collect();
    let falls = versions
        .windows(2)
        .filter(|pair| pair[0] >= pair[1])
        .count();
    assert!(falls <= 2, "{versions:?}");
    let last = |contact: u32| {
        let push = format!("push c{contact} ");
        let said = told.iter().rfind(|(line, _)| line.starts_with(&push));
        said.map(|(line, _)| line.trim_start_matches("push ").to_owned())
    };
    let known: Vec<_> = (0..7).filter_map(last).collect();
    let mut roster = juliet.roster().await?;
    roster.retain(|line| line.starts_with('c'));
    assert_eq!(known, roster);
    server.stop().await
}

/// Of more than 64 changes the whole roster is told, as of a version that is not known.
#[tokio::test]
async fn a_client_that_missed_too_much_is_sent_the_whole_roster() -> Result<()> {
    let server = Server::new().await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    juliet.set("<item jid='first@localhost'/>").await?;
    let (_, old) = pushes(&mut juliet).await?.pop().expect("a push");
    for number in 0..65 {
        let item = format!("<item jid='c{number}@localhost'/>");
        assert_eq!(juliet.set(&item).await?, None);
        if number == 63 {
            let answer = since(&mut juliet, &old).await?;
            assert!(answer.children.is_empty(), "{answer}");
            assert_eq!(pushes(&mut juliet).await?.len(), 64 + 64);
        }
    }
    pushes(&mut juliet).await?;
    let elsewhere = format!("0{old}");
    let newer = format!("{old}9");
    let odd = [old.as_str(), &elsewhere, &newer, "x", "1.", "1.-1"];
    for version in odd {
        let answer = since(&mut juliet, version).await?;
        let query = answer.child("query", super::ROSTER).expect(version);
        assert_eq!(query.children.len(), 66, "{version}");
        assert!(pushes(&mut juliet).await?.is_empty());
    }
    server.stop().await
}

/// RFC 6121 §2.4.2, §2.6.3: a set is answered and told by a version of its own, also where nothing is other than it was.
#[tokio::test]
async fn a_set_that_changes_nothing_is_answered_and_pushed_too() -> Result<()> {
    let server = Server::new().await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    let mut chamber = Online::again(&server, "juliet", "chamber").await?;
    for online in [&mut juliet, &mut chamber] {
        online.heard().await?;
    }
    for _ in 0..3 {
        let item = "<item jid='nurse@localhost' name='Nurse'><group>Servants</group></item>";
        assert_eq!(juliet.set(item).await?, None);
    }
    let told = pushes(&mut chamber).await?;
    assert_eq!(told, pushes(&mut juliet).await?);
    assert_eq!(told.len(), 3);
    for pair in told.windows(2) {
        assert_eq!(pair[0].0, "push nurse none 'Nurse' [Servants]");
        assert_eq!(pair[0].0, pair[1].0);
        assert_ne!(pair[0].1, pair[1].1);
    }
    server.stop().await
}

// seeds: H12
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
