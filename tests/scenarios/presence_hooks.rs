//! Plugins that judge what sessions say of themselves. The fixture `presence-hook` does what the first word of a status says.

use anyhow::{Context, Result};
use waxwing_tests::server::Settings;
use waxwing_tests::{Element, Server, environment};

use crate::contacts::{Online, friends, line};

const GRANTED: &str = "[\"presence\", \"router\"]";

async fn server(grants: &str) -> Result<Server> {
    let component = environment::guest("fixtures/presence-hook.wasm")?;
    let settings = Settings::new().plugin(&component, "presence-hook");
    let config = format!("[plugin.presence-hook]\ngrants = {grants}");
    settings.config(&config).start().await
}

/// Says presence of a type to all, with a status.
async fn say(online: &mut Online, kind: &str, status: &str) -> Result<()> {
    let kind = match kind {
        "available" => String::new(),
        kind => format!(" type='{kind}'"),
    };
    let presence = format!("<presence{kind} id='p'><status>{status}</status></presence>");
    online.client.send(&presence).await
}

/// All presence and messages that have come, each as one line with what is said of it: `available juliet/r away 'hello'`.
async fn come(online: &mut Online) -> Result<Vec<String>> {
    let barrier = "<iq type='get' id='come' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
    online.client.send(barrier).await?;
    let mut come = Vec::new();
    loop {
        let element = online.client.element().await?;
        if element.attr("id") == Some("come") {
            return Ok(come);
        }
        come.extend(said(&element));
    }
}

fn said(element: &Element) -> Option<String> {
    let mut line = line(element)?;
    for child in ["show", "priority", "body"] {
        if let Some(text) = element.child_text(child) {
            line.push_str(&format!(" {text}"));
        }
    }
    if let Some(status) = element.child_text("status") {
        line.push_str(&format!(" '{status}'"));
    }
    if let Some(error) = element.stanza_error() {
        line.push_str(&format!(" {error}"));
    }
    Some(line)
}

/// Has the first say presence, and gives what came of it for the first and for the second.
async fn after(
    (juliet, romeo): (&mut Online, &mut Online),
    kind: &str,
    status: &str,
) -> Result<(Vec<String>, Vec<String>)> {
    say(juliet, kind, status).await?;
    Ok((come(juliet).await?, come(romeo).await?))
}

fn own<const N: usize>(lines: [&str; N]) -> Vec<String> {
    lines.map(str::to_owned).to_vec()
}

#[tokio::test]
async fn a_presence_hook_decides_what_contacts_see() -> Result<()> {
    let server = server(GRANTED).await?;
    let (mut romeo, mut juliet) = friends(&server).await?;
    let pair = (&mut juliet, &mut romeo);
    let (echo, seen) = after(pair, "available", "quiet hello").await?;
    assert_eq!(
        (echo, seen),
        (own(["available juliet/r"]), own(["available juliet/r"]))
    );
    // What was dropped has not been said: neither now nor to somebody who asks.
    let pair = (&mut juliet, &mut romeo);
    assert_eq!(after(pair, "available", "drop").await?, (own([]), own([])));
    let mut other = Online::again(&server, "romeo", "two").await?;
    let heard = come(&mut other).await?;
    assert!(
        heard.contains(&"available juliet/r".to_owned()),
        "{heard:?}"
    );
    come(&mut romeo).await?;
    other.client.close().await?;
    romeo
        .client
        .wait_for("the end", |one| one.attr("type") == Some("unavailable"))
        .await?;
    come(&mut juliet).await?;

    // Nor has it gone away, and it gets its messages.
    let pair = (&mut juliet, &mut romeo);
    assert_eq!(
        after(pair, "unavailable", "drop").await?,
        (own([]), own([]))
    );
    let message = "<message to='juliet@localhost' type='chat'><body>there</body></message>";
    romeo.client.send(message).await?;
    come(&mut romeo).await?;
    assert_eq!(come(&mut juliet).await?, ["message romeo/r there"]);
    let pair = (&mut juliet, &mut romeo);
    let (_, seen) = after(pair, "unavailable", "quiet bye").await?;
    assert_eq!(seen, ["unavailable juliet/r"]);

    // Initial presence that was dropped leaves it unavailable, and that of a negative priority takes no messages.
    let pair = (&mut juliet, &mut romeo);
    assert_eq!(after(pair, "available", "drop").await?, (own([]), own([])));
    romeo.client.send(message).await?;
    come(&mut romeo).await?;
    assert_eq!(come(&mut juliet).await?, own([]));
    let pair = (&mut juliet, &mut romeo);
    let (heard, seen) = after(pair, "available", "negative").await?;
    assert_eq!(seen, ["available juliet/r -1 'negative'"]);
    assert_eq!(
        heard,
        ["available juliet/r -1 'negative'", "available romeo/r"]
    );
    juliet.client.send("<presence/>").await?;
    assert_eq!(juliet.client.message().await?.1, "there");
    server.stop().await
}

/// Closed, open and for who goes away: each by its own rule.
#[tokio::test]
async fn a_presence_hook_that_fails_shows_nobody_and_keeps_nobody_visible() -> Result<()> {
    let server = server(GRANTED).await?;
    let (mut romeo, mut juliet) = friends(&server).await?;
    let pair = (&mut juliet, &mut romeo);
    let (_, seen) = after(pair, "unavailable", "trap secret").await?;
    assert_eq!(seen, ["unavailable juliet/r"]);
    let refused = own(["error juliet/r wait/internal-server-error"]);
    for status in ["trap", "turn", "loop"] {
        say(&mut juliet, "available", status).await?;
        let error = juliet
            .client
            .wait_for("the error", |one| one.attr("id") == Some("p"))
            .await?;
        let error = error.stanza_error();
        assert_eq!(
            error.as_deref(),
            Some("wait/internal-server-error"),
            "{status}"
        );
        assert_eq!(come(&mut romeo).await?, own([]), "{status}");
    }
    let pair = (&mut juliet, &mut romeo);
    let (_, seen) = after(pair, "available", "plain").await?;
    assert_eq!(seen, ["available juliet/r 'plain'"]);
    for status in ["trap", "turn", "loop"] {
        let pair = (&mut juliet, &mut romeo);
        let (heard, seen) = after(pair, "available", status).await?;
        assert_eq!(seen, [format!("available juliet/r '{status}'")]);
        assert_ne!(heard, refused);
    }
    assert!(!server.has_panicked());
    server.stop().await
}

#[tokio::test]
async fn a_presence_hook_is_told_each_step_and_who_is_gone_without_a_word() -> Result<()> {
    let server = server(GRANTED).await?;
    server.account("juliet").await?;
    let mut watcher = Online::new(&server, "watcher").await?;
    // It is never available, so that nobody is told that it goes.
    let silent = Online::connected(&server, "juliet", "silent").await?;
    silent.client.close().await?;
    let mut juliet = Online::connected(&server, "juliet", "r").await?;
    for (kind, step) in [
        ("available", "initial"),
        ("available", "update"),
        ("unavailable", "unavailable"),
    ] {
        say(&mut juliet, kind, "tell").await?;
        let told = watcher.client.message().await?.1;
        assert_eq!(told, format!("{step} juliet@localhost/r true"));
    }
    juliet.client.close().await?;
    let mut juliet = Online::connected(&server, "juliet", "again").await?;
    say(&mut juliet, "available", "tell").await?;
    let told = watcher.client.message().await?.1;
    assert_eq!(told, "initial juliet@localhost/again true");
    drop(juliet);
    let told = watcher.client.message().await?.1;
    assert_eq!(told, "ended juliet@localhost/again true");
    server.stop().await
}

#[tokio::test]
async fn a_presence_hook_needs_its_grant_and_goes_with_its_plugin() -> Result<()> {
    let ungranted = server("[\"router\"]").await?;
    let (mut romeo, mut juliet) = friends(&ungranted).await?;
    let pair = (&mut juliet, &mut romeo);
    let (_, seen) = after(pair, "available", "drop").await?;
    assert_eq!(seen, ["available juliet/r 'drop'"]);
    ungranted.stop().await?;

    let server = server(GRANTED).await?;
    let (mut romeo, mut juliet) = friends(&server).await?;
    let pair = (&mut juliet, &mut romeo);
    assert_eq!(after(pair, "available", "drop").await?.1, own([]));
    let stats = server
        .cli(&["plugin", "stats", "presence-hook", "--json"])
        .await?
        .stdout;
    let stats: serde_json::Value = serde_json::from_str(&stats)?;
    let stats = stats.get(0).unwrap_or(&stats).to_string();
    assert!(stats.contains("\"presence\""), "{stats}");
    for (command, seen) in [
        ("disable", own(["available juliet/r 'drop'"])),
        ("enable", own([])),
    ] {
        let done = server.cli(&["plugin", command, "presence-hook"]).await?;
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let pair = (&mut juliet, &mut romeo);
        assert_eq!(after(pair, "available", "drop").await?.1, seen, "{command}");
    }
    server.stop().await.context("stopping")
}
