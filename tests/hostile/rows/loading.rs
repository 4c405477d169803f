//! Rows 17 and 18: what is in the plugins folder.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_encoder::Component;
use waxwing_tests::{Client, environment};

use crate::matrix::{Matrix, guest};

/// Masks what it was written to mask: `apple` in the first version as configured, `banana` in the second.
const FILTER: &str = "word-filter";

/// What one message to oneself becomes.
async fn judged(client: &mut Client, jid: &str, count: usize) -> Result<String> {
    client
        .send(&format!(
            "<message to='{jid}' type='chat' id='{count}'><body>apple banana</body></message>"
        ))
        .await?;
    let (message, body) = client.message().await?;
    ensure!(
        message.attr("id") == Some(&count.to_string()),
        "expected {count}: {message}"
    );
    Ok(body)
}

/// Thirty times one version after the other, beside a stream of messages: each is judged by exactly one.
pub(super) async fn row_17_versions_alternate_under_load(matrix: &mut Matrix) -> Result<Value> {
    let (one, two) = (
        std::fs::read(environment::guest("examples/word-filter.wasm")?)?,
        std::fs::read(environment::guest("fixtures/word-filter-2.wasm")?)?,
    );
    matrix.put(FILTER, &two)?;
    matrix
        .status_when(FILTER, |status| status["version"] == "2.0.0")
        .await?;
    let before = matrix.server.resident_kib()?;
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (mut client, jid) = matrix.server.session("nurse").await?;
    let stream = async {
        let mut counts = [0_usize; 2];
        for count in 0.. {
            if stop.load(std::sync::atomic::Ordering::Relaxed) {
                break;
            }
            match judged(&mut client, &jid, count).await?.as_str() {
                // The first version has nothing to mask unless it is configured to.
                "apple banana" => counts[0] += 1,
                "apple ******" => counts[1] += 1,
                other => anyhow::bail!("judged by no version or by both: {other}"),
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        client.close().await?;
        anyhow::Ok(counts)
    };
    let reloads = async {
        for _ in 0..15 {
            for (bytes, version) in [(&one, "1.0.0"), (&two, "2.0.0")] {
                matrix.put(FILTER, bytes)?;
                matrix
                    .status_when(FILTER, |status| {
                        let is_two = status["version"] == "2.0.0";
                        is_two == (version == "2.0.0")
                    })
                    .await?;
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        anyhow::Ok(())
    };
    let (counts, ()) = tokio::try_join!(stream, reloads)?;
    ensure!(
        counts.iter().all(|&count| count > 0),
        "both served: {counts:?}"
    );
    let grown = matrix.server.resident_kib()?.saturating_sub(before);
    ensure!(grown <= 24 << 10, "{grown} KiB more after 30 reloads");
    matrix.remove(FILTER).await?;
    Ok(json!({ "messages by each version": counts, "KiB more after 30 reloads": grown }))
}

/// Each kind of file that is no plugin of this server, in the place of one that is.
pub(super) async fn row_18_files_that_are_no_plugins_leave_the_old_version_at_work(
    matrix: &mut Matrix,
) -> Result<Value> {
    const NAME: &str = "malformed";
    matrix.install(NAME).await?;
    let good = std::fs::read(guest(NAME)?)?;
    let replaced = |from: &str, to: &str| -> Result<Vec<u8>> {
        ensure!(from.len() == to.len(), "as long as what it replaces");
        let mut bytes = good.clone();
        let places: Vec<usize> = bytes
            .windows(from.len())
            .enumerate()
            .filter(|(_, window)| *window == from.as_bytes())
            .map(|(at, _)| at)
            .collect();
        ensure!(!places.is_empty(), "{from} is in the component");
        for at in places {
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        }
        Ok(bytes)
    };
    let random: Vec<u8> = (0..4_096_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3])
        .collect();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", Vec::new(), "empty"),
        ("random", random, "no WebAssembly component"),
        ("half-copied", good[..good.len() / 2].to_vec(), ""),
        (
            "core module",
            b"\0asm\x01\0\0\0".to_vec(),
            "core WebAssembly module",
        ),
        (
            "compiled code",
            b"\x7fELF\x02\x01\x01\0wasmtime".to_vec(),
            "no WebAssembly component",
        ),
        ("empty component", Component::new().finish(), "lifecycle"),
        ("newer version", replaced("@0.2.0", "@0.9.0")?, "0.9.0"),
        (
            "another name",
            std::fs::read(guest("trap-handle")?)?,
            "rename",
        ),
    ];
    let mut reasons = serde_json::Map::new();
    for (kind, bytes, reason) in cases {
        matrix.put(NAME, &bytes)?;
        let why = matrix.refusal(NAME).await.with_context(|| kind)?;
        ensure!(why.contains(reason), "{kind}: {why}");
        let answer = matrix.ask(NAME, "good").await?;
        ensure!(
            answer.child("a", "urn:example:malformed").is_some(),
            "{kind}: {answer}"
        );
        matrix.put(NAME, &good)?;
        matrix
            .status_when(NAME, |status| status["error"].is_null())
            .await?;
        reasons.insert(kind.to_owned(), why.into());
    }
    matrix.remove(NAME).await?;
    Ok(reasons.into())
}
