//! The dialogues against the built server: each script beside this file is a test of its name, all of them against one running
//! server; and once more, as `provided::` and its name, against one whose accounts, rosters and sessions plugins keep.
//! `waxwing_tests::dialogue` says how scripts are written; `cargo xtask dialogues` runs them against any other server.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test, though without the attribute that says so: what panics here fails, and what is printed is to be read"
)]

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use waxwing_tests::dialogue::{self, Outcome, Script, Target};
use waxwing_tests::{Server, environment};

/// Plugins that keep accounts, rosters and sessions in their storage.
const PROVIDERS: [&str; 3] = ["stored-accounts", "stored-roster", "stored-sessions"];
const GRANTS: &str = "[plugin.stored-accounts]\ngrants = [\"auth-provider\", \"storage\"]\n\
    [plugin.stored-roster]\ngrants = [\"roster-provider\", \"storage\"]\n\
    [plugin.stored-sessions]\ngrants = [\"session-provider\", \"storage\", \"sessions\"]";

/// Providers say how a roster is, not what became of an older one.
const NOT_PROVIDED: [&str; 1] = ["roster_15_an_older_version"];

/// A server, started by the first script.
struct Shared {
    is_provided: bool,
    started: OnceCell<(Server, Target)>,
}

impl Shared {
    fn new(is_provided: bool) -> Arc<Self> {
        let started = OnceCell::default();
        Arc::new(Self {
            is_provided,
            started,
        })
    }

    async fn started(&self) -> Result<&Target> {
        let start = || start(self.is_provided);
        let started = self.started.get_or_try_init(start).await?;
        Ok(&started.1)
    }

    /// Plugins have kept what they were to keep. It ends by SIGTERM with 0 and has not panicked.
    async fn stop(self: Arc<Self>) -> Result<()> {
        let is_provided = self.is_provided;
        match Arc::into_inner(self).and_then(|shared| shared.started.into_inner()) {
            Some((server, _)) => {
                if is_provided {
                    have_provided(&server).await?;
                }
                server.stop().await
            }
            None => Ok(()),
        }
    }
}

async fn start(is_provided: bool) -> Result<(Server, Target)> {
    let mut settings = Target::settings();
    if is_provided {
        for name in PROVIDERS {
            let component = environment::guest(&format!("examples/{name}.wasm"))?;
            settings = settings.plugin(&component, name);
        }
        settings = settings.config(GRANTS);
    }
    let server = settings.start().await?;
    let target = Target::started(&server)?;
    Ok((server, target))
}

/// Each provider was asked, and never failed: nothing went by the server's own accounts, rosters or sessions.
async fn have_provided(server: &Server) -> Result<()> {
    let list = server.cli(&["plugin", "list", "--json"]).await?;
    let list: Vec<serde_json::Value> = serde_json::from_str(&list.stdout)?;
    for name in PROVIDERS {
        let provider = list.iter().find(|plugin| plugin["name"] == name);
        let provider = provider.with_context(|| format!("there is no {name}"))?;
        let is_asked = provider["calls"].as_u64() > Some(0) && provider["faults"] == 0;
        ensure!(is_asked && provider["state"] == "serving", "{provider}");
    }
    Ok(())
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
    let servers = [("", Shared::new(false)), ("provided::", Shared::new(true))];
    let mut trials = Vec::new();
    for (prefix, shared) in &servers {
        for script in Script::read_all(&dialogue::folder()).unwrap() {
            if shared.is_provided && NOT_PROVIDED.contains(&script.name.as_str()) {
                continue;
            }
            let (runtime, shared) = (Arc::clone(&runtime), Arc::clone(shared));
            let name = format!("{prefix}{}", script.name);
            trials.push(Trial::test(name, move || {
                let ran = runtime.block_on(run(&shared, &script));
                ran.map_err(|error| format!("{error:#}").into())
            }));
        }
    }
    let mut has_failed = libtest_mimic::run(&arguments, trials).has_failed();
    for (_, shared) in servers {
        if let Err(error) = runtime.block_on(shared.stop()) {
            println!("the server did not end well: {error:#}");
            has_failed = true;
        }
    }
    if has_failed {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
