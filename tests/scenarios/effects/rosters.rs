//! The import `roster`: rosters read, and changed as their users could. `changed`, which is for providers, is in `rosters`.

use anyhow::{Context, Result};
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Element, Server, environment};

use super::{act, failing, server, step};

const ROSTER: &str = "jabber:iq:roster";

/// A user who has asked for the roster, and is available.
async fn online(server: &Server, user: &str) -> Result<Client> {
    let (mut client, _) = server.session(user).await?;
    let get = format!("<query xmlns='{ROSTER}'/>");
    client.iq("get", "", &get).await?;
    client.send("<presence/>").await?;
    Ok(client)
}

fn is_push(element: &Element) -> bool {
    element.attr("type") == Some("set") && element.child("query", ROSTER).is_some()
}

async fn pushed(client: &mut Client) -> Result<String> {
    let push = client.wait_for("a push", is_push).await?;
    let query = push.child("query", ROSTER).context("a query")?;
    let item = query.children.first().context("an item")?;
    let parts = ["jid", "subscription", "name"].map(|name| item.attr(name).unwrap_or("-"));
    let groups = item.children.iter().map(|group| group.text.as_str());
    Ok(parts
        .into_iter()
        .chain(groups)
        .collect::<Vec<_>>()
        .join(" "))
}

const CONTACTS: &str = "<contacts of='juliet@localhost'/>";
const NURSE: &str =
    "<contact of='juliet@localhost' about='nurse@localhost' name='Nurse' group='Servants'/>";

#[tokio::test]
async fn rosters_are_read_and_changed_as_their_users_could() -> Result<()> {
    let server = server().await?;
    let mut juliet = online(&server, "juliet").await?;
    let mut romeo = online(&server, "romeo").await?;
    assert_eq!(step(&mut romeo, CONTACTS).await?, "");
    // A change is an effect: what the call reads is what was there before it.
    assert_eq!(
        act(&mut romeo, &format!("{NURSE}{CONTACTS}")).await?,
        ["", ""]
    );
    let push = pushed(&mut juliet).await?;
    assert_eq!(push, "nurse@localhost none Nurse Servants");
    assert_eq!(
        step(&mut romeo, CONTACTS).await?,
        "nurse@localhost Nurse Servants"
    );
    // It has not happened where the call traps.
    let remove = "<uncontact of='juliet@localhost' about='nurse@localhost'/>";
    let error = failing(&mut romeo, &format!("{remove}<trap/>")).await?;
    assert_eq!(error, "wait/internal-server-error");
    assert_eq!(
        step(&mut romeo, CONTACTS).await?,
        "nurse@localhost Nurse Servants"
    );
    assert_eq!(step(&mut romeo, remove).await?, "");
    assert_eq!(pushed(&mut juliet).await?, "nurse@localhost remove -");
    assert_eq!(step(&mut romeo, CONTACTS).await?, "");

    // A removal ends what there was between the two.
    let subscribe = "<presence type='subscribe' to='romeo@localhost'/>";
    juliet.send(subscribe).await?;
    let is_request = |one: &Element| one.attr("type") == Some("subscribe");
    romeo.wait_for("the request", is_request).await?;
    let grant = "<presence type='subscribed' to='juliet@localhost'/>";
    romeo.send(grant).await?;
    let remove = "<uncontact of='juliet@localhost' about='romeo@localhost'/>";
    assert_eq!(step(&mut romeo, remove).await?, "");
    let is_end = |one: &Element| one.attr("type") == Some("unsubscribe");
    romeo.wait_for("the end of it", is_end).await?;
    server.stop().await
}

#[tokio::test]
async fn what_cannot_be_done_to_a_roster_is_said_by_name() -> Result<()> {
    let server = server().await?;
    let mut juliet = online(&server, "juliet").await?;
    let long = "x".repeat(513);
    for (done, error) in [
        (
            "<contacts of='juliet@verona.example'/>".to_owned(),
            "invalid-address",
        ),
        ("<contacts of='localhost'/>".to_owned(), "invalid-address"),
        (
            "<contacts of='nobody@localhost'/>".to_owned(),
            "unavailable",
        ),
        (
            "<contact of='juliet@localhost' about='@'/>".to_owned(),
            "invalid-address",
        ),
        (
            format!("<contact of='juliet@localhost' about='a@localhost' name='{long}'/>"),
            "invalid",
        ),
        (
            "<contact of='juliet@localhost' about='a@localhost' times='65'/>".to_owned(),
            "invalid",
        ),
        (
            "<uncontact of='juliet@verona.example' about='a@localhost'/>".to_owned(),
            "invalid-address",
        ),
        (
            "<changed of='juliet@verona.example' about='a@localhost'/>".to_owned(),
            "invalid-address",
        ),
    ] {
        let said = step(&mut juliet, &done).await?;
        assert!(
            said.starts_with('!') && said.contains(&format!("\"{error}\"")),
            "{done}: {said}"
        );
    }
    server.stop().await?;

    let component = environment::guest("fixtures/actor.wasm")?;
    let settings = Settings::new().plugin(&component, "actor");
    let ungranted = "[plugin.actor]\ngrants = [\"iq-handler\"]";
    let server = settings.config(ungranted).start().await?;
    let mut juliet = online(&server, "juliet").await?;
    let all = format!(
        "{CONTACTS}{NURSE}<uncontact of='juliet@localhost' about='nurse@localhost'/>\
         <changed of='juliet@localhost' about='nurse@localhost'/>"
    );
    for said in act(&mut juliet, &all).await? {
        assert!(said.contains("\"not-granted\""), "{said}");
    }
    server.stop().await
}
