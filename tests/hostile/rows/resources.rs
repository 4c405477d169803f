//! Rows 3, 7, 9 and 11.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{each_fails, time};
use crate::matrix::{Matrix, guest};

pub(super) async fn row_3_memory_ends_at_its_limit(matrix: &mut Matrix) -> Result<Value> {
    let before = matrix.server.resident_kib()?;
    for name in ["memory-hog-minimum", "memory-hog-two-at-once"] {
        matrix.put(name, &std::fs::read(guest(name)?)?)?;
        let why = matrix.refusal(name).await?;
        ensure!(why.contains("memory"), "{name}: {why}");
        matrix.remove(name).await?;
    }
    let names = [
        "memory-hog-one-memory",
        "memory-hog-two-memories",
        "memory-hog-table",
    ];
    each_fails(matrix, 10, &names, &[]).await?;
    time::in_rust(matrix, "eats-memory").await?;
    let grown = matrix.server.resident_kib()?.saturating_sub(before);
    // One store's memory may still be in the pool, and what the load needs.
    ensure!(grown <= (64 + 32) << 10, "{grown} KiB more");
    Ok(json!({ "KiB more afterwards": grown }))
}

pub(super) async fn row_7_floods_of_calls_are_stopped(matrix: &mut Matrix) -> Result<Value> {
    let seen = each_fails(
        matrix,
        20,
        &["host-call-flood-cheap", "host-call-flood-dear"],
        &[],
    )
    .await?;
    time::in_rust(matrix, "floods").await?;
    Ok(seen)
}

/// A thousand lines of a kilobyte, four times, and one line that would like to be several.
pub(super) async fn row_9_the_log_stays_a_log(matrix: &mut Matrix) -> Result<Value> {
    matrix.install("log-flood").await?;
    let before = matrix.server.log().len();
    for _ in 0..3 {
        let answer = matrix.ask("log-flood", "").await?;
        ensure!(answer.attr("type") == Some("result"), "{answer}");
    }
    // What was suppressed is said with the first line of the next second.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    matrix.ask("log-flood", "").await?;
    matrix
        .server
        .wait_for_log("wrote too much to the log")
        .await?;
    let log = matrix.server.log();
    let written = log.get(before..).unwrap_or_default();
    let flood = written
        .lines()
        .filter(|line| line.contains("ffffffff"))
        .count();
    ensure!(flood <= 5 * 64, "{flood} lines of a flood of 4,000");
    ensure!(
        !written
            .lines()
            .any(|line| line.starts_with("2026-01-01T00:00:00Z ERROR forged")),
        "a forged line"
    );
    ensure!(
        !written.contains("\u{1b}[31m red") && !written.contains('\u{202e}'),
        "a control character"
    );
    ensure!(written.contains("forged"), "the line is there, on one line");
    matrix.remove("log-flood").await?;
    Ok(json!({ "lines of 4,000": flood }))
}

pub(super) async fn row_11_handles_come_to_an_end(matrix: &mut Matrix) -> Result<Value> {
    each_fails(matrix, 10, &["handle-leak-host", "handle-leak-own"], &[]).await?;
    matrix.install("handle-leak-slow").await?;
    let mut refused = 0;
    for _ in 0..100 {
        refused +=
            u32::from(matrix.ask("handle-leak-slow", "").await?.attr("type") == Some("error"));
    }
    ensure!(
        (1..=40).contains(&refused),
        "{refused} of 100 calls of a slow leak"
    );
    matrix.remove("handle-leak-slow").await?;
    Ok(json!({ "calls of a slow leak refused, of 100": refused }))
}
