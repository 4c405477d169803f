//! `cargo xtask soak`: the tests of what the server survives, for longer than every run of the tests has time for.

use anyhow::Result;

use crate::check::{black_box, on_postgresql};
use crate::clients;
use crate::host::{self, Profile};
use crate::layout::Layout;
use crate::postgres;
use crate::progress::Progress;
use crate::totals::Totals;

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
    let binary = host::build_with_guests(layout, progress, Profile::Release)?;
    let mut totals = Totals::default();
    for postgresql in [false, true] {
        let database = if postgresql { "PostgreSQL" } else { "SQLite" };
        progress.phase(&format!("{KILLS} kills on {database}"));
        let cargo = black_box(layout, &binary);
        let mut cargo = if postgresql {
            on_postgresql(cargo)
        } else {
            cargo
        };
        cargo.env("SURVIVAL_KILLS", KILLS);
        cargo.args([
            "--test",
            "scenarios",
            "--",
            "survival::nothing",
            "--nocapture",
        ]);
        totals.run(&mut cargo)?;
    }
    progress.phase(&format!("faults of {FAULT_SECONDS} seconds"));
    let mut cargo = black_box(layout, &binary);
    cargo.env("FAULT_SECONDS", FAULT_SECONDS);
    totals.run(cargo.args(["--test", "faults", "--", "--nocapture"]))?;
    progress.phase(&format!("{CROWD} clients come back at once"));
    let mut cargo = black_box(layout, &binary);
    cargo.env("CROWD_SESSIONS", CROWD);
    cargo.args(["--test", "scenarios", "--", "crowds::all", "--nocapture"]);
    totals.run(&mut cargo)?;
    totals.verdict()?;
    progress.done(&totals.to_string());
    Ok(())
}
