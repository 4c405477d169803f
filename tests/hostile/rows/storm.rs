//! Row 20: faults by the thousand.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout};
use waxwing_tests::{Client, PATIENCE};

use crate::matrix::{Matrix, refused};

const NAME: &str = "actor";
const USERS: [&str; 4] = ["storm1", "storm2", "storm3", "storm4"];
/// A thousand a second of all users together.
const EVERY: Duration = Duration::from_millis(4);
const EACH: u32 = 500;

fn script(steps: &str) -> String {
    format!("<do xmlns='urn:example:{NAME}'>{steps}</do>")
}

/// Four users have a plugin trap as fast as it can: it is left alone within a second, in few lines of the log, and tried
/// again by itself.
pub(super) async fn row_20_a_storm_of_faults_is_quarantined_and_ends(
    matrix: &mut Matrix,
) -> Result<Value> {
    matrix.install(NAME).await?;
    let logged = matrix.server.log().len();
    let sessions = try_join_all(USERS.map(|user| matrix.server.session(user))).await?;
    let mut clients: Vec<Client> = sessions.into_iter().map(|(client, _)| client).collect();
    let begin = Instant::now();
    let storm = clients.iter_mut().map(|client| async move {
        let mut next = begin;
        for _ in 0..EACH {
            refused(&client.iq("set", "localhost", &script("<trap/>")).await?)?;
            next += EVERY;
            sleep_until(next).await;
        }
        anyhow::Ok(())
    });
    try_join_all(storm).await?;
    let took = begin.elapsed();
    let figures = matrix.stats(NAME).await?;
    let count = |figure: &str| figures[figure].as_u64().unwrap_or_default();
    let storm = u64::from(EACH) * USERS.len() as u64;
    ensure!(count("quarantines") >= 1, "{figures}");
    // Half a second's worth at most was called in spite of its faults, probations since included.
    ensure!(count("faults") < storm / 4, "{figures}");
    // What it would have been told of meanwhile is refused as well.
    ensure!(count("faults") + count("refused") >= storm, "{figures}");

    let log = matrix.server.log();
    let log = log.get(logged..).unwrap_or_default();
    let mut by_second = BTreeMap::<&str, u32>::new();
    for line in log.lines().filter(|line| line.contains("plugin=\"actor\"")) {
        *by_second.entry(line.get(..19).unwrap_or(line)).or_default() += 1;
    }
    let most = by_second.values().max().copied().unwrap_or_default();
    ensure!((1..=10).contains(&most), "{most} lines in a second: {log}");
    ensure!(log.contains("in quarantine for 5 s: "), "{log}");

    // Nobody does anything but ask: it serves again, and its probation ends.
    let again = async {
        let mut passed = 0;
        while passed < 12 {
            for client in &mut clients {
                let answer = client.iq("set", "localhost", &script("<token/>")).await?;
                passed += u32::from(answer.attr("type") == Some("result"));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, again)
        .await
        .context("it never serves again")??;
    matrix
        .server
        .wait_for_log("serves again after its quarantine")
        .await?;
    ensure!(
        matrix.stats(NAME).await?["state"] == "serving",
        "the probation is over"
    );
    for client in clients {
        client.close().await?;
    }
    matrix.remove(NAME).await?;
    Ok(
        json!({ "calls": storm, "s": took.as_secs_f64(), "made and failed": count("faults"), "most lines in a second": most, "served again after s": begin.elapsed().as_secs_f64() }),
    )
}
