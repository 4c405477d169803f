//! The command line `waxwing`.

mod config;
mod import;
mod listing;
mod password;
mod plugin;
mod stats;
mod storage;
mod trace;
mod user;
mod writing;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::{
    admin,
    config::{Config, Sources, load},
};

/// An XMPP server whose extensions are sandboxed WebAssembly components.
#[derive(Parser)]
#[command(name = "waxwing", version, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    configuration: Configuration,
    #[command(subcommand)]
    command: Command,
}

/// Where the configuration comes from.
#[derive(Args)]
struct Configuration {
    /// Configuration file; default: waxwing.toml here if it exists, else /etc/waxwing/waxwing.toml if that exists
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one key of the configuration, over the file and the environment: --set limits.stanza_bytes=65536
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve in the foreground
    Run,
    /// Accounts, on a running server or a stopped one
    #[command(subcommand)]
    User(user::Command),
    /// Plugins
    #[command(subcommand)]
    Plugin(Plugin),
    /// The database
    #[command(subcommand)]
    Storage(storage::Command),
    /// The configuration, checked and shown
    #[command(subcommand)]
    Config(config::Command),
}

/// Those that make a plugin need no server and no configuration.
#[derive(Subcommand)]
enum Plugin {
    #[command(flatten)]
    Serving(plugin::Command),
    #[command(flatten)]
    Writing(writing::Command),
}

impl Configuration {
    fn sources(&self) -> Sources {
        Sources::of_process(self.config.clone(), self.set.clone())
    }

    fn load(&self) -> anyhow::Result<Config> {
        let config = load(&self.sources())?;
        for warning in &config.warnings {
            warn(warning);
        }
        Ok(config)
    }
}

/// Runs the command that the process was started with. `serve` runs the server until it is told to stop; it has the data
/// folder to itself, and may load its [`Sources`] again.
///
/// Exits with 0, with 1 after one line on standard error, or with 2 if the command is not one.
pub fn main(serve: impl FnOnce(Config, Sources) -> anyhow::Result<()>) -> ExitCode {
    let cli = Cli::parse();
    match execute(&cli, serve) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has had enough of it, as `head` has.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let line = format!("{error:#}").replace('\n', "; ");
            // If standard error is closed there is nobody to tell.
            let _ = writeln!(io::stderr(), "waxwing: {line}");
            ExitCode::FAILURE
        }
    }
}

fn execute(
    cli: &Cli,
    serve: impl FnOnce(Config, Sources) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let configuration = &cli.configuration;
    match &cli.command {
        Command::Run => run(configuration.sources(), serve),
        Command::User(command) => user::execute(command, &configuration.load()?),
        Command::Plugin(Plugin::Serving(command)) => {
            plugin::execute(command, &configuration.load()?)
        }
        Command::Plugin(Plugin::Writing(command)) => writing::execute(command),
        Command::Storage(command) => storage::execute(command, &configuration.load()?),
        Command::Config(command) => config::execute(command, configuration),
    }
}

fn run(
    sources: Sources,
    serve: impl FnOnce(Config, Sources) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let config = load(&sources)?;
    log_to_stderr()?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let _claim = admin::claim(&config.data_dir)?;
    serve(config, sources)
}

/// `RUST_LOG` chooses what is logged; without it, what an operator should know.
fn log_to_stderr() -> anyhow::Result<()> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) => EnvFilter::try_new(filter).context("RUST_LOG is not a filter of the log")?,
        Err(_) => EnvFilter::new("info"),
    };
    let colours = io::IsTerminal::is_terminal(&io::stderr());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours);
    log.with_writer(io::stderr)
        .try_init()
        .map_err(|error| anyhow::anyhow!("cannot log: {error}"))
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Warns of something that the next version will not do.
fn warn(line: &str) {
    // If standard error is closed there is nobody to warn.
    let _ = writeln!(io::stderr(), "waxwing: {line}");
}

/// Prints one line on standard output.
fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
