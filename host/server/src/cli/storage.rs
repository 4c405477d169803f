//! `waxwing storage`

use std::{
    fmt::Write as _,
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use clap::Subcommand;
use waxwing_storage::Progress;

use super::say;
use crate::{admin, config::Config};

/// How often a copy tells how far it is.
const TELLING: Duration = Duration::from_millis(500);

#[derive(Subcommand)]
pub(super) enum Command {
    /// Copy everything from one database to another, and compare the two; the server must be stopped
    Copy {
        /// The database to copy, as in `storage.url`
        from: String,
        /// The database to copy to, which must never have been used
        to: String,
    },
}

pub(super) fn execute(command: &Command, config: &Config) -> anyhow::Result<()> {
    let Command::Copy { from, to } = command;
    // A running server would change what is being copied.
    let _claim = admin::claim(&config.data_dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut teller = Teller::default();
    let mut told = Ok(());
    let mut tell = |progress: Progress<'_>| {
        if told.is_ok() {
            told = teller.tell(progress);
        }
    };
    runtime.block_on(waxwing_storage::copy(from, to, &config.data_dir, &mut tell))?;
    told?;
    let (from, to) = (waxwing_storage::shown(from), waxwing_storage::shown(to));
    Ok(say(&format!("copied {from} to {to}; they are the same"))?)
}

/// Tells how far a copy is: on a terminal in one line on standard error, then a line for each table on standard output.
#[derive(Default)]
struct Teller {
    last: Option<Instant>,
}

impl Teller {
    fn tell(&mut self, progress: Progress<'_>) -> io::Result<()> {
        match progress {
            Progress::Copying { table, done, of } => self.copying(table, done, of),
            Progress::Compared {
                table,
                rows,
                digest,
            } => {
                let mut short = String::new();
                for octet in digest.iter().take(8) {
                    // Writing to a string does not fail.
                    let _ = write!(short, "{octet:02x}");
                }
                say(&format!("{table:<16}  {rows:>9} rows  sha256 {short}…"))
            }
        }
    }

    fn copying(&mut self, table: &str, done: u64, of: u64) -> io::Result<()> {
        let soon = self.last.is_some_and(|last| last.elapsed() < TELLING);
        if soon && done < of {
            return Ok(());
        }
        self.last = Some(Instant::now());
        let mut out = io::stderr();
        if out.is_terminal() {
            // The line is written over, and left when the table is done.
            let end = if done < of { "" } else { "\n" };
            write!(out, "\r{table}: {done} of {of}{end}")?;
            out.flush()
        } else {
            writeln!(out, "{table}: {done} of {of}")
        }
    }
}
