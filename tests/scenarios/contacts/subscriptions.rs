//! Who sees whom (RFC 6121 §3), as both sides hear of it. The tables of A.2 and A.3 are tested state by state beside the code.

use anyhow::Result;
use rustix::process::Signal;
use waxwing_tests::{Element, Server};

use super::{Online, befriend, friends};

/// H9, §3.1: asked, granted, seen.
#[tokio::test]
async fn a_request_is_asked_granted_and_followed_by_presence() -> Result<()> {
    let server = Server::new().await?;
    let mut romeo = Online::new(&server, "romeo").await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    romeo.heard().await?;
    juliet.heard().await?;

    romeo.say("subscribe", "juliet").await?;
    assert_eq!(romeo.heard().await?, ["push juliet none ask"]);
    assert_eq!(juliet.heard().await?, ["subscribe romeo"]);
    assert_eq!(
        juliet.roster().await?,
        [""; 0],
        "no item before it is granted"
    );

    juliet.say("subscribed", "romeo").await?;
    assert_eq!(juliet.heard().await?, ["push romeo from"]);
    assert_eq!(
        romeo.heard().await?,
        ["subscribed juliet", "push juliet to", "available juliet/r"]
    );

    // Whoever may see does; the other does not yet.
    juliet
        .client
        .send("<presence><show>away</show></presence>")
        .await?;
    assert_eq!(juliet.heard().await?, ["available juliet/r"]);
    assert_eq!(romeo.heard().await?, ["available juliet/r"]);
    romeo
        .client
        .send("<presence><show>away</show></presence>")
        .await?;
    romeo.heard().await?;
    assert_eq!(juliet.heard().await?, [""; 0]);

    juliet.say("subscribe", "romeo").await?;
    juliet.heard().await?;
    assert_eq!(romeo.heard().await?, ["subscribe juliet"]);
    romeo.say("subscribed", "juliet").await?;
    assert_eq!(romeo.heard().await?, ["push juliet both"]);
    assert_eq!(
        juliet.heard().await?,
        ["subscribed romeo", "push romeo both", "available romeo/r"]
    );
    server.stop().await
}

/// §3.2, §3.3: what was granted is withdrawn, what was asked for is given up, and presence ends before the word.
#[tokio::test]
async fn a_subscription_ends_from_either_side() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, mut juliet) = friends(&server).await?;
    juliet.say("unsubscribed", "romeo").await?;
    assert_eq!(juliet.heard().await?, ["push romeo to"]);
    assert_eq!(
        romeo.heard().await?,
        [
            "unavailable juliet/r",
            "unsubscribed juliet",
            "push juliet from"
        ]
    );
    juliet.client.send("<presence/>").await?;
    juliet.heard().await?;
    assert_eq!(romeo.heard().await?, [""; 0]);

    juliet.say("unsubscribe", "romeo").await?;
    assert_eq!(
        juliet.heard().await?,
        ["push romeo none", "unavailable romeo/r"]
    );
    assert_eq!(
        romeo.heard().await?,
        ["unsubscribe juliet", "push juliet none"]
    );
    server.stop().await
}

/// §3.1.3: a request is denied, and may be asked again.
#[tokio::test]
async fn a_request_that_is_denied_leaves_nothing_and_can_be_repeated() -> Result<()> {
    let server = Server::new().await?;
    let mut romeo = Online::new(&server, "romeo").await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    romeo.heard().await?;
    juliet.heard().await?;
    for _ in 0..2 {
        romeo.say("subscribe", "juliet").await?;
        romeo.heard().await?;
        assert_eq!(juliet.heard().await?, ["subscribe romeo"]);
        // The same request again is not shown again.
        romeo.say("subscribe", "juliet").await?;
        romeo.heard().await?;
        assert_eq!(juliet.heard().await?, [""; 0]);
        juliet.say("unsubscribed", "romeo").await?;
        assert_eq!(juliet.heard().await?, [""; 0]);
        assert_eq!(
            romeo.heard().await?,
            ["unsubscribed juliet", "push juliet none"]
        );
        assert_eq!(juliet.roster().await?, [""; 0]);
    }
    server.stop().await
}

// seeds: H10
/// H10, §3.4: approved beforehand, a request is granted without a word to the user; withdrawn in silence.
#[tokio::test]
async fn a_request_that_was_approved_beforehand_is_granted_at_once() -> Result<()> {
    let server = Server::new().await?;
    let mut romeo = Online::new(&server, "romeo").await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    romeo.heard().await?;
    juliet.heard().await?;
    juliet.say("subscribed", "romeo").await?;
    assert_eq!(juliet.heard().await?, ["push romeo none approved"]);
    assert_eq!(romeo.heard().await?, [""; 0]);
    juliet.say("unsubscribed", "romeo").await?;
    assert_eq!(juliet.heard().await?, ["push romeo none"]);
    juliet.say("subscribed", "romeo").await?;
    juliet.heard().await?;

    romeo.say("subscribe", "juliet").await?;
    let heard = romeo.heard().await?;
    assert_eq!(
        heard,
        [
            "push juliet none ask",
            "subscribed juliet",
            "push juliet to",
            "available juliet/r"
        ]
    );
    assert_eq!(juliet.heard().await?, ["push romeo from approved"]);
    // Who sees already and asks is told so.
    romeo.say("subscribe", "juliet").await?;
    romeo.heard().await?;
    assert_eq!(juliet.heard().await?, [""; 0]);
    server.stop().await
}

// seeds: H11
/// H11, §3.1.3: a request waits outside the roster with all that it brought, over restarts and at each initial presence, until it
/// is answered; removing the item does not answer it.
#[tokio::test]
async fn a_request_waits_with_its_payload_until_it_is_answered() -> Result<()> {
    let mut server = Server::new().await?;
    server.account("juliet").await?;
    let mut romeo = Online::new(&server, "romeo").await?;
    romeo
        .client
        .send("<presence type='subscribe' to='juliet@localhost' id='req'><status>It is I</status><nick xmlns='urn:example:n'>R</nick></presence>")
        .await?;
    romeo.heard().await?;
    server.kill().await?;
    server.wait().await?;
    server.start_again().await?;
    for resource in ["one", "two"] {
        let mut juliet = Online::again(&server, "juliet", resource).await?;
        let request = juliet
            .client
            .wait_for("the request", |element| {
                element.attr("type") == Some("subscribe")
            })
            .await?;
        assert_eq!(request.attr("from"), Some("romeo@localhost"));
        assert_eq!(request.attr("id"), Some("req"));
        assert_eq!(request.child_text("status"), Some("It is I"));
        assert!(request.child("nick", "urn:example:n").is_some());
        juliet.set("<item jid='romeo@localhost' name='R'/>").await?;
        juliet
            .set("<item jid='romeo@localhost' subscription='remove'/>")
            .await?;
        juliet.client.close().await?;
    }
    let mut juliet = Online::again(&server, "juliet", "three").await?;
    juliet.heard().await?;
    juliet.say("subscribed", "romeo").await?;
    assert_eq!(juliet.heard().await?, ["push romeo from"]);
    let mut juliet = Online::again(&server, "juliet", "four").await?;
    assert!(
        juliet
            .heard()
            .await?
            .iter()
            .all(|line| !line.starts_with("subscribe"))
    );
    server.stop().await
}

/// A request that waits takes no more room than a request needs.
#[tokio::test]
async fn of_a_very_long_request_only_who_asks_is_kept() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut romeo = Online::new(&server, "romeo").await?;
    let status = "x".repeat(20_000);
    romeo
        .client
        .send(&format!(
            "<presence type='subscribe' to='juliet@localhost'><status>{status}</status></presence>"
        ))
        .await?;
    romeo.heard().await?;
    let mut juliet = Online::again(&server, "juliet", "r").await?;
    let request = juliet
        .client
        .wait_for("the request", |element| {
            element.attr("type") == Some("subscribe")
        })
        .await?;
    assert_eq!(request.attr("from"), Some("romeo@localhost"));
    assert!(request.children.is_empty(), "{request}");
    server.stop().await
}

/// More requests than a session's mailbox holds are shown all the same, and keep nobody out.
#[tokio::test]
async fn many_long_requests_keep_nobody_out() -> Result<()> {
    const ASKERS: usize = 100;
    let server = Server::new().await?;
    server.account("juliet").await?;
    let status = "x".repeat(15_000);
    for number in 0..ASKERS {
        let mut asker = Online::new(&server, &format!("u{number}")).await?;
        let request = format!(
            "<presence type='subscribe' to='juliet@localhost'><status>{status}</status></presence>"
        );
        asker.client.send(&request).await?;
        asker.heard().await?;
        asker.client.close().await?;
    }
    let mut juliet = Online::again(&server, "juliet", "r").await?;
    let heard = juliet.heard().await?;
    let requests = heard.iter().filter(|line| line.starts_with("subscribe "));
    assert_eq!(requests.count(), ASKERS);
    server.stop().await
}

/// §2.5.2: removing a contact ends what there was in both directions.
#[tokio::test]
async fn removing_a_contact_ends_both_subscriptions() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, mut juliet) = friends(&server).await?;
    juliet
        .set("<item jid='romeo@localhost' subscription='remove'/>")
        .await?;
    assert_eq!(
        juliet.heard().await?,
        ["push romeo remove", "unavailable romeo/r"]
    );
    let heard = romeo.heard().await?;
    assert_eq!(
        heard,
        [
            "unavailable juliet/r",
            "unsubscribe juliet",
            "push juliet to",
            "unsubscribed juliet",
            "push juliet none"
        ]
    );
    server.stop().await
}

// seeds: H23
/// H23: when an account is removed its subscriptions are cancelled both ways, and its requests withdrawn.
#[tokio::test]
async fn removing_an_account_cancels_its_subscriptions() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, mut juliet) = friends(&server).await?;
    let mut nurse = Online::new(&server, "nurse").await?;
    nurse.heard().await?;
    juliet.say("subscribe", "nurse").await?;
    juliet.heard().await?;
    assert_eq!(nurse.heard().await?, ["subscribe juliet"]);
    let removed = server.cli(&["user", "remove", "juliet@localhost"]).await?;
    assert_eq!(removed.code, Some(0), "{}", removed.stderr);
    assert_eq!(juliet.client.stream_error().await?, "not-authorized");
    let heard = romeo.heard().await?;
    assert!(
        heard.contains(&"unavailable juliet/r".to_owned()),
        "{heard:?}"
    );
    assert_eq!(romeo.roster().await?, ["juliet none"]);
    nurse.heard().await?;
    // Nothing waits any more: granting it is an approval for another time.
    nurse.say("subscribed", "juliet").await?;
    assert_eq!(nurse.heard().await?, ["push juliet none approved"]);
    server.stop().await
}

/// A kill while an account is removed leaves nothing between its contacts and whoever has the name next: they are told first, and the
/// account goes last.
#[tokio::test]
async fn a_removal_that_a_kill_interrupts_leaves_no_contact_behind() -> Result<()> {
    const ASKED: usize = 60;
    let user = |index: usize| format!("friend{index:02}");
    let mut server = Server::new().await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    for index in 0..ASKED {
        server.account(&user(index)).await?;
        juliet.say("subscribe", &user(index)).await?;
    }
    juliet.heard().await?;
    let mut first = Online::again(&server, &user(0), "r").await?;
    assert!(
        first
            .heard()
            .await?
            .contains(&"subscribe juliet".to_owned())
    );
    let killed = async {
        let told = |one: &Element| one.attr("type") == Some("unsubscribe");
        first.client.wait_for("the end", told).await?;
        server.signal(Signal::KILL)
    };
    let remove = ["user", "remove", "juliet@localhost"];
    let (_, killed) = tokio::join!(server.cli(&remove), killed);
    killed?;
    server.wait().await?;
    server.start_again().await?;
    let listed = server.cli(&["user", "list"]).await?;
    if listed.stdout.contains("juliet@localhost") {
        let removed = server.cli(&remove).await?;
        assert_eq!(removed.code, Some(0), "{}", removed.stderr);
    }
    for index in 0..ASKED {
        let mut friend = Online::again(&server, &user(index), "r").await?;
        let heard = friend.heard().await?;
        assert!(!heard.contains(&"subscribe juliet".to_owned()), "{index}");
    }
    server.stop().await
}

/// Nobody learns who exists: a request to nobody is kept as one that is not answered. A full address means the bare one.
#[tokio::test]
async fn requests_to_nobody_to_oneself_and_to_a_resource() -> Result<()> {
    let server = Server::new().await?;
    let mut romeo = Online::new(&server, "romeo").await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    romeo.heard().await?;
    juliet.heard().await?;
    romeo.say("subscribe", "nobody").await?;
    assert_eq!(romeo.heard().await?, ["push nobody none ask"]);
    romeo.say("subscribe", "romeo").await?;
    romeo.say("subscribe", "localhost").await?;
    assert_eq!(romeo.heard().await?, [""; 0]);
    romeo.say("subscribe", "juliet@localhost/r").await?;
    assert_eq!(romeo.heard().await?, ["push juliet none ask"]);
    assert_eq!(juliet.heard().await?, ["subscribe romeo"]);
    // Lesson of another server: an error must not leave a request in the roster.
    romeo.say("subscribe", "juliet@elsewhere.example").await?;
    assert_eq!(romeo.heard().await?, ["error juliet@elsewhere.example"]);
    assert_eq!(
        romeo.roster().await?,
        ["juliet none ask", "nobody none ask"]
    );
    befriend(&mut romeo, &mut juliet).await?;
    server.stop().await
}

/// Nobody learns who exists (RFC 6121 §8.5.1): what is said to an account that is not there is not answered, and does to the sender's own
/// roster what the tables of A.2 say, as when it is said to an account that is away.
#[tokio::test]
async fn words_to_nobody_change_only_the_roster_of_who_says_them() -> Result<()> {
    let server = Server::new().await?;
    server.account("nurse").await?;
    let mut romeo = Online::new(&server, "romeo").await?;
    romeo.heard().await?;
    for contact in ["nobody", "nobody@localhost/r", "nurse", "nurse@localhost/r"] {
        let user = contact.trim_end_matches("@localhost/r");
        for (word, item) in [
            // Without an item.
            ("unsubscribe", None),
            ("unsubscribed", None),
            ("subscribed", Some("none approved")),
            ("subscribed", None),
            ("unsubscribe", None),
            ("unsubscribed", Some("none")),
            ("unsubscribed", None),
            ("subscribe", Some("none ask")),
            ("subscribe", None),
            ("unsubscribed", None),
            ("subscribed", Some("none ask approved")),
            ("unsubscribed", Some("none ask")),
            ("unsubscribe", Some("none")),
            ("unsubscribe", None),
        ] {
            romeo.say(word, contact).await?;
            let push = item.map(|item| format!("push {user} {item}"));
            assert_eq!(
                romeo.heard().await?,
                Vec::from_iter(push),
                "{word} to {contact}"
            );
        }
        let item = format!("{user} none");
        assert_eq!(romeo.roster().await?, [item]);
        let remove = format!("<item jid='{user}@localhost' subscription='remove'/>");
        assert_eq!(romeo.set(&remove).await?, None);
        assert_eq!(romeo.heard().await?, [format!("push {user} remove")]);
    }
    server.stop().await
}

// seeds: H12
/// Two sessions say opposite things at once: whichever is last, both accounts take it for that.
#[tokio::test]
async fn words_said_at_once_leave_both_accounts_of_one_mind() -> Result<()> {
    let server = Server::new().await?;
    let mut one = Online::new(&server, "romeo").await?;
    let mut two = Online::again(&server, "romeo", "two").await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    for round in 0..40 {
        let (first, second) = (
            one.say("subscribe", "juliet"),
            two.say("unsubscribe", "juliet"),
        );
        tokio::try_join!(first, second)?;
        one.heard().await?;
        two.heard().await?;
        juliet.say("subscribed", "romeo").await?;
        juliet.heard().await?;
        let has = |roster: Vec<String>, item: &str| roster.iter().any(|one| one.starts_with(item));
        let sees = has(one.roster().await?, "juliet to");
        let is_seen = has(juliet.roster().await?, "romeo from");
        assert_eq!(sees, is_seen, "in round {round}");
        juliet.say("unsubscribed", "romeo").await?;
        juliet.heard().await?;
    }
    server.stop().await
}

/// A request and its denial cross: whatever the contact says after it has seen the request, both accounts take it for that.
#[tokio::test]
async fn words_that_cross_leave_both_accounts_of_one_mind() -> Result<()> {
    let server = Server::new().await?;
    let mut romeo = Online::new(&server, "romeo").await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    for round in 0..40 {
        let (asked, denied) = (
            romeo.say("subscribe", "juliet"),
            juliet.say("unsubscribed", "romeo"),
        );
        tokio::try_join!(asked, denied)?;
        romeo.heard().await?;
        juliet.heard().await?;
        juliet.say("subscribed", "romeo").await?;
        juliet.heard().await?;
        let has = |roster: Vec<String>, item: &str| roster.iter().any(|one| one.starts_with(item));
        let sees = has(romeo.roster().await?, "juliet to");
        let is_seen = has(juliet.roster().await?, "romeo from");
        assert_eq!(sees, is_seen, "in round {round}");
        juliet.say("unsubscribed", "romeo").await?;
        juliet.heard().await?;
        romeo.say("unsubscribe", "juliet").await?;
        romeo.heard().await?;
    }
    server.stop().await
}
