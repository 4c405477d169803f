//! In which order hooks are asked, and where that ends.

use anyhow::Result;
use waxwing_tests::server::Settings;
use waxwing_tests::{Server, environment};

/// A server with the hooks `body-marker` and `body-marker-2`, which add their names to what they see, and these keys for each.
async fn server(one: &str, two: &str) -> Result<Server> {
    let config = format!(
        "[[host]]\ndomain = \"other.localhost\"\n[host.plugin.body-marker.config]\ndrop = true\n\
         [plugin.body-marker]\ngrants = [\"inbound\"]\n{one}\n[plugin.body-marker-2]\ngrants = [\"inbound\"]\n{two}"
    );
    Settings::new()
        .plugin(
            &environment::guest("fixtures/body-marker.wasm")?,
            "body-marker",
        )
        .plugin(
            &environment::guest("fixtures/body-marker-2.wasm")?,
            "body-marker-2",
        )
        .config(&config)
        .start()
        .await
}

/// What becomes of a message to oneself.
async fn marked(server: &Server) -> Result<String> {
    let (mut juliet, jid) = server.session("juliet").await?;
    juliet.send(&chat(&jid)).await?;
    let (_, body) = juliet.message().await?;
    juliet.close().await?;
    Ok(body)
}

fn chat(to: &str) -> String {
    format!("<message to='{to}' type='chat'><body>seen by</body></message>")
}

// seeds: P9
/// P9: higher priorities first, and each sees what the one before made of the stanza; ties by the order of loading.
#[tokio::test]
async fn higher_priorities_come_first_and_ties_in_the_order_of_loading() -> Result<()> {
    for (one, two, expected) in [
        ("", "", "seen by body-marker body-marker-2"),
        ("", "priority = 1", "seen by body-marker-2 body-marker"),
        (
            "priority = 2",
            "priority = 1",
            "seen by body-marker body-marker-2",
        ),
        ("priority = -5", "", "seen by body-marker-2 body-marker"),
    ] {
        let server = server(one, two).await?;
        assert_eq!(marked(&server).await?, expected, "{one} / {two}");
        server.stop().await?;
    }
    Ok(())
}

// seeds: P9
/// P9: a verdict that ends the stanza ends the chain, for that host alone where the configuration is that host's.
#[tokio::test]
async fn the_first_hook_that_drops_ends_the_chain_for_its_host() -> Result<()> {
    let server = server("priority = 1", "").await?;
    let (mut nurse, jid) = {
        server.account_at("nurse", "other.localhost").await?;
        let login = waxwing_tests::Login {
            domain: "other.localhost".to_owned(),
            ..waxwing_tests::Login::new("nurse")
        };
        server.log_in(&login).await?
    };
    nurse.send(&chat(&jid)).await?;
    nurse
        .iq("get", "other.localhost", "<ping xmlns='urn:xmpp:ping'/>")
        .await?;
    let figures = server.cli(&["plugin", "stats", "--json"]).await?;
    let figures: serde_json::Value = serde_json::from_str(&figures.stdout)?;
    let calls = |name: &str| {
        let plugins = figures.as_array().into_iter().flatten();
        let mut of_name = plugins.filter(|plugin| plugin["name"] == name);
        of_name.next().and_then(|plugin| plugin["calls"].as_u64())
    };
    let (one, two) = (calls("body-marker"), calls("body-marker-2"));
    assert_eq!((one, two), (Some(1), Some(0)), "{figures}");
    assert_eq!(marked(&server).await?, "seen by body-marker body-marker-2");
    server.stop().await
}
