//! Messages a second and processor time a message, for this server and for two others, with the same load generator.
//!
//! Each server runs on one processor and the generator on another; all speak plain TCP on loopback, keep no archive, and
//! start from nothing. The servers take turns, round by round, and medians are shown. `cargo xtask bench` runs it.

mod generator;
mod report;
mod subjects;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;

use crate::generator::Load;
use crate::report::{Figures, Report};
use crate::subjects::Subject;

/// What is measured, and how long.
#[derive(Debug, Parser)]
#[command(
    name = "load",
    about = "Compares messages a second and processor time a message of several servers"
)]
struct Arguments {
    /// Servers to measure; all by default
    #[arg(value_enum)]
    subjects: Vec<Subject>,
    /// Rounds; each measures every server once
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Pairs of sessions, one sending and one receiving
    #[arg(long, default_value_t = 50)]
    pairs: usize,
    /// Messages that each pair keeps on the way
    #[arg(long, default_value_t = 16)]
    window: usize,
    /// Bytes of a message, stanza and all
    #[arg(long, default_value_t = 300)]
    bytes: usize,
    /// Seconds measured, after two of warming up
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Folder for the figures as JSON and as a Markdown table
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let cpus = std::thread::available_parallelism()?.get();
    // With one processor both share it, and the figures say little.
    let (server_cpu, generator_cpu) = (0, usize::from(cpus > 1));
    pin(generator_cpu)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(measure(&arguments, server_cpu))?;
    report.show(arguments.out.as_deref())
}

async fn measure(arguments: &Arguments, server_cpu: usize) -> Result<Report> {
    let subjects = if arguments.subjects.is_empty() {
        Subject::ALL.to_vec()
    } else {
        arguments.subjects.clone()
    };
    let load = Load {
        pairs: arguments.pairs,
        window: arguments.window,
        bytes: arguments.bytes,
        seconds: Duration::from_secs(arguments.seconds),
    };
    let mut report = Report::new(&load);
    for round in 1..=arguments.rounds {
        for subject in &subjects {
            let figures = one(*subject, &load, server_cpu)
                .await
                .with_context(|| format!("measuring {}", subject.name()))?;
            report::progress(&format!("round {round}: {:<28} {figures}", subject.name()));
            report.add(*subject, figures);
        }
    }
    Ok(report)
}

async fn one(subject: Subject, load: &Load, cpu: usize) -> Result<Figures> {
    let folder = tempfile::tempdir()?;
    let mut running = subjects::start(subject, folder.path(), load, cpu).await?;
    let figures = generator::run(load, running.address, running.pid).await;
    running.stop().await?;
    figures
}

/// Keeps this process on one processor.
fn pin(cpu: usize) -> Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    set.set(cpu);
    rustix::thread::sched_setaffinity(None, &set).context("cannot choose a processor")
}
