//! A server that may not reserve the addresses that its pool of instances takes: 8 TiB.

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Server, environment};

const FILTER: &str = "[plugin.word-filter]\ngrants = [\"inbound\"]\n\
    [plugin.word-filter.config]\nwords = [\"apple\"]\naction = \"mask\"";

/// Sessions at a time, and what each does: so many that every thread of the server has several instances of each
/// plugin.
const SESSIONS: usize = 12;
const ROUNDS: usize = 20;

async fn converse(client: &mut Client, jid: &str) -> Result<()> {
    for _ in 0..ROUNDS {
        let ping = "<ping xmlns='urn:xmpp:ping'/>";
        let answer = client.iq("get", "localhost", ping).await?;
        ensure!(answer.attr("type") == Some("result"), "{answer}");
        let message = format!("<message to='{jid}' type='chat'><body>an apple</body></message>");
        client.send(&message).await?;
        let body = client.message().await?.1;
        ensure!(body == "an *****", "{body}");
    }
    Ok(())
}

async fn server(mebibytes: u32) -> Result<Server> {
    Settings::new()
        .plugin(
            &environment::guest("examples/word-filter.wasm")?,
            "word-filter",
        )
        .config(FILTER)
        .address_space(mebibytes)
        .start()
        .await
}

/// With 64 GiB a few instances of 4 GiB each would have fitted, with the others none: `describe` failed, or the second
/// instance of a filter, so that every message was refused.
#[tokio::test]
async fn plugins_serve_where_addresses_are_few() -> Result<()> {
    for mebibytes in [64 << 10, 8 << 10, 3_800, 1 << 10] {
        let server = server(mebibytes).await?;
        server
            .wait_for_log("making instances of plugins is slow here")
            .await?;
        let mut sessions = Vec::new();
        for number in 0..SESSIONS {
            sessions.push(server.session(&format!("user{number}")).await?);
        }
        let conversations = sessions.iter_mut();
        let conversations = conversations.map(|(client, jid)| converse(client, jid));
        let all = try_join_all(conversations).await;
        all.with_context(|| format!("with {mebibytes} MiB"))?;
        server.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_limit_under_which_plugins_cannot_serve_is_named_at_the_start() -> Result<()> {
    let Err(error) = server(700).await else {
        anyhow::bail!("it serves");
    };
    let error = format!("{error:#}");
    for part in ["700 MiB", "1024 MiB", "ulimit -v"] {
        ensure!(error.contains(part), "{part}: {error}");
    }
    ensure!(!error.contains("panicked"), "{error}");
    Ok(())
}
