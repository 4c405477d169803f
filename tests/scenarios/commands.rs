//! Ad-hoc commands (XEP-0050), by the example `poll-command`: a dialogue whose state outlives the instance that began it.

use anyhow::Result;
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Element, environment};

const COMMANDS: &str = "http://jabber.org/protocol/commands";
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
