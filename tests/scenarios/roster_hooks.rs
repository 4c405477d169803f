//! Plugins that judge what users do with their rosters, whoever keeps these. The fixture `roster-hook` goes by the names of those
//! whom it is about.

use anyhow::{Context, Result};
use waxwing_tests::{Server, environment};

use crate::contacts::table::Keeper;
use crate::contacts::{Online, ROSTER};

const WAIT: &str = "wait/internal-server-error";

async fn server(keeper: Keeper, grants: &str) -> Result<Server> {
    let component = environment::guest("fixtures/roster-hook.wasm")?;
    let config = format!("[plugin.roster-hook]\ngrants = {grants}");
    let settings = keeper.settings()?.plugin(&component, "roster-hook");
    settings.config(&config).start().await
}

async fn hooked(keeper: Keeper) -> Result<Server> {
    server(keeper, "[\"roster-hook\", \"roster\"]").await
}

/// What has come of the roster's changes, without presence.
async fn pushes(online: &mut Online) -> Result<Vec<String>> {
    let mut heard = online.heard().await?;
    heard.retain(|line| line.starts_with("push "));
    Ok(heard)
}

/// Sets an item, and gives what was pushed then.
async fn set(online: &mut Online, item: &str) -> Result<Vec<String>> {
    assert_eq!(online.set(item).await?, None, "{item}");
    pushes(online).await
}

fn none() -> Vec<String> {
    Vec::new()
}

async fn view(keeper: Keeper) -> Result<()> {
    let server = hooked(keeper).await?;
    let mut secret = Online::new(&server, "secret").await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    assert_eq!(juliet.roster().await?, ["help none 'Help'"]);
    pushes(&mut juliet).await?;
    // A push shows what a get would, and nothing of what it hides.
    assert_eq!(
        set(&mut juliet, "<item jid='titled@localhost' name='Bob'/>").await?,
        ["push titled none 'Doctor' [Titled]"]
    );
    assert_eq!(
        set(&mut juliet, "<item jid='meddled@localhost'/>").await?,
        ["push meddled none 'refused'"]
    );
    assert_eq!(
        set(&mut juliet, "<item jid='secret@localhost'/>").await?,
        none()
    );
    let plain = "<item jid='rosa@localhost'/>";
    assert_eq!(set(&mut juliet, plain).await?, ["push rosa none"]);
    // It is hidden now from those who were shown it, and shown again.
    let hidden = "<item jid='rosa@localhost'><group>Secret</group></item>";
    assert_eq!(set(&mut juliet, hidden).await?, ["push rosa remove"]);
    assert_eq!(set(&mut juliet, hidden).await?, none());
    assert_eq!(
        juliet.roster().await?,
        [
            "meddled none 'refused'",
            "titled none 'Doctor' [Titled]",
            "help none 'Help'"
        ]
    );
    assert_eq!(set(&mut juliet, plain).await?, ["push rosa none"]);
    // A view has no version.
    let answer = juliet
        .client
        .iq("get", "", &format!("<query xmlns='{ROSTER}' ver=''/>"))
        .await?;
    let query = answer.child("query", ROSTER).context("no roster")?;
    assert_eq!(query.attr("ver"), None);

    // Who sees whom follows from what is kept.
    secret.say("subscribe", "juliet").await?;
    secret.heard().await?;
    juliet.say("subscribed", "secret").await?;
    assert_eq!(pushes(&mut juliet).await?, none());
    let heard = secret.heard().await?;
    assert!(
        heard.contains(&"available juliet/r".to_owned()),
        "{heard:?}"
    );

    // It fails closed: nobody is shown what could not be judged, and a client is told why it gets nothing.
    assert_eq!(
        set(&mut juliet, "<item jid='trap@localhost'/>").await?,
        none()
    );
    let get = format!("<query xmlns='{ROSTER}'/>");
    let answer = juliet.client.iq("get", "", &get).await?;
    assert_eq!(answer.stanza_error().as_deref(), Some(WAIT));
    let gone = "<item jid='trap@localhost' subscription='remove'/>";
    assert_eq!(set(&mut juliet, gone).await?, none());
    assert_eq!(juliet.roster().await?.len(), 4);
    server.stop().await
}

async fn sets(keeper: Keeper) -> Result<()> {
    let server = hooked(keeper).await?;
    let mut nurse = Online::new(&server, "nurse").await?;
    pushes(&mut nurse).await?;
    let item = |name: &str| format!("<item jid='rosa@localhost' name='{name}'/>");
    assert_eq!(
        nurse.set(&item("deny")).await?.as_deref(),
        Some("modify/not-acceptable")
    );
    for name in ["trap", "wrong"] {
        assert_eq!(
            nurse.set(&item(name)).await?.as_deref(),
            Some(WAIT),
            "{name}"
        );
    }
    assert_eq!(nurse.roster().await?, none());
    // What was made of it is told, also where that changes nothing.
    for _ in 0..2 {
        let pushed = set(&mut nurse, &item("change")).await?;
        assert_eq!(pushed, ["push rosa none 'Changed' [Hooked]"]);
    }
    let remove = |jid: &str| format!("<item jid='{jid}@localhost' subscription='remove'/>");
    for jid in ["kept", "fragile"] {
        nurse.set(&format!("<item jid='{jid}@localhost'/>")).await?;
    }
    assert_eq!(
        nurse.set(&remove("kept")).await?.as_deref(),
        Some("auth/forbidden")
    );
    // Removals fail open.
    assert_eq!(nurse.set(&remove("fragile")).await?, None);
    assert_eq!(nurse.set(&remove("rosa")).await?, None);
    assert_eq!(nurse.roster().await?, ["kept none"]);
    server.stop().await
}

async fn words(keeper: Keeper) -> Result<()> {
    let server = hooked(keeper).await?;
    let mut nurse = Online::new(&server, "nurse").await?;
    nurse.heard().await?;
    for user in ["silent", "barred", "fragile", "deaf", "brittle"] {
        server.account(user).await?;
    }
    // At the user's side nothing has come of what was not said.
    nurse.say("subscribe", "silent").await?;
    assert_eq!(nurse.heard().await?, none());
    for (contact, error) in [("barred", "modify/policy-violation"), ("fragile", WAIT)] {
        nurse.say("subscribe", contact).await?;
        let answer = nurse
            .client
            .wait_for("the error", |one| one.attr("type") == Some("error"))
            .await?;
        assert_eq!(answer.stanza_error().as_deref(), Some(error), "{contact}");
    }
    assert_eq!(nurse.roster().await?, none());
    // At the contact's side nobody hears of it, and who asked waits for an answer.
    nurse.say("subscribe", "deaf").await?;
    assert_eq!(nurse.heard().await?, ["push deaf none ask"]);
    nurse.say("subscribe", "brittle").await?;
    assert_eq!(
        nurse.heard().await?,
        ["push brittle none ask", "error brittle"]
    );
    for user in ["silent", "barred", "fragile", "deaf", "brittle"] {
        let mut contact = Online::again(&server, user, "r").await?;
        let heard = contact.heard_of_others(user).await?;
        assert_eq!(heard, none(), "{user}");
    }
    // Other words are none of its business at that side.
    nurse.say("unsubscribe", "deaf").await?;
    assert_eq!(nurse.heard().await?, ["push deaf none"]);
    assert!(!server.has_panicked());
    server.stop().await
}

#[tokio::test]
async fn clients_are_shown_of_native_rosters_what_a_hook_shows_them() -> Result<()> {
    view(Keeper::Native).await
}

#[tokio::test]
async fn clients_are_shown_of_provided_rosters_what_a_hook_shows_them() -> Result<()> {
    view(Keeper::Stored).await
}

#[tokio::test]
async fn a_hook_passes_changes_and_denies_sets_of_native_rosters() -> Result<()> {
    sets(Keeper::Native).await
}

#[tokio::test]
async fn a_hook_passes_changes_and_denies_sets_of_provided_rosters() -> Result<()> {
    sets(Keeper::Stored).await
}

#[tokio::test]
async fn a_hook_decides_which_words_reach_native_rosters() -> Result<()> {
    words(Keeper::Native).await
}

#[tokio::test]
async fn a_hook_decides_which_words_reach_provided_rosters() -> Result<()> {
    words(Keeper::Stored).await
}

#[tokio::test]
async fn a_roster_hook_needs_its_grant() -> Result<()> {
    let server = server(Keeper::Native, "[\"roster\"]").await?;
    server.account("barred").await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    juliet.heard().await?;
    let item = "<item jid='secret@localhost' name='deny'/>";
    assert_eq!(set(&mut juliet, item).await?, ["push secret none 'deny'"]);
    juliet.say("subscribe", "barred").await?;
    assert_eq!(juliet.heard().await?, ["push barred none ask"]);
    let roster = ["barred none ask", "secret none 'deny'"];
    assert_eq!(juliet.roster().await?, roster);
    server.stop().await
}
