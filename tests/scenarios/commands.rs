//! Ad-hoc commands (XEP-0050), by the example `poll-command`: a dialogue whose state outlives the instance that began it.

use anyhow::Result;
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Element, environment};

const COMMANDS: &str = "http://jabber.org/protocol/commands";
const ITEMS: &str = "http://jabber.org/protocol/disco#items";
const INFO: &str = "http://jabber.org/protocol/disco#info";
const GRANT: &str = "[plugin.poll-command]\ngrants = [\"iq-handler\"]";

async fn command(client: &mut Client, attributes: &str, payload: &str) -> Result<Element> {
    let command =
        format!("<command xmlns='{COMMANDS}' node='poll' {attributes}>{payload}</command>");
    client.iq("set", "localhost", &command).await
}

fn choice(answer: &str) -> String {
    format!(
        "<x xmlns='jabber:x:data' type='submit'><field var='answer'><value>{answer}</value></field></x>"
    )
}

// seeds: P17
/// P17: next, prev, complete and cancel; ids that nobody guesses or steals.
#[tokio::test]
async fn a_dialogue_is_the_callers_alone() -> Result<()> {
    let server = Settings::new()
        .config(GRANT)
        .plugin(
            &environment::guest("examples/poll-command.wasm")?,
            "poll-command",
        )
        .start()
        .await?;
    let (mut juliet, _) = server.session("juliet").await?;
    let (mut romeo, _) = server.session("romeo").await?;

    let begun = command(&mut juliet, "action='execute'", "").await?;
    let page = begun.child("command", COMMANDS).expect("a page");
    assert_eq!(page.attr("status"), Some("executing"), "{begun}");
    let session = format!("sessionid='{}'", page.attr("sessionid").unwrap_or_default());

    // Romeo has got hold of the id.
    let stolen = format!("{session} action='next'");
    let refused = command(&mut romeo, &stolen, &choice("Coffee")).await?;
    let error = refused.child("error", "jabber:client").expect("an error");
    assert!(
        error.child("bad-sessionid", COMMANDS).is_some(),
        "{refused}"
    );

    let next = command(&mut juliet, &stolen, &choice("Tea")).await?;
    let page = next.child("command", COMMANDS).expect("a page");
    assert_eq!(page.attr("status"), Some("executing"), "{next}");
    let done = command(&mut juliet, &format!("{session} action='complete'"), "").await?;
    let page = done.child("command", COMMANDS).expect("a page");
    assert_eq!(page.attr("status"), Some("completed"), "{done}");
    server.stop().await
}

// seeds: P16, P17
/// Discovery lists the commands of all plugins, each request reaches its own plugin, and all is gone with the plugin
#[tokio::test]
async fn discovery_lists_the_commands_of_the_plugins_that_serve() -> Result<()> {
    let file = "examples/poll-command.wasm";
    let server = Settings::new()
        .config(GRANT)
        .plugin(&environment::guest(file)?, "poll-command")
        .start()
        .await?;
    let (mut juliet, _) = server.session("juliet").await?;
    let items = format!("<query xmlns='{ITEMS}' node='{COMMANDS}'/>");
    let listed = juliet.iq("get", "localhost", &items).await?;
    let query = listed.child("query", ITEMS).expect("items");
    let nodes: Vec<_> = query
        .children
        .iter()
        .filter_map(|item| item.attr("node"))
        .collect();
    assert_eq!(nodes, ["poll"], "{listed}");
    let info = format!("<query xmlns='{INFO}' node='poll'/>");
    let told = juliet.iq("get", "localhost", &info).await?;
    let query = told.child("query", INFO).expect("information");
    assert_eq!(
        query.children[0].attr("type"),
        Some("command-node"),
        "{told}"
    );
    let unknown = format!("<command xmlns='{COMMANDS}' node='other' action='execute'/>");
    let refused = juliet.iq("set", "localhost", &unknown).await?;
    assert_eq!(
        refused.stanza_error().as_deref(),
        Some("cancel/item-not-found")
    );

    std::fs::remove_file(server.plugins().join("poll-command.wasm"))?;
    server.wait_for_log("unloaded").await?;
    for request in [items, info] {
        let gone = juliet.iq("get", "localhost", &request).await?;
        assert_eq!(
            gone.stanza_error().as_deref(),
            Some("cancel/item-not-found"),
            "{request}"
        );
    }
    server.stop().await
}

/// Checklist P5: disabled, a plugin has no commands, and the dialogue that was under way has ended; enabled, it has them again.
#[tokio::test]
async fn disabling_a_plugin_takes_its_commands_away() -> Result<()> {
    let server = Settings::new()
        .config(GRANT)
        .plugin(
            &environment::guest("examples/poll-command.wasm")?,
            "poll-command",
        )
        .start()
        .await?;
    let (mut juliet, _) = server.session("juliet").await?;
    let items = format!("<query xmlns='{ITEMS}' node='{COMMANDS}'/>");
    let begun = command(&mut juliet, "action='execute'", "").await?;
    let page = begun.child("command", COMMANDS).expect("a page");
    let session = page.attr("sessionid").unwrap_or_default().to_owned();
    let disabled = server.cli(&["plugin", "disable", "poll-command"]).await?;
    assert_eq!(disabled.code, Some(0), "{}", disabled.stderr);

    let gone = juliet.iq("get", "localhost", &items).await?;
    assert_eq!(
        gone.stanza_error().as_deref(),
        Some("cancel/item-not-found")
    );
    let next = format!("sessionid='{session}' action='next'");
    for attributes in ["action='execute'", &next] {
        let refused = command(&mut juliet, attributes, &choice("Tea")).await?;
        assert_eq!(
            refused.stanza_error().as_deref(),
            Some("cancel/item-not-found"),
            "{refused}"
        );
    }

    let enabled = server.cli(&["plugin", "enable", "poll-command"]).await?;
    assert_eq!(enabled.code, Some(0), "{}", enabled.stderr);
    let listed = juliet.iq("get", "localhost", &items).await?;
    assert_eq!(listed.attr("type"), Some("result"), "{listed}");
    let begun = command(&mut juliet, "action='execute'", "").await?;
    assert_eq!(begun.attr("type"), Some("result"), "{begun}");
    server.stop().await
}

/// The condition of the error that a command is answered with.
fn refusal(answer: &Element) -> Option<String> {
    answer.stanza_error()
}

/// `admins` of the domain decides, compared as addresses are, and SIGHUP changes it without a restart or a reload.
#[tokio::test]
async fn a_command_for_administrators_follows_the_configuration() -> Result<()> {
    let server = Settings::new()
        .config(&format!(
            "{GRANT}\n[plugin.poll-command.config]\nadmins_only = true"
        ))
        .plugin(
            &environment::guest("examples/poll-command.wasm")?,
            "poll-command",
        )
        .start()
        .await?;
    let (mut juliet, _) = server.session("juliet").await?;
    let (mut strasse, _) = server.session("strasse").await?;
    let forbidden =
        |answer: &Element| refusal(answer).is_some_and(|error| error.contains("forbidden"));
    for client in [&mut juliet, &mut strasse] {
        let refused = command(client, "action='execute'", "").await?;
        assert!(forbidden(&refused), "{refused}");
    }

    // Nodeprep makes one of both spellings.
    let config = std::fs::read_to_string(server.config_file())?;
    let host = "domain = \"localhost\"";
    let with = |admin: &str| config.replacen(host, &format!("{host}\nadmins = [\"{admin}\"]"), 1);
    std::fs::write(server.config_file(), with("Stra\u{df}e@LOCALHOST"))?;
    server.signal(rustix::process::Signal::HUP)?;
    server.wait_for_log("certificate reloaded").await?;
    let begun = command(&mut strasse, "action='execute'", "").await?;
    assert!(begun.child("command", COMMANDS).is_some(), "{begun}");
    let refused = command(&mut juliet, "action='execute'", "").await?;
    assert!(forbidden(&refused), "{refused}");

    // A dialogue ends with the right to it.
    std::fs::write(server.config_file(), with("juliet@localhost"))?;
    server.signal(rustix::process::Signal::HUP)?;
    waxwing_tests::server::wait_until(|| server.log().matches("certificate reloaded").count() == 2)
        .await?;
    let begun = command(&mut juliet, "action='execute'", "").await?;
    assert!(begun.child("command", COMMANDS).is_some(), "{begun}");
    let refused = command(&mut strasse, "action='execute'", "").await?;
    assert!(forbidden(&refused), "{refused}");
    server.stop().await
}
