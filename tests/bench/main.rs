//! How fast this server is, beside other servers and beside a relay that only copies bytes.
//!
//! One generator puts the same load on every server, one server at a time: each runs on one processor and the generator on
//! another. Rates and latencies are read at the clients, processor time and memory from the system. The servers take turns,
//! round by round, so that what the machine's clock does falls on all of them; ratios are computed within a round.
//! `cargo xtask bench` runs it.
//!
//! Layers, from the bottom: [`measure`] and [`metric`]; [`generator`], a client that costs little; [`subjects`], what is
//! measured; [`workloads`], the loads; [`plan`], which load goes on which subject; [`runner`], the rounds; [`report`] with
//! [`plot`], what was seen.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    reason = "figures for people"
)]
#![expect(
    clippy::format_push_string,
    reason = "reads better, and is done once a run"
)]

mod generator;
mod measure;
mod metric;
mod plan;
mod plot;
mod report;
mod runner;
mod subjects;
mod workloads;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

use crate::report::{Report, compare};
use crate::runner::Options;
use crate::subjects::Server;

/// What is measured, and how long.
#[derive(Debug, Parser)]
#[command(
    name = "bench",
    about = "Compares this server with others, and with a relay that only copies bytes",
    args_conflicts_with_subcommands = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Workloads; all by default. --list names them
    workloads: Vec<String>,
    /// Name the workloads
    #[arg(long)]
    list: bool,
    /// Servers, separated by commas; all by default
    #[arg(long, value_enum, value_delimiter = ',')]
    servers: Vec<Server>,
    /// Rounds; each measures every server once
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds measured, after half a second of warming up
    #[arg(long, default_value_t = 1.5)]
    seconds: f64,
    /// Folder for the figures: JSON, Markdown, plots
    #[arg(long)]
    out: Option<PathBuf>,
    /// Figures of an earlier run, to compare with
    #[arg(long, value_name = "OLD.json")]
    compare: Option<PathBuf>,
    /// The server's binary; by default it is built
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Another binary of the server, measured in turn with the first
    #[arg(long, value_name = "PATH")]
    against: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Be the relay that only copies bytes
    #[command(hide = true)]
    Relay {
        /// Octets of a message
        message: usize,
    },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if let Some(Command::Relay { message }) = arguments.command {
        return tokio::task::LocalSet::new().block_on(&runtime, subjects::relay::serve(message));
    }
    let workloads = plan::chosen(&arguments.workloads)?;
    if arguments.list {
        return report::say(&plan::listing(&workloads));
    }
    let old = arguments.compare.as_deref().map(Report::read).transpose()?;
    measure::pin(measure::generator_cpu()?)?;
    measure::raise_file_limit()?;
    let options = Options {
        servers: arguments.servers,
        rounds: arguments.rounds,
        seconds: seconds(arguments.seconds)?,
        binary: arguments.binary,
        against: arguments.against,
    };
    let report = tokio::task::LocalSet::new()
        .block_on(&runtime, runner::run(&workloads, options))
        .context("the bench is not whole")?;
    report::say(&report::text(&report))?;
    if let Some(folder) = &arguments.out {
        report::write(&report, folder)?;
    }
    match old {
        Some(old) => report::say(&compare::table(&old, &report)),
        None => Ok(()),
    }
}

fn seconds(given: f64) -> Result<Duration> {
    match Duration::try_from_secs_f64(given) {
        Ok(seconds) if !seconds.is_zero() => Ok(seconds),
        _ => bail!("--seconds must be more than 0"),
    }
}
