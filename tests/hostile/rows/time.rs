//! Rows 1, 2, 4, 5 and 24.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use waxwing_tests::{Client, Login};

use super::each_fails;
use crate::matrix::{Matrix, refused};

/// A loop in each export, in the start function, in the allocator, after the return; and one in Rust. Those who loop before
/// they serve are not loaded.
pub(super) async fn row_1_loops_are_ended(matrix: &mut Matrix) -> Result<Value> {
    for name in [
        "endless-loop-describe",
        "endless-loop-init",
        "endless-loop-start",
    ] {
        matrix.put(name, &std::fs::read(crate::matrix::guest(name)?)?)?;
        let why = matrix.refusal(name).await?;
        ensure!(why.contains("CPU time"), "{name}: {why}");
        matrix.remove(name).await?;
    }
    // A stream's features are asked for at each new stream: it begins all the same, without the guest's.
    matrix.install("endless-loop-pre-auth").await?;
    let (client, _) = matrix
        .server
        .log_in(&Login::new("romeo").resource("another"))
        .await?;
    client.close().await?;
    ensure!(
        matrix.faults("endless-loop-pre-auth").await? > 0,
        "the features were asked for"
    );
    matrix.remove("endless-loop-pre-auth").await?;
    let seen = each_fails(
        matrix,
        10,
        &[
            "endless-loop-handle",
            "endless-loop-after-return",
            "endless-loop-allocator",
        ],
        &["endless-loop-filter"],
    )
    .await?;
    in_rust(matrix, "loops").await?;
    Ok(seen)
}

/// A fixture in Rust, which judges every message and misbehaves at those that say so; the next one passes.
pub(super) async fn in_rust(matrix: &mut Matrix, name: &str) -> Result<()> {
    matrix.install(name).await?;
    for _ in 0..20 {
        matrix.write_in_vain(name).await?;
    }
    let to = matrix.juliet_jid.clone();
    matrix
        .romeo
        .send(&format!(
            "<message to='{to}' type='chat'><body>behaved</body></message>"
        ))
        .await?;
    let (_, body) = matrix.juliet.message().await?;
    ensure!(
        body == "behaved",
        "{name}: what misbehaved was delivered: {body}"
    );
    matrix.remove(name).await
}

/// Two plugins, two sessions each that ask as fast as they are answered: four loops are under way all the time.
pub(super) async fn row_2_four_loops_at_once_leave_everybody_else_alone(
    matrix: &mut Matrix,
) -> Result<Value> {
    let plugins = ["endless-loop-handle", "endless-loop-filter"];
    for name in plugins {
        matrix.install(name).await?;
    }
    let mut sessions = Vec::new();
    for number in 0..4 {
        let login = Login::new("romeo").resource(&format!("loop-{number}"));
        sessions.push(matrix.server.log_in(&login).await?.0);
    }
    let until = tokio::time::Instant::now() + Duration::from_secs(3);
    let to = &matrix.juliet_jid;
    let loops = sessions
        .iter_mut()
        .enumerate()
        .map(|(number, session)| async move {
            let mut ended = 0_u32;
            while tokio::time::Instant::now() < until {
                if number % 2 == 0 {
                    let query = "<query xmlns='urn:example:endless-loop-handle'/>";
                    refused(&session.iq("get", "localhost", query).await?)?;
                } else {
                    let message = "<body>x</body><x xmlns='urn:example:endless-loop-filter'/>";
                    session
                        .send(&format!(
                            "<message to='{to}' type='chat' id='loop'>{message}</message>"
                        ))
                        .await?;
                    refused(
                        &session
                            .wait_for("the policy's answer", |element| {
                                element.attr("id") == Some("loop")
                            })
                            .await?,
                    )?;
                }
                ended += 1;
            }
            anyhow::Ok(ended)
        });
    let innocent = async {
        // A bundled plugin answers in between: a guest that others' loops do not hold up.
        let mut pings = 0_u32;
        while tokio::time::Instant::now() < until {
            ping(&mut matrix.romeo).await?;
            pings += 1;
        }
        anyhow::Ok(pings)
    };
    let (ended, pings) = tokio::try_join!(futures_util::future::try_join_all(loops), innocent)?;
    ensure!(
        ended.iter().all(|&ended| ended >= 3),
        "some plugin had no turn: {ended:?}"
    );
    ensure!(pings >= 20, "{pings} answers of an innocent plugin in 3 s");
    let threads = guest_threads(matrix.server.pid()?)?;
    ensure!(threads == 1, "{threads} threads for guests that run long");
    for session in sessions {
        session.close().await?;
    }
    for name in plugins {
        matrix.remove(name).await?;
    }
    Ok(
        json!({ "loops ended, by session": ended, "innocent answers": pings, "threads of guests": threads }),
    )
}

pub(super) async fn ping(client: &mut Client) -> Result<()> {
    let answer = client
        .iq("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>")
        .await?;
    ensure!(answer.attr("type") == Some("result"), "{answer}");
    Ok(())
}

pub(super) fn guest_threads(pid: u32) -> Result<usize> {
    let mut threads = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let name = std::fs::read_to_string(task?.path().join("comm")).unwrap_or_default();
        threads += usize::from(name.trim() == "guests");
    }
    Ok(threads)
}

pub(super) async fn row_4_instructions_over_whole_memories_are_survived(
    matrix: &mut Matrix,
) -> Result<Value> {
    each_fails(
        matrix,
        5,
        &[],
        &["bulk-memory-fill", "bulk-memory-copy", "bulk-memory-table"],
    )
    .await
}

pub(super) async fn row_5_recursion_without_end_traps(matrix: &mut Matrix) -> Result<Value> {
    each_fails(
        matrix,
        20,
        &["deep-recursion-plain", "deep-recursion-host"],
        &[],
    )
    .await
}

/// Every trap throws an instance away, and the next call makes one.
pub(super) async fn row_24_instances_come_and_go_by_the_thousand(
    matrix: &mut Matrix,
) -> Result<Value> {
    matrix.install("trap-handle").await?;
    for _ in 0..200 {
        matrix.ask_in_vain("trap-handle", "").await?;
    }
    let before = matrix.server.resident_kib()?;
    for _ in 0..2_000 {
        matrix.ask_in_vain("trap-handle", "").await?;
    }
    let grown = matrix.server.resident_kib()?.saturating_sub(before);
    // The background's buffers and the log's are in it.
    ensure!(grown <= 8 << 10, "{grown} KiB more after 2,000 instances");
    matrix.remove("trap-handle").await?;
    Ok(json!({ "KiB more after 2,000 instances": grown }))
}
