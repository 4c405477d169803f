//! What contacts hear of each other's resources (RFC 6121 §4).

use anyhow::Result;
use waxwing_tests::Server;

use super::{Online, friends};

/// §4.2, §4.4, §4.5: who comes, changes and goes is seen by those who may, from each resource; the newcomer sees them.
#[tokio::test]
async fn contacts_hear_of_each_other_coming_and_going() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, mut juliet) = friends(&server).await?;
    let mut chamber = Online::again(&server, "juliet", "chamber").await?;
    let heard = chamber.heard_of_others("juliet").await?;
    assert_eq!(heard, ["available romeo/r"]);
    assert_eq!(romeo.heard().await?, ["available juliet/chamber"]);
    chamber
        .client
        .send("<presence type='unavailable'><status>bye</status></presence>")
        .await?;
    chamber.heard().await?;
    assert_eq!(romeo.heard().await?, ["unavailable juliet/chamber"]);
    // Cut off without a word.
    drop(juliet);
    let gone = romeo
        .client
        .wait_for("that juliet is gone", |element| {
            element.attr("type") == Some("unavailable")
        })
        .await?;
    assert_eq!(gone.attr("from"), Some("juliet@localhost/r"));
    assert_eq!(gone.attr("to"), Some("romeo@localhost"));
    juliet = Online::again(&server, "juliet", "r").await?;
    assert!(
        juliet
            .heard()
            .await?
            .contains(&"available romeo/r".to_owned())
    );
    assert_eq!(romeo.heard().await?, ["available juliet/r"]);
    server.stop().await
}

/// More presence of contacts than a session's mailbox holds is given all the same, and keeps nobody out.
#[tokio::test]
async fn much_presence_of_contacts_keeps_nobody_out() -> Result<()> {
    const CONTACTS: usize = 30;
    let server = Server::new().await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    let status = "x".repeat(50_000);
    let mut contacts = Vec::new();
    for number in 0..CONTACTS {
        let user = format!("u{number}");
        let mut contact = Online::new(&server, &user).await?;
        contact.say("subscribed", "juliet").await?;
        contact.heard().await?;
        juliet.say("subscribe", &user).await?;
        juliet.heard().await?;
        let presence = format!("<presence><status>{status}</status></presence>");
        contact.client.send(&presence).await?;
        contact.heard().await?;
        juliet.heard().await?;
        contacts.push(contact);
    }
    juliet.client.close().await?;
    let mut juliet = Online::again(&server, "juliet", "again").await?;
    let heard = juliet.heard().await?;
    let seen = heard.iter().filter(|line| line.starts_with("available u"));
    assert_eq!(seen.count(), CONTACTS);
    server.stop().await
}

// seeds: N4
/// N4: a stranger who probes hears that it is not subscribed, and nothing else; a contact hears what was last said.
#[tokio::test]
async fn only_those_who_may_see_are_answered_a_probe() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, mut juliet) = friends(&server).await?;
    let mut nurse = Online::new(&server, "nurse").await?;
    nurse.heard().await?;
    romeo.heard().await?;
    juliet.heard().await?;
    nurse.say("probe", "juliet").await?;
    nurse.say("probe", "nobody").await?;
    assert_eq!(
        nurse.heard().await?,
        ["unsubscribed juliet", "unsubscribed nobody"]
    );
    romeo.say("probe", "juliet").await?;
    assert_eq!(romeo.heard().await?, ["available juliet/r"]);
    romeo.say("probe", "juliet@localhost/elsewhere").await?;
    assert_eq!(romeo.heard().await?, [""; 0]);
    assert_eq!(juliet.heard().await?, [""; 0], "nobody is bothered by it");
    server.stop().await
}

// seeds: H21
/// H21, §4.6.3: directed presence is taken back when the session ends; who is subscribed hears of the end once.
#[tokio::test]
async fn directed_presence_is_taken_back_and_nobody_hears_twice() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, mut juliet) = friends(&server).await?;
    let mut nurse = Online::new(&server, "nurse").await?;
    nurse.heard().await?;
    for to in ["nurse", "romeo"] {
        juliet
            .client
            .send(&format!("<presence to='{to}@localhost'/>"))
            .await?;
    }
    juliet.heard().await?;
    assert_eq!(
        nurse.heard_of_others("nurse").await?,
        ["available juliet/r"]
    );
    assert_eq!(romeo.heard().await?, ["available juliet/r"]);
    juliet.client.send("<presence type='unavailable'/>").await?;
    juliet.heard().await?;
    assert_eq!(nurse.heard().await?, ["unavailable juliet/r"]);
    assert_eq!(romeo.heard().await?, ["unavailable juliet/r"]);
    server.stop().await
}
