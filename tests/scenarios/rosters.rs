//! Plugins that keep rosters: the examples `everyone-roster`, `staff-roster` and `stored-roster`, and what becomes of a roster
//! when its provider fails, comes and goes. The tables of subscriptions are in `contacts/table`.

use anyhow::{Context, Result};
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Element, Login, Server, environment};

const ROSTER: &str = "jabber:iq:roster";

fn settings(example: &str, table: &str) -> Result<Settings> {
    let component = environment::guest(&format!("examples/{example}.wasm"))?;
    let config = format!("[plugin.{example}]\n{table}");
    Ok(Settings::new().plugin(&component, example).config(&config))
}

async fn server(example: &str, table: &str) -> Result<Server> {
    settings(example, table)?.start().await
}

const EVERYONE: &str =
    "grants = [\"roster-provider\", \"accounts\", \"roster\", \"account-events\"]";

async fn roster(client: &mut Client) -> Result<Vec<String>> {
    let answer = client
        .iq("get", "", &format!("<query xmlns='{ROSTER}'/>"))
        .await?;
    let query = answer.child("query", ROSTER).context("no roster")?;
    Ok(query.children.iter().map(item).collect())
}

fn item(item: &Element) -> String {
    let jid = item
        .attr("jid")
        .unwrap_or_default()
        .replace("@localhost", "");
    format!("{jid} {}", item.attr("subscription").unwrap_or("?"))
}

/// A user online who has asked for the roster, and what was in it.
async fn online(server: &Server, user: &str) -> Result<(Client, Vec<String>)> {
    let (mut client, _) = server.log_in(&Login::new(user).resource("r")).await?;
    let items = roster(&mut client).await?;
    client.send("<presence/>").await?;
    Ok((client, items))
}

async fn set(client: &mut Client, item: &str) -> Result<Option<String>> {
    let query = format!("<query xmlns='{ROSTER}'>{item}</query>");
    Ok(client.iq("set", "", &query).await?.stanza_error())
}

async fn pushed(client: &mut Client) -> Result<String> {
    let is_push = |one: &Element| {
        one.name == "iq" && one.child("query", ROSTER).is_some() && one.attr("type") == Some("set")
    };
    let push = client.wait_for("a push", is_push).await?;
    let query = push.child("query", ROSTER).context("a query")?;
    Ok(item(query.children.first().context("an item")?))
}

/// Waits for presence of a type from a full JID.
async fn seen(client: &mut Client, from: &str, kind: Option<&str>) -> Result<()> {
    client
        .wait_for(&format!("presence of {from}"), |one| {
            one.name == "presence" && one.attr("from") == Some(from) && one.attr("type") == kind
        })
        .await
        .map(drop)
}

// seeds: H13
#[tokio::test]
async fn everybody_sees_everybody_who_is_there_and_nobody_can_change_that() -> Result<()> {
    let server = server("everyone-roster", EVERYONE).await?;
    server.account("juliet").await?;
    server.account("romeo").await?;
    let (mut juliet, items) = online(&server, "juliet").await?;
    assert_eq!(items, ["romeo both"]);
    let (mut romeo, items) = online(&server, "romeo").await?;
    assert_eq!(items, ["juliet both"]);
    seen(&mut juliet, "romeo@localhost/r", None).await?;
    seen(&mut romeo, "juliet@localhost/r", None).await?;

    // Who registers appears at once, and is seen when it comes.
    server.account("nurse").await?;
    assert_eq!(pushed(&mut juliet).await?, "nurse both");
    assert_eq!(pushed(&mut romeo).await?, "nurse both");
    let (mut nurse, items) = online(&server, "nurse").await?;
    assert_eq!(items, ["juliet both", "romeo both"]);
    seen(&mut juliet, "nurse@localhost/r", None).await?;
    seen(&mut nurse, "juliet@localhost/r", None).await?;

    // A change is accepted, and answered by how it is.
    assert_eq!(
        set(&mut juliet, "<item jid='nurse@localhost' name='N'/>").await?,
        None
    );
    assert_eq!(pushed(&mut juliet).await?, "nurse both");
    assert_eq!(
        set(&mut juliet, "<item jid='paris@verona.example'/>").await?,
        None
    );
    assert_eq!(pushed(&mut juliet).await?, "paris@verona.example remove");
    let remove = "<item jid='nurse@localhost' subscription='remove'/>";
    assert_eq!(set(&mut juliet, remove).await?, None);
    assert_eq!(pushed(&mut juliet).await?, "nurse both");
    juliet
        .send("<presence type='unsubscribed' to='nurse@localhost'/>")
        .await?;
    assert_eq!(roster(&mut juliet).await?, ["nurse both", "romeo both"]);

    // A disabled account disappears until it is enabled again.
    for (command, shown) in [("disable", "nurse remove"), ("enable", "nurse both")] {
        let done = server.cli(&["user", command, "nurse@localhost"]).await?;
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        if command == "disable" {
            seen(&mut romeo, "nurse@localhost/r", Some("unavailable")).await?;
        }
        assert_eq!(pushed(&mut romeo).await?, shown);
    }
    let (_nurse, items) = online(&server, "nurse").await?;
    assert_eq!(items, ["juliet both", "romeo both"]);
    seen(&mut romeo, "nurse@localhost/r", None).await?;

    // Who is removed disappears.
    let removed = server.cli(&["user", "remove", "nurse@localhost"]).await?;
    assert_eq!(removed.code, Some(0), "{}", removed.stderr);
    seen(&mut romeo, "nurse@localhost/r", Some("unavailable")).await?;
    assert_eq!(pushed(&mut romeo).await?, "nurse remove");
    assert_eq!(roster(&mut juliet).await?, ["romeo both"]);
    server.stop().await
}

// seeds: H13
#[tokio::test]
async fn every_user_has_the_staff_at_its_own_host_alone() -> Result<()> {
    let table = "grants = [\"roster-provider\", \"accounts\", \"roster\", \"account-events\"]\n\
        config.members = [\"juliet\", \"nurse\"]\n\
        [[host]]\ndomain = \"other.localhost\"\n\
        [host.plugin.staff-roster]\nprovider = false";
    let server = server("staff-roster", table).await?;
    for user in ["juliet", "nurse", "romeo"] {
        server.account(user).await?;
    }
    server.account_at("juliet", "other.localhost").await?;
    let (mut juliet, items) = online(&server, "juliet").await?;
    assert_eq!(items, ["nurse both", "romeo from"]);
    let (_nurse, items) = online(&server, "nurse").await?;
    assert_eq!(items, ["juliet both", "romeo from"]);
    seen(&mut juliet, "nurse@localhost/r", None).await?;
    let (mut romeo, items) = online(&server, "romeo").await?;
    assert_eq!(items, ["juliet to", "nurse to"]);
    seen(&mut romeo, "juliet@localhost/r", None).await?;
    seen(&mut romeo, "nurse@localhost/r", None).await?;
    // A user who registers later has the staff, and the staff is told of the new contact.
    server.account("tybalt").await?;
    assert_eq!(pushed(&mut juliet).await?, "tybalt from");
    let (_tybalt, items) = online(&server, "tybalt").await?;
    assert_eq!(items, ["juliet to", "nurse to"]);
    // The other host keeps its own rosters.
    let elsewhere = Login {
        domain: "other.localhost".to_owned(),
        ..Login::new("juliet")
    };
    let (mut other, _) = server.log_in(&elsewhere).await?;
    assert_eq!(
        set(&mut other, "<item jid='tutor@localhost'/>").await?,
        None
    );
    assert_eq!(roster(&mut other).await?, ["tutor none"]);
    server.stop().await
}

// seeds: P15
/// A provider serves while it is enabled; then the server's own rosters do, which are as they were.
#[tokio::test]
async fn the_servers_own_rosters_serve_again_when_the_provider_goes() -> Result<()> {
    let server = server(
        "staff-roster",
        "grants = [\"roster-provider\", \"accounts\", \"roster\"]\nconfig.members = [\"juliet\", \"nurse\"]\nenabled = true",
    )
    .await?;
    server.account("juliet").await?;
    server.account("nurse").await?;
    let off = server.cli(&["plugin", "disable", "staff-roster"]).await?;
    assert_eq!(off.code, Some(0), "{}", off.stderr);
    let (mut juliet, items) = online(&server, "juliet").await?;
    assert_eq!(items, [""; 0]);
    assert_eq!(
        set(&mut juliet, "<item jid='tutor@localhost'/>").await?,
        None
    );
    let (mut nurse, _) = online(&server, "nurse").await?;

    let on = server.cli(&["plugin", "enable", "staff-roster"]).await?;
    assert_eq!(on.code, Some(0), "{}", on.stderr);
    assert_eq!(roster(&mut juliet).await?, ["nurse both"]);
    // Who sees whom has changed with it, for those who were online: once the server has read the rosters again.
    for _ in 0..200 {
        nurse.send("<presence><show>away</show></presence>").await?;
        nurse
            .send("<iq type='get' id='behind' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
            .await?;
        nurse
            .wait_for("the answer", |one| one.attr("id") == Some("behind"))
            .await?;
        juliet
            .send("<iq type='get' id='behind' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
            .await?;
        let next = juliet
            .wait_for("presence or the answer", |one| {
                one.attr("id") == Some("behind") || one.attr("from") == Some("nurse@localhost/r")
            })
            .await?;
        if next.name == "presence" {
            break;
        }
    }
    seen(&mut nurse, "nurse@localhost/r", None).await?;
    let off = server.cli(&["plugin", "disable", "staff-roster"]).await?;
    assert_eq!(off.code, Some(0), "{}", off.stderr);
    assert_eq!(roster(&mut juliet).await?, ["tutor none"]);
    server.stop().await
}

// seeds: H6
/// A provider that cannot tell, traps or has no grant to keep anything gives an error of type wait, and
/// nothing has changed.
#[tokio::test]
async fn a_provider_that_fails_changes_nothing_and_says_so() -> Result<()> {
    // Without the grant `storage` it can neither read nor write.
    let server = server("stored-roster", "grants = [\"roster-provider\"]").await?;
    server.account("romeo").await?;
    server.account("juliet").await?;
    let (mut juliet, _) = server.log_in(&Login::new("juliet").resource("r")).await?;
    let wait = Some("wait/internal-server-error");
    let get = format!("<query xmlns='{ROSTER}'/>");
    let answer = juliet.iq("get", "", &get).await?;
    assert_eq!(answer.stanza_error().as_deref(), wait);
    let answer = set(&mut juliet, "<item jid='romeo@localhost'/>").await?;
    assert_eq!(answer.as_deref(), wait);
    for kind in ["subscribe", "subscribed", "unsubscribe", "unsubscribed"] {
        juliet
            .send(&format!(
                "<presence type='{kind}' to='romeo@localhost' id='w'/>"
            ))
            .await?;
        let error = juliet
            .wait_for("the error", |one| one.attr("id") == Some("w"))
            .await?;
        assert_eq!(error.stanza_error().as_deref(), wait, "{kind}");
    }
    // Nobody is shown anything that nobody can tell whether they may see.
    juliet.send("<presence id='p'/>").await?;
    let error = juliet
        .wait_for("the error", |one| one.attr("id") == Some("p"))
        .await?;
    assert_eq!(error.stanza_error().as_deref(), wait);
    server.stop().await
}

// seeds: H8
/// A contact that may not be asked for presence is not found, and the roster stays as it
/// was.
#[tokio::test]
async fn a_contact_that_may_not_be_asked_leaves_the_roster_as_it_was() -> Result<()> {
    let component = environment::guest("fixtures/decides-logins.wasm")?;
    let settings = Settings::new().plugin(&component, "decides-logins");
    let grant = "[plugin.decides-logins]\ngrants = [\"auth-provider\"]";
    let server = settings.config(grant).start().await?;
    let login = Login::new("juliet").password("of-juliet").resource("r");
    let (mut juliet, _) = server.log_in(&login).await?;
    assert_eq!(roster(&mut juliet).await?, [""; 0]);
    for (contact, error) in [
        ("nobody@localhost", "item-not-found"),
        ("trap@localhost", "internal-server-error"),
    ] {
        let subscribe = format!("<presence type='subscribe' to='{contact}' id='s'/>");
        juliet.send(&subscribe).await?;
        let answer = juliet.wait_for("the error", |one| one.attr("id") == Some("s"));
        let answer = answer.await?.stanza_error().context("no error")?;
        assert_eq!(answer.split('/').next_back(), Some(error), "{contact}");
        assert_eq!(roster(&mut juliet).await?, [""; 0], "{contact}");
    }
    server.stop().await
}
