//! `cargo xtask soak`: the tests of what the server survives, for longer than every run of the tests has time for.

use anyhow::{Context, Result};

use crate::check;
use crate::clients;
use crate::guests::Which;
use crate::host::{self, Profile};
use crate::layout::Layout;
use crate::postgres;
use crate::progress::{self, Progress};
use crate::suite::{Program, Report};

/// How often the server is killed, on each database.
const KILLS: &str = "200";
/// How long each fault of a database or a disk lasts.
const FAULT_SECONDS: &str = "60";
/// How many clients come back at once to a server that starts again. As many files are open in the tests and in the server.
const CROWD: &str = "5000";

/// Kills the server on SQLite, then on PostgreSQL, lets databases and disks fail, and has a crowd come back. What was seen is printed.
pub(crate) fn run(layout: &Layout, progress: &Progress) -> Result<()> {
    clients::install(layout, progress)?;
    postgres::install(layout, progress)?;
    // Only a server that is as fast as it is to be keeps up with what the users say.
    let binary = host::build_with_guests(layout, progress, Profile::Release, Which::All)?;
    let report = Report::new(progress);
    let program = |target: &str| -> Result<Program> {
        let programs = check::black_box(layout, &binary, target)?;
        let program = programs.into_iter().next().context("nothing was built")?;
        Ok(program.shows_all().threads(1))
    };
    let scenarios = program("scenarios")?;
    let kills = scenarios.clone().variable("SURVIVAL_KILLS", KILLS);
    let kills = kills.only(&["survival::nothing"]);
    progress.phase(&format!("{KILLS} kills on SQLite"));
    kills.run(&report)?;
    progress.phase(&format!("{KILLS} kills on PostgreSQL"));
    check::on_postgresql(&kills).run(&report)?;
    progress.phase(&format!("faults of {FAULT_SECONDS} seconds"));
    let faults = program("faults")?.variable("FAULT_SECONDS", FAULT_SECONDS);
    faults.run(&report)?;
    progress.phase(&format!("{CROWD} clients come back at once"));
    let crowd = scenarios.variable("CROWD_SESSIONS", CROWD);
    crowd.only(&["crowds::all"]).run(&report)?;
    progress::plain(&report.slowest());
    progress.done(&report.verdict()?);
    Ok(())
}
