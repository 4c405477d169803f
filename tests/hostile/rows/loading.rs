//! Rows 17, 18 and 19: what is in the plugins folder.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_encoder::{
    CodeSection, Component, Function, FunctionSection, Instruction, Module, ModuleSection,
    TypeSection, ValType,
};
use waxwing_tests::server::Settings;
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
        ("newer version", replaced("@0.1.0", "@0.9.0")?, "0.9.0"),
        (
            "another name",
            std::fs::read(guest("row06-handle")?)?,
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

/// A server that gives compiling 2 s, and what needs more.
pub(super) async fn row_19_compile_bombs_are_ended_at_their_limits(
    matrix: &mut Matrix,
) -> Result<Value> {
    let limited = Settings::new()
        .config(
            "[plugins]\ncompile_cpu_seconds = 2\ncompile_wall_seconds = 60\n\
             [plugin.row06-handle]\ngrants = [\"iq-handler\"]",
        )
        .plugin(&guest("row06-handle")?, "row06-handle")
        .start()
        .await?;
    let (mut juliet, _) = limited.session("juliet").await?;
    let mut reasons = serde_json::Map::new();
    for (kind, bomb) in [
        ("45,000 locals", functions(1, 45_000)),
        ("many functions", functions(600, 2_000)),
    ] {
        let began = std::time::Instant::now();
        let folder = limited.plugins();
        std::fs::write(folder.join(".bomb"), &bomb)?;
        std::fs::rename(folder.join(".bomb"), folder.join("row06-handle.wasm"))?;
        let why = loop {
            // The old version serves meanwhile, and for all time.
            let answer = juliet
                .iq(
                    "get",
                    "localhost",
                    "<query xmlns='urn:example:row06-handle'/>",
                )
                .await?;
            crate::matrix::refused(&answer).with_context(|| kind)?;
            let listed = limited.cli(&["plugin", "list", "--json"]).await?.stdout;
            let listed: Value = serde_json::from_str(&listed)?;
            let mut plugins = listed.as_array().into_iter().flatten();
            let status = plugins.find(|plugin| plugin["name"] == "row06-handle");
            let status = status.context("the old version is gone")?;
            ensure!(status["serving"] == true, "{kind}: {status}");
            if let Some(why) = status["error"]
                .as_str()
                .filter(|_| began.elapsed() > Duration::from_millis(500))
            {
                break why.to_owned();
            }
            ensure!(
                began.elapsed() < waxwing_tests::PATIENCE,
                "{kind} is still being compiled"
            );
        };
        ensure!(why.contains("[plugins] allows"), "{kind}: {why}");
        reasons.insert(
            kind.to_owned(),
            json!({ "bytes": bomb.len(), "why": why, "s": began.elapsed().as_secs_f64() }),
        );
        std::fs::copy(guest("row06-handle")?, folder.join("row06-handle.wasm"))?;
        limited.cli(&["plugin", "reload", "row06-handle"]).await?;
    }
    juliet.close().await?;
    limited.stop().await?;
    // The load ran at the server of the matrix, on the same machine.
    ensure!(matrix.server.is_alive()?, "the other server is gone");
    Ok(reasons.into())
}

/// A component of one module.
fn component(module: &Module) -> Vec<u8> {
    let mut component = Component::new();
    component.section(&ModuleSection(module));
    component.finish()
}

/// Functions with many locals, each of which is read and written between branches.
fn functions(functions: usize, locals: u32) -> Vec<u8> {
    let function = || {
        let mut function = Function::new([(locals, ValType::I64)]);
        for local in 0..locals {
            function.instruction(&Instruction::Block(wasm_encoder::BlockType::Empty));
            function.instruction(&Instruction::LocalGet(local));
            function.instruction(&Instruction::I64Eqz);
            function.instruction(&Instruction::BrIf(0));
            function.instruction(&Instruction::LocalGet((local * 7) % locals));
            function.instruction(&Instruction::LocalSet(local));
            function.instruction(&Instruction::End);
        }
        function.instruction(&Instruction::End);
        function
    };
    component(&module((0..functions).map(|_| function())))
}

fn module(functions: impl IntoIterator<Item = Function>) -> Module {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let (mut declared, mut code) = (FunctionSection::new(), CodeSection::new());
    for function in functions {
        declared.function(0);
        code.function(&function);
    }
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&code);
    module
}
