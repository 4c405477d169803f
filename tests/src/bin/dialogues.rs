//! Runs the dialogues of `tests/scenarios/dialogues` against any XMPP server: `cargo xtask dialogues`.

#![expect(
    clippy::print_stdout,
    reason = "a command whose result is what it prints"
)]

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use tokio::process::Child;
use tokio::sync::Mutex;
use waxwing_tests::dialogue::{self, Accounts, Outcome, Script, Target};
use waxwing_tests::peers;
use waxwing_tests::tls::Version;

/// The second domain of a Prosody that is started here.
const OTHER: &str = "other.localhost";

/// What is run, and against what.
#[derive(Debug, Parser)]
#[command(
    name = "dialogues",
    about = "Runs scripted dialogues against an XMPP server"
)]
struct Arguments {
    /// Scripts to run, by a part of their names; all by default
    filter: Vec<String>,
    /// The server, as host:port
    #[arg(long, required_unless_present = "prosody")]
    server: Option<String>,
    /// Starts Debian's Prosody for this and runs against it
    #[arg(long, conflicts_with_all = ["server", "starttls", "accounts", "other_domain"])]
    prosody: bool,
    /// The server's domain
    #[arg(long, default_value = "localhost")]
    domain: String,
    /// A second domain that it serves; scripts that need one are left out otherwise
    #[arg(long)]
    other_domain: Option<String>,
    /// STARTTLS, by this version of TLS: 1.2 or 1.3; any certificate is accepted
    #[arg(long, value_parser = version)]
    starttls: Option<Version>,
    /// A file of accounts, a local part, a tab and a password a line; without it they are registered in-band
    #[arg(long)]
    accounts: Option<PathBuf>,
    /// Seconds that the server may take for an answer
    #[arg(long, default_value_t = 10)]
    patience: u64,
    /// The folder of scripts
    #[arg(long)]
    scripts: Option<PathBuf>,
}

fn version(text: &str) -> Result<Version> {
    match text {
        "1.2" => Ok(Version::V12),
        "1.3" => Ok(Version::V13),
        other => bail!("not 1.2 or 1.3: {other}"),
    }
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(&arguments))
}

async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let folder = arguments.scripts.clone().unwrap_or_else(dialogue::folder);
    let mut scripts = Script::read_all(&folder)?;
    let wanted = &arguments.filter;
    scripts
        .retain(|script| wanted.is_empty() || wanted.iter().any(|part| script.name.contains(part)));
    let state = tempfile::tempdir()?;
    let (target, _child) = target(arguments, state.path()).await?;
    let (mut passed, mut failed, mut skipped) = (0_usize, 0_usize, 0_usize);
    for script in &scripts {
        let count = match dialogue::run(script, &target).await {
            Ok(Outcome::Passed) => {
                println!("ok       {}", script.name);
                &mut passed
            }
            Ok(Outcome::Skipped(why)) => {
                println!("skipped  {}: {why}", script.name);
                &mut skipped
            }
            Err(error) => {
                println!(
                    "DIFFERS  {}: {} ({})\n{error:#}\n",
                    script.name, script.title, script.clause
                );
                &mut failed
            }
        };
        *count = count.saturating_add(1);
    }
    println!("{passed} as written, {failed} differ, {skipped} skipped");
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn target(arguments: &Arguments, state: &Path) -> Result<(Target, Option<Child>)> {
    let (address, other, child) = if arguments.prosody {
        let (peer, child) = peers::prosody_for_dialogues(state, OTHER).await?;
        let (_, address) = *peer.listeners.first().context("it listens nowhere")?;
        (address, Some(OTHER.to_owned()), Some(child))
    } else {
        let server = arguments.server.as_deref().unwrap_or_default();
        (resolve(server)?, arguments.other_domain.clone(), None)
    };
    let target = Target {
        address,
        domain: arguments.domain.clone(),
        other,
        starttls: arguments.starttls,
        accounts: accounts(arguments.accounts.as_deref())?,
        patience: Duration::from_secs(arguments.patience),
    };
    Ok((target, child))
}

fn resolve(server: &str) -> Result<SocketAddr> {
    let mut found = server
        .to_socket_addrs()
        .with_context(|| format!("cannot resolve {server}; it must be host:port"))?;
    found
        .next()
        .with_context(|| format!("{server} has no address"))
}

fn accounts(file: Option<&Path>) -> Result<Accounts> {
    let Some(file) = file else {
        return Ok(Accounts::InBand);
    };
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let lines = text.lines().filter(|line| !line.is_empty());
    let accounts = lines.map(|line| {
        let (user, password) = line
            .split_once('\t')
            .with_context(|| format!("no tab in {line:?}"))?;
        Ok((user.to_owned(), password.to_owned()))
    });
    Ok(Accounts::Listed(Mutex::new(
        accounts.collect::<Result<_>>()?,
    )))
}
