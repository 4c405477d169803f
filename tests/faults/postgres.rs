//! PostgreSQL is gone, or silent, or far away.

use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::process::Signal;
use tokio::time::{Instant, sleep, timeout};
use waxwing_test_cluster::Cluster;
use waxwing_tests::{
    PATIENCE,
    server::{self, Settings},
};

use super::{Stage, WAIT, crowd::Crowd, delay::Delay, lasting, plain, turn};

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_is_stopped_and_comes_back() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start()?;
    let mut stage = Stage::new(Settings::new().storage(&cluster.database()?)).await?;
    cluster.stop()?;
    stage.endure_without_writes().await?;
    let login = timeout(WAIT * 2, stage.server.log_in(&plain("tybalt"))).await;
    ensure!(matches!(login, Ok(Err(_))), "a login without the database");
    cluster.start_again()?;
    let server = stage.recover().await?;
    ensure!(
        server.log().contains("the database does not answer"),
        "not said"
    );
    ensure!(
        server.log().contains("the database answers again"),
        "not said"
    );
    server.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_falls_silent_and_comes_back() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start()?;
    let mut stage = Stage::new(Settings::new().storage(&cluster.database()?)).await?;
    cluster.signal(Signal::STOP)?;
    stage.endure_without_writes().await?;
    cluster.signal(Signal::CONT)?;
    stage.recover().await?.stop().await
}

/// A database by a way on which what comes back can be late.
async fn far_away(cluster: &Cluster) -> Result<(String, Delay)> {
    let delay = Delay::new(cluster.socket()).await?;
    let url = cluster.database()?;
    let url = url.replace("localhost/", &format!("127.0.0.1:{}/", delay.port));
    let (url, _) = url.split_once('?').unwrap_or((&url, ""));
    Ok((url.to_owned(), delay))
}

/// What takes one question and answer is done, only later; what takes more than five seconds is refused.
#[tokio::test(flavor = "multi_thread")]
async fn postgresql_is_two_seconds_away() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start()?;
    let (url, delay) = far_away(&cluster).await?;
    let mut stage = Stage::new(Settings::new().storage(&url)).await?;
    delay.set(Duration::from_secs(2));
    // First it is asked whose roster it is, then the change is waited for.
    stage.bound = WAIT * 2;
    let end = Instant::now() + lasting();
    while Instant::now() < end {
        let asked = Instant::now();
        let roster = stage.get_roster().await?;
        ensure!(
            roster.stanza_error().is_none(),
            "a roster is one question away"
        );
        ensure!(
            asked.elapsed() < WAIT,
            "a roster after {:?}",
            asked.elapsed()
        );
        stage.tell_nurse().await?;
        let outcome = stage.set_item("during").await?;
        ensure!(
            ["result", "wait/internal-server-error"].contains(&&*outcome),
            "{outcome}"
        );
    }
    stage.check_growth()?;
    delay.set(Duration::ZERO);
    stage.recover().await?.stop().await
}

/// However many have a change wait at all times, each is answered in time, and who needs no database does not notice.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_waits_for_postgresql_two_seconds_away() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start()?;
    let (url, delay) = far_away(&cluster).await?;
    let mut stage = Stage::new(Settings::new().storage(&url)).await?;
    stage.bound = WAIT * 2;
    let crowd = Crowd::log_in(&stage.server).await?;
    stage.resident = stage.server.resident_kib()?;
    delay.set(Duration::from_secs(2));
    let crowd = crowd.begin();
    sleep(lasting()).await;
    stage.check_growth()?;
    delay.set(Duration::ZERO);
    let (server, ()) = tokio::try_join!(stage.recover(), crowd.finish())?;
    server.stop().await
}

/// The machine starts, and the server is there before the database.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_waits_for_postgresql_at_its_start() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start()?;
    let settings = Settings::new().plain().storage(&cluster.database()?);
    cluster.stop()?;
    let starting = tokio::spawn(settings.start());
    // Whoever starts it waits for a minute.
    sleep(lasting().min(PATIENCE / 2)).await;
    ensure!(!starting.is_finished(), "it did not wait");
    cluster.start_again()?;
    let server = starting.await??;
    let log = server.log();
    let told = log.matches("cannot reach the database").count();
    ensure!(told == 1, "told {told} times: {log}");
    for secret in Cluster::secrets() {
        ensure!(!log.contains(secret), "a password is in the log");
    }
    server.session_without_tls("romeo").await?;
    server.stop().await
}

/// A database moves from SQLite to PostgreSQL by the command line, and the accounts with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_moves_to_postgresql() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start()?;
    let url = cluster.database()?;
    let mut server = Settings::new().plain().start().await?;
    server.session_without_tls("romeo").await?;
    let refused = server
        .cli(&["storage", "copy", "sqlite:waxwing.db", &url])
        .await?;
    ensure!(
        refused.code == Some(1) && refused.stderr.contains("in use"),
        "{refused:?}"
    );
    server.signal(Signal::TERM)?;
    server.wait().await?;
    let copied = server
        .cli(&["storage", "copy", "sqlite:waxwing.db", &url])
        .await?;
    ensure!(copied.code == Some(0), "{copied:?}");
    ensure!(copied.stdout.contains("they are the same"), "{copied:?}");
    let again = server
        .cli(&["storage", "copy", "sqlite:waxwing.db", &url])
        .await?;
    ensure!(
        again.code == Some(1) && again.stderr.contains("is not empty"),
        "{again:?}"
    );
    let set = format!("storage.url={}", serde_json::to_string(&url)?);
    let print = server.cli(&["config", "print", "--set", &set]).await?;
    for printed in [copied, again, print] {
        for secret in Cluster::secrets() {
            ensure!(
                !printed.stdout.contains(secret) && !printed.stderr.contains(secret),
                "{printed:?}"
            );
        }
    }
    let listed = server.cli(&["user", "list", "--set", &set]).await?;
    ensure!(listed.stdout.contains("romeo@localhost"), "{listed:?}");
    let usage = server::run(&["storage", "copy", &url], "").await?;
    ensure!(usage.code == Some(2), "{usage:?}");
    Ok(())
}
