//! What outlives a kill of the server at any moment: everything that was acknowledged.
//!
//! Users talk, log in and out, change their rosters and ask for each other's presence; the server is killed in the middle of it, again
//! and again, and each user comes back as clients do. In the end the ledgers of all users are compared.
//! `SURVIVAL_KILLS` says how often; the default is what fits into every run of the tests.

mod contacts;
mod ledger;
mod user;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use tokio::{process::Command, sync::watch, time::sleep};
use waxwing_test_cluster::Cluster;
use waxwing_tests::{Server, environment};

use ledger::Crowd;
use user::{Phase, User};

const USERS: usize = 12;
/// Those that come and go, so that there are messages for who is not there.
const VISITORS: usize = 2;

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_a_kill() -> Result<()> {
    let kills: u32 = match std::env::var("SURVIVAL_KILLS") {
        Ok(kills) => kills.parse().context("SURVIVAL_KILLS is not a number")?,
        Err(_) => 10,
    };
    let mut server = Server::new().await?;
    let (place, address) = watch::channel(Some(server.address("c2s")?));
    let (order, phase) = watch::channel(Phase::Talking);
    let crowd = Crowd::new();
    let mut users = Vec::new();
    for index in 0..USERS {
        server.account(&user::name(index)).await?;
        let visits = index < VISITORS;
        users.push(User::new(
            index,
            visits,
            Arc::clone(&crowd),
            address.clone(),
            phase.clone(),
        )?);
    }
    let running = users.into_iter().map(|user| tokio::spawn(user.run()));
    let running: Vec<_> = running.collect();

    let mut slowest = Duration::ZERO;
    let begun = Instant::now();
    for _ in 0..kills {
        sleep(Duration::from_millis(300 + user::random(1_200)?)).await;
        place.send(None)?;
        crowd.note(None);
        server.kill().await?;
        server.wait().await?;
        let started = Instant::now();
        server.start_again().await?;
        slowest = slowest.max(started.elapsed());
        place.send(Some(server.address("c2s")?))?;
    }
    sleep(Duration::from_secs(1)).await;
    order.send(Phase::Finishing)?;
    let running = running.into_iter().map(async |user| user.await?);
    let users = try_join_all(running).await?;
    let total = ledger::compare(&users, &crowd)?;
    let seconds = begun.elapsed().as_secs();
    println!("{kills} kills in {seconds} s, slowest start {slowest:?}: {total}");
    // Far fewer than are wanted: other tests share the machine.
    ensure!(total.sent > kills * 50, "{total}");
    ensure!(slowest < Duration::from_secs(20), "{slowest:?}");
    server.end().await?;
    match server.storage() {
        Some(url) => Cluster::shared().check(url),
        None => check(&server.database()).await,
    }
}

/// What SQLite says of its file.
async fn check(database: &Path) -> Result<()> {
    const CHECK: &str = "import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
for check in 'integrity_check', 'foreign_key_check':
    print(*database.execute('pragma ' + check))";
    let checked = Command::new(environment::clients()?.join("slixmpp/bin/python"))
        .args(["-c", CHECK])
        .arg(database)
        .output()
        .await?;
    let said = String::from_utf8_lossy(&checked.stdout);
    ensure!(said.trim() == "('ok',)", "{checked:?}");
    Ok(())
}
