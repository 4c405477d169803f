//! `cargo xtask`: sets up, builds, runs, tests and measures the server.
//!
//! A fresh machine needs Rust and a C compiler; what else is missing is installed, or named with the command that
//! installs it. Every step may be repeated, interrupted, and run beside another one.
//!
//! Layers, from the bottom: [`process`] and [`progress`]; [`apt`], [`toolchain`] and [`clients`] bring what is missing;
//! [`guests`] and [`host`] build; [`suite`] runs programs of tests; [`check`], [`soak`], [`dialogues`], [`counts`] and
//! [`mod@bench`] use what was built; [`mod@reference`], [`mod@seeds`] and [`guide`] keep the documents true. Nothing here is
//! part of the server.

mod apt;
mod bench;
mod check;
mod clients;
mod clock;
mod compatibility;
mod counts;
mod dialogues;
mod fresh;
mod guests;
mod guide;
mod host;
mod hostile;
mod layers;
mod layout;
mod lint;
mod postgres;
mod process;
mod progress;
mod proxies;
mod reference;
mod seeds;
mod soak;
mod suite;
mod toolchain;
mod totals;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::counts::Mode;
use crate::guests::Which;
use crate::host::Profile;
use crate::layout::Layout;
use crate::progress::Progress;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  run [--release] [ARGUMENTS…]   build the server with its plugins, then serve; arguments go to `waxwing run`
  build [--release]              build the server with its plugins: target/debug/waxwing or target/release/waxwing
  guests [--all]                 build the bundled and the example plugins: target/guests; with --all also those that only tests use
  lint                           formatting, lints and layers of the server and of the plugins, and what the guide says of wit/
  reference                      write the guide's pages about the interfaces anew, from wit/
  seeds                          write docs/seeds.md anew, from docs/seeds.toml and the tests
  test [NAME…]                   build, install the clients that the tests use, run all tests, or those of these names; a name
                                 is a part of a test's path, or a package, a target or a plugin: contacts, scenarios::contacts, ping
  soak                           kill the server 200 times on each database, let databases and disks fail for a minute each, and have
                                 5,000 clients come back at once
  dialogues [ARGUMENTS…]         run the scripted dialogues against any server, or Prosody; --help lists the arguments
  counts [--bless]               count the instructions of inner steps, and compare with what was counted before
  bench [ARGUMENTS…]             measure the server beside others and beside a relay; --help lists the arguments";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    match dispatch(command, rest) {
        Ok(code) => code,
        Err(error) => {
            progress::failure(&error);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: &str, rest: &[String]) -> Result<ExitCode> {
    let has_own_help = matches!(command, "run" | "dialogues" | "bench");
    let asks = |argument: &String| matches!(argument.as_str(), "--help" | "-h");
    let command = match rest {
        [argument] if !has_own_help && asks(argument) => "help",
        _ => command,
    };
    match command {
        "run" | "build" | "guests" | "lint" | "reference" | "seeds" | "test" | "soak"
        | "dialogues" | "counts" | "bench" => {}
        "help" | "--help" | "-h" => {
            progress::plain(USAGE);
            return Ok(ExitCode::SUCCESS);
        }
        other => {
            progress::plain(&format!("unknown command `{other}`\n\n{USAGE}"));
            return Ok(ExitCode::from(2));
        }
    }
    let layout = Layout::find()?;
    let progress = Progress::start();
    let (profile, rest) = Profile::take(rest);
    match command {
        "run" => {
            let binary = host::build_with_guests(&layout, &progress, profile, Which::Bundled)?;
            return Err(host::serve(&binary, rest, &progress));
        }
        "build" => {
            no_more(rest)?;
            let binary = host::build_with_guests(&layout, &progress, profile, Which::Bundled)?;
            progress.done(&format!("built {}", layout.shown(&binary)));
        }
        "guests" => {
            let all = rest.first().is_some_and(|argument| argument == "--all");
            no_more(rest.get(usize::from(all)..).unwrap_or_default())?;
            let which = if all { Which::All } else { Which::WithExamples };
            guests::build(&layout, &progress, which)?;
            if all {
                hostile::build_languages(&layout, &progress)?;
            }
        }
        "lint" => {
            no_more(rest)?;
            lint::run(&layout, &progress)?;
        }
        "reference" => {
            no_more(rest)?;
            reference::run(&layout, &progress)?;
        }
        "seeds" => {
            no_more(rest)?;
            seeds::run(&layout, &progress)?;
        }
        "test" => check::run(&layout, &progress, rest)?,
        "soak" => {
            no_more(rest)?;
            soak::run(&layout, &progress)?;
        }
        "dialogues" => dialogues::run(&layout, &progress, rest)?,
        "counts" => {
            let bless = rest.first().is_some_and(|argument| argument == "--bless");
            no_more(rest.get(usize::from(bless)..).unwrap_or_default())?;
            let mode = if bless { Mode::Bless } else { Mode::Check };
            counts::run(&layout, &progress, mode)?;
        }
        _ => bench::run(&layout, &progress, rest)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn no_more(rest: &[String]) -> Result<()> {
    match rest.first() {
        Some(argument) => {
            bail!("unknown argument `{argument}`; `cargo xtask help` lists the commands")
        }
        None => Ok(()),
    }
}
