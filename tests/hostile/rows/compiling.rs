//! Row 19: what compiling may cost. Each limit by a component that is within the others, and is valid: what ends its compiling
//! is that limit and nothing else.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_encoder::{
    CodeSection, Component, Function, FunctionSection, Instruction, Module, ModuleSection,
    TypeSection, ValType,
};
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, PATIENCE, Server, process};

use crate::matrix::{Matrix, guest, refused};

/// In whose place the bombs are put. It traps in each call, so that whoever asks it is told to try again.
const NAME: &str = "trap-handle";

/// A limit, and a component that needs more.
struct Bomb {
    kind: &'static str,
    /// The table `[plugins]`.
    limits: &'static str,
    bytes: Vec<u8>,
    /// What the refusal says.
    why: &'static str,
}

/// The old version serves meanwhile and afterwards, and no process is left that compiles.
pub(super) async fn row_19_compile_bombs_are_ended_at_their_limits(
    matrix: &mut Matrix,
) -> Result<Value> {
    let locals = functions(1, 45_000);
    let many = functions(600, 2_000);
    let bombs = [
        Bomb {
            kind: "CPU time, many functions",
            limits: "compile_cpu_seconds = 2\ncompile_wall_seconds = 600\ncompile_memory_mib = 16384",
            bytes: many.clone(),
            why: "compiling needs more than the 2 s of CPU time that `compile_cpu_seconds` in [plugins] allows",
        },
        Bomb {
            kind: "time by the clock, many functions",
            limits: "compile_cpu_seconds = 600\ncompile_wall_seconds = 2\ncompile_memory_mib = 16384",
            bytes: many,
            why: "compiling takes longer than the 2 s that `compile_wall_seconds` in [plugins] allows",
        },
        Bomb {
            kind: "memory, 45,000 locals",
            limits: "compile_cpu_seconds = 600\ncompile_wall_seconds = 600\ncompile_memory_mib = 1024",
            bytes: locals,
            why: "compiling needs more than the 1024 MiB of memory that `compile_memory_mib` in [plugins] allows",
        },
    ];
    let mut seen = serde_json::Map::new();
    for bomb in bombs {
        let took = refuse(&bomb).await.with_context(|| bomb.kind)?;
        let figures = json!({ "bytes": bomb.bytes.len(), "s": took.as_secs_f64() });
        seen.insert(bomb.kind.to_owned(), figures);
    }
    // The load ran at the server of the matrix, on the same machine.
    ensure!(matrix.server.is_alive()?, "the other server is gone");
    Ok(seen.into())
}

/// A server with that limit refuses the bomb with that reason; says after how long.
async fn refuse(bomb: &Bomb) -> Result<Duration> {
    let config = format!(
        "[plugins]\n{}\n[plugin.{NAME}]\ngrants = [\"iq-handler\"]",
        bomb.limits
    );
    let settings = Settings::new().config(&config);
    let server = settings.plugin(&guest(NAME)?, NAME).start().await?;
    let (mut juliet, _) = server.session("juliet").await?;
    let began = Instant::now();
    let folder = server.plugins();
    std::fs::write(folder.join(".bomb"), &bomb.bytes)?;
    std::fs::rename(folder.join(".bomb"), folder.join(format!("{NAME}.wasm")))?;
    let why = loop {
        let status = serves(&server, &mut juliet).await?;
        if let Some(why) = status["error"].as_str() {
            break why.to_owned();
        }
        ensure!(began.elapsed() < PATIENCE, "it is still being compiled");
    };
    let took = began.elapsed();
    ensure!(why == bomb.why, "{why}");
    ensure!(
        process::descendants(server.pid()?).is_empty(),
        "a process is left"
    );
    serves(&server, &mut juliet).await?;
    juliet.close().await?;
    server.stop().await?;
    Ok(took)
}

/// The old version is asked and answers; gives what is listed of it.
async fn serves(server: &Server, client: &mut Client) -> Result<Value> {
    let query = format!("<query xmlns='urn:example:{NAME}'/>");
    refused(&client.iq("get", "localhost", &query).await?)?;
    let listed = server.cli(&["plugin", "list", "--json"]).await?.stdout;
    let listed: Vec<Value> = serde_json::from_str(&listed)?;
    let mut plugins = listed.into_iter();
    let status = plugins.find(|plugin| plugin["name"] == NAME);
    let status = status.context("the old version is gone")?;
    ensure!(status["serving"] == true, "{status}");
    Ok(status)
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
