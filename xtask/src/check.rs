//! `cargo xtask test`: everything that can be shown by tests, from a machine with nothing but Rust.

use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::Result;

use crate::clients;
use crate::clock;
use crate::counts::{self, Mode};
use crate::guests::{self, Which};
use crate::host::{self, Profile};
use crate::hostile;
use crate::layout::Layout;
use crate::postgres;
use crate::process;
use crate::progress::{self, Progress};
use crate::proxies;
use crate::suite::{self, Kind, Part, Program, Queue, Report};
use crate::totals::Totals;

/// The crates tested on their own. Apart from `waxwing-tests`, whose clients would switch on features of shared
/// dependencies that the server is not built with.
const CRATES: [&str; 5] = [
    "waxwing-xml",
    "waxwing-xmpp",
    "waxwing-storage",
    "waxwing-plugins",
    "waxwing-server",
];

/// Those of them whose tests call built plugins.
const WITH_GUESTS: [&str; 2] = ["waxwing-plugins", "waxwing-server"];

/// The package of the tests that talk to the built server.
const BLACK_BOX: &str = "waxwing-tests";
/// Of these a test is one server with a load beside it, and measures: nothing else runs meanwhile.
const ALONE: [&str; 2] = ["hostile", "faults"];
/// As many scenarios at once: some keep two processors busy by themselves, and all of them wait for answers in time.
const SCENARIOS_AT_ONCE: usize = 2;

/// Scenarios that are run on PostgreSQL too: what they show stands or falls with the database.
const ON_POSTGRESQL: [&str; 9] = [
    "contacts::",
    "stream_management::",
    "receiving::",
    "survival::",
    "copying::",
    "effects::storage",
    "effects::atomicity",
    "accounts::",
    "registration::",
];

/// Runs the crates' own tests, xtask's, the plugins', and the black-box tests of the built server; with `names` those of these
/// names.
pub(crate) fn run(layout: &Layout, progress: &Progress, names: &[String]) -> Result<()> {
    let report = Report::new(progress);
    if names.is_empty() {
        all(layout, progress, &report)?;
    } else {
        some(layout, progress, &report, &suite::parts(layout, names)?)?;
    }
    progress::plain(&report.slowest());
    progress.done(&report.verdict()?);
    Ok(())
}

/// Everything. What is built is run while the next is built.
fn all(layout: &Layout, progress: &Progress, report: &Report<'_>) -> Result<()> {
    // What needs the network first: a failure is told before minutes of compiling, not after.
    set_up(layout, progress)?;
    let queue = Queue::default();
    let alone = thread::scope(|scope| {
        scope.spawn(|| queue.work(report));
        // Only the matrix of hostile guests needs them, which runs last.
        scope.spawn(|| {
            if let Err(error) = hostile::build_languages(layout, progress) {
                report.fault("the hostile guests in JavaScript and Python", &error);
            }
        });
        let built = build_all(layout, progress, report, &queue);
        // Nothing is built any more, so there is time for two.
        scope.spawn(|| queue.work(report));
        queue.complete();
        built
    })?;
    for program in &alone {
        program.run(report)?;
    }
    Ok(())
}

/// Builds everything and queues it; returns what is to run when nothing else does.
fn build_all(
    layout: &Layout,
    progress: &Progress,
    report: &Report<'_>,
    queue: &Queue,
) -> Result<Vec<Program>> {
    let binary = host::build_with_guests(layout, progress, Profile::Debug, Which::All)?;
    progress.phase("building the black-box tests of the server");
    let mut cargo = host::cargo(layout);
    cargo.args(["test", "--package", BLACK_BOX]);
    let (alone, black_box): (Vec<_>, Vec<_>) =
        suite::build(&mut cargo, "building the black-box tests")?
            .into_iter()
            .map(|program| with_server(program, layout, &binary))
            .partition(|program: &Program| ALONE.contains(&program.name.as_str()));
    let scenarios = black_box.iter().find(|program| program.name == SCENARIOS);
    let on_postgresql = scenarios.map(|scenarios| on_postgresql(scenarios).only(&ON_POSTGRESQL));
    progress.phase("building the tests of the server's crates");
    let mut cargo = host::cargo(layout);
    cargo.arg("test");
    for name in CRATES {
        cargo.args(["--package", name]);
    }
    queue.add(with_guests(
        layout,
        suite::build(&mut cargo, "building the crates' tests")?,
    ));
    let mut cargo = host::cargo(layout);
    cargo.args(["test", "--package", "xtask"]);
    queue.add(suite::build(&mut cargo, "building the tests of xtask")?);
    progress.phase("building the tests of the plugins, natively");
    queue.add(suite::build(
        natively(layout).arg("--workspace"),
        "building the plugins' tests",
    )?);
    let mut examples = Totals::default();
    examples.run(natively(layout).args(["--workspace", "--doc"]))?;
    report.add("the examples in the SDK's documentation", &examples);
    if let Err(error) = counts::run(layout, progress, Mode::Check) {
        report.fault("counts", &error);
    }
    // Not beside a compiler, which takes the processors that their servers need.
    queue.add(on_postgresql);
    queue.add(black_box);
    Ok(alone)
}

/// The tests of these parts, one program after the other.
fn some(layout: &Layout, progress: &Progress, report: &Report<'_>, parts: &[Part]) -> Result<()> {
    let is_black_box = |part: &Part| part.package == BLACK_BOX;
    let binary = if parts.iter().any(is_black_box) {
        set_up(layout, progress)?;
        if parts.iter().any(|part| part.target == "hostile") {
            hostile::build_languages(layout, progress)?;
        }
        Some(host::build_with_guests(
            layout,
            progress,
            Profile::Debug,
            Which::All,
        )?)
    } else {
        if parts
            .iter()
            .any(|part| WITH_GUESTS.contains(&part.package.as_str()))
        {
            guests::build(layout, progress, Which::All)?;
        }
        None
    };
    for part in parts {
        progress.phase(&format!("building the tests of {}", part.target));
        let mut cargo = if part.is_plugin {
            natively(layout)
        } else {
            let mut cargo = host::cargo(layout);
            cargo.arg("test");
            cargo
        };
        cargo.args(["--package", &part.package]);
        match part.kind {
            Kind::Library => cargo.arg("--lib"),
            Kind::Binary => cargo.args(["--bin", &part.target]),
            Kind::Test => cargo.args(["--test", &part.target]),
        };
        if is_black_box(part) {
            // The clients that scenarios start are examples.
            cargo.arg("--examples");
        }
        for program in with_guests(layout, suite::build(&mut cargo, "building the tests")?) {
            let program = program.only(&part.filters);
            let program = match &binary {
                Some(binary) => with_server(program, layout, binary),
                None => program,
            };
            program.run(report)?;
        }
    }
    Ok(())
}

/// Installs and makes what tests need besides programs of Rust.
fn set_up(layout: &Layout, progress: &Progress) -> Result<()> {
    clients::install(layout, progress)?;
    postgres::install(layout, progress)?;
    clock::install(layout, progress)?;
    proxies::install(layout, progress)
}

/// `cargo test` of the plugins as native code.
fn natively(layout: &Layout) -> Command {
    let mut cargo = process::cargo();
    cargo
        .current_dir(layout.guest_workspace())
        .env("CARGO_TARGET_DIR", layout.guest_native())
        .arg("test");
    cargo
}

/// Tests that find the built plugins.
fn with_guests(layout: &Layout, programs: Vec<Program>) -> impl Iterator<Item = Program> {
    let folder = layout.guests();
    let programs = programs.into_iter();
    programs.map(move |program| program.variable("WAXWING_GUESTS", &folder))
}

/// The name of the program that most black-box tests are in.
const SCENARIOS: &str = "scenarios";

/// A program that talks to the built server.
fn with_server(program: Program, layout: &Layout, binary: &Path) -> Program {
    let program = program
        .variable("WAXWING_GUESTS", layout.guests())
        .variable("WAXWING_BIN", binary)
        .variable("WAXWING_TEST_ENV", layout.test_environment());
    if program.name == SCENARIOS {
        return program.threads(SCENARIOS_AT_ONCE);
    }
    program
}

/// The same, with PostgreSQL as the servers' database.
pub(crate) fn on_postgresql(scenarios: &Program) -> Program {
    let scenarios = scenarios.clone().called("scenarios on PostgreSQL");
    scenarios.variable("WAXWING_TEST_STORAGE", "postgres")
}

/// The tests that last long, for [`crate::soak`]: a program of black-box tests of a built server.
pub(crate) fn black_box(layout: &Layout, binary: &Path, target: &str) -> Result<Vec<Program>> {
    let mut cargo = host::cargo(layout);
    cargo.args([
        "test",
        "--package",
        BLACK_BOX,
        "--test",
        target,
        "--examples",
    ]);
    let programs = suite::build(&mut cargo, "building the black-box tests")?.into_iter();
    Ok(programs
        .map(|program| with_server(program, layout, binary))
        .collect())
}
