//! The dialogues against the built server: each script beside this file is a test of its name, all of them against one
//! running server. `waxwing_tests::dialogue` says how scripts are written; `cargo xtask dialogues` runs them against any other
//! server.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test, though without the attribute that says so: what panics here fails, and what is printed is to be read"
)]

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, bail};
use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use waxwing_tests::Server;
use waxwing_tests::dialogue::{self, Outcome, Script, Target};

/// The server, started by the first script.
#[derive(Default)]
struct Shared(OnceCell<(Server, Target)>);

impl Shared {
    async fn started(&self) -> Result<&Target> {
        let started = self.0.get_or_try_init(start).await?;
        Ok(&started.1)
    }
}

async fn start() -> Result<(Server, Target)> {
    let server = Target::settings().start().await?;
    let target = Target::started(&server)?;
    Ok((server, target))
}

async fn run(shared: &Shared, script: &Script) -> Result<()> {
    match dialogue::run(script, shared.started().await?).await? {
        Outcome::Passed => Ok(()),
        Outcome::Skipped(why) => bail!("it was not run: {why}"),
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let runtime = Arc::new(Runtime::new().unwrap());
    let shared = Arc::new(Shared::default());
    let scripts = Script::read_all(&dialogue::folder()).unwrap();
    let trials = scripts.into_iter().map(|script| {
        let (runtime, shared) = (Arc::clone(&runtime), Arc::clone(&shared));
        Trial::test(script.name.clone(), move || {
            let ran = runtime.block_on(run(&shared, &script));
            ran.map_err(|error| format!("{error:#}").into())
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    let server = Arc::into_inner(shared).and_then(|shared| shared.0.into_inner());
    // It ends by SIGTERM with 0 and has not panicked.
    let ended = server.map_or(Ok(()), |(server, _)| runtime.block_on(server.stop()));
    if let Err(error) = &ended {
        println!("the server did not end well: {error:#}");
    }
    if conclusion.has_failed() || ended.is_err() {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
