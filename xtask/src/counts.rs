//! `cargo xtask counts`: instructions that inner steps take, and blocks of memory, counted by valgrind's callgrind and DHAT and
//! compared with what was counted before. Unlike time these are the same on a busy machine, so that a change that makes a step
//! dearer is seen at once.
//!
//! Another compiler or another set of instructions makes other counts: then they are shown and judged by nobody.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::apt::{self, Services};
use crate::guests::{self, Which};
use crate::host;
use crate::layout::{self, Layout};
use crate::process;
use crate::progress::{self, Progress};

/// What was counted before.
const FILE: &str = "tests/counts/counts.json";
/// How what is counted is built.
const PROFILE: &str = "tests/counts/profile.toml";
/// How often a step is done in two runs: what the program does once falls out of the difference.
const TIMES: (u64, u64) = (500, 2_500);
/// Percent that a step may take more than before.
const TOLERANCE: u64 = 5;
/// A step beside which a clock ticks, and the percent of instructions that it may take more: on a busy machine each call sees more
/// ticks.
const TIMED: (&str, u64) = ("have a hook judge a message", 20);

/// What is done with what was counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A step that takes more than before is an error.
    Check,
    /// It is what is compared with from now on.
    Bless,
}

/// What each step takes, and what that hangs on.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Counts {
    compiler: String,
    /// Of the processor, as far as code chooses by it.
    features: Vec<String>,
    valgrind: String,
    steps: BTreeMap<String, Cost>,
}

/// What a step takes once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Cost {
    instructions: u64,
    /// Blocks of memory asked for; growing one is not another.
    allocations: u64,
}

/// A tool of valgrind's, and where it says what it counted: behind the one word, before the other.
struct Tool {
    options: [&'static str; 2],
    sign: &'static str,
    behind: &'static str,
}

const INSTRUCTIONS: Tool = Tool {
    options: ["--tool=callgrind", "--callgrind-out-file=/dev/null"],
    sign: "Collected :",
    behind: "",
};
const ALLOCATIONS: Tool = Tool {
    options: ["--tool=dhat", "--dhat-out-file=/dev/null"],
    sign: "bytes in",
    behind: "blocks",
};

/// Counts all steps.
pub(crate) fn run(layout: &Layout, progress: &Progress, mode: Mode) -> Result<()> {
    if process::find("valgrind").is_none() && !apt::can_install() {
        progress.note("instructions are not counted: valgrind is not installed");
        return Ok(());
    }
    let why = "counts of instructions";
    apt::ensure(layout, progress, &["valgrind"], why, Services::AsPackaged)?;
    // One of the steps calls one.
    guests::build(layout, progress, Which::All)?;
    progress.phase("counting instructions");
    let counted = count(&build(layout)?, &layout.guests())?;
    let file = layout.root.join(FILE);
    if mode == Mode::Bless {
        let json = serde_json::to_string_pretty(&counted)? + "\n";
        layout::write_if_changed(&file, json.as_bytes())?;
        progress.note(&format!("written to {FILE}"));
        return Ok(());
    }
    let before = fs::read_to_string(&file).with_context(|| format!("cannot read {FILE}"))?;
    let before = serde_json::from_str(&before).with_context(|| format!("{FILE} is no counts"))?;
    let (table, verdict) = compare(&before, &counted);
    progress::plain(&table);
    verdict
}

/// Builds the program that does the steps.
fn build(layout: &Layout) -> Result<PathBuf> {
    let mut cargo = host::cargo(layout);
    cargo.args(["build", "--config", PROFILE, "--package", "waxwing-counts"]);
    process::run(&mut cargo, "building what is counted")?;
    Ok(layout.target.join("debug/waxwing-counts"))
}

fn count(program: &Path, guests: &Path) -> Result<Counts> {
    let names = printed(&mut Command::new(program))?;
    let mut steps = BTreeMap::new();
    for step in names.lines() {
        let cost = Cost {
            instructions: once(program, guests, step, &INSTRUCTIONS)?,
            allocations: once(program, guests, step, &ALLOCATIONS)?,
        };
        steps.insert(step.to_owned(), cost);
    }
    Ok(Counts {
        compiler: printed(Command::new("rustc").arg("--version"))?,
        features: features(),
        valgrind: printed(Command::new("valgrind").arg("--version"))?,
        steps,
    })
}

/// What a step takes once: what the program does once falls out of the difference of two runs.
fn once(program: &Path, guests: &Path, step: &str, tool: &Tool) -> Result<u64> {
    let few = collected(program, guests, step, tool, TIMES.0)?;
    let many = collected(program, guests, step, tool, TIMES.1)?;
    let times = TIMES.1.saturating_sub(TIMES.0);
    // To the nearest: of a step in which a guest is called a little hangs on the time.
    let more = many.saturating_sub(few).saturating_add(times / 2);
    let each = more.checked_div(times);
    Ok(each.unwrap_or_default())
}

/// What a tool counts in one run.
fn collected(program: &Path, guests: &Path, step: &str, tool: &Tool, times: u64) -> Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(tool.options)
        // A guest is compiled by a child, which is to see the same processor.
        .arg("--trace-children=yes")
        .arg(program)
        .arg(step)
        .arg(times.to_string())
        // An allocator may be told to behave otherwise by the environment.
        .env_clear()
        .env("WAXWING_GUESTS", guests);
    let captured = process::capture(&mut valgrind)?;
    let failure = process::last_lines(&captured.stderr, 3);
    ensure!(captured.status.success(), "counting {step}: {failure}");
    let mut lines = captured.stderr.lines();
    let count = lines.find_map(|line| line.split_once(tool.sign));
    let (_, count) = count.with_context(|| format!("valgrind counted nothing: {failure}"))?;
    let count = count.trim().trim_end_matches(tool.behind).trim_end();
    let digits = count.replace(',', "");
    digits.parse().context("valgrind's count is no number")
}

fn printed(command: &mut Command) -> Result<String> {
    let captured = process::capture(command)?;
    ensure!(captured.status.success(), "{command:?} failed");
    Ok(captured.stdout.trim().to_owned())
}

/// What libraries look for in the processor before they choose how to copy and to search.
fn features() -> Vec<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = cpus.lines().find(|line| line.starts_with("flags"));
    let has = |name: &&str| {
        let mut flags = flags.into_iter().flat_map(str::split_whitespace);
        flags.any(|flag| flag == *name)
    };
    let looked_for = ["avx2", "bmi2", "erms", "fsrm", "sse4_2"];
    looked_for
        .into_iter()
        .filter(has)
        .map(str::to_owned)
        .collect()
}

/// The counts beside those before, and whether they may stand.
fn compare(before: &Counts, now: &Counts) -> (String, Result<()>) {
    let mut table = String::new();
    let (mut dearer, mut cheaper, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for (step, cost) in &now.steps {
        let old = before.steps.get(step);
        // A String takes whatever is written to it.
        let _ = writeln!(
            table,
            "{step:<30} {}",
            old.map_or_else(|| cost.shown(), |old| cost.beside(old))
        );
        match old {
            None => unknown.push(step.as_str()),
            Some(old) if cost.exceeds(old, step) => dearer.push(step.as_str()),
            Some(old) if old.exceeds(cost, step) => cheaper.push(step.as_str()),
            Some(_) => {}
        }
    }
    let same = (&before.compiler, &before.features, &before.valgrind)
        == (&now.compiler, &now.features, &now.valgrind);
    if !same {
        let _ = writeln!(
            table,
            "not judged: before it was {}, {}, {}; now it is {}, {}, {}",
            before.compiler,
            before.features.join(" "),
            before.valgrind,
            now.compiler,
            now.features.join(" "),
            now.valgrind
        );
        return (table, Ok(()));
    }
    if !cheaper.is_empty() {
        let list = cheaper.join(", ");
        let _ = writeln!(
            table,
            "cheaper than before: {list}; `cargo xtask counts --bless` keeps it so"
        );
    }
    (table, verdict(&dearer, &unknown))
}

fn verdict(dearer: &[&str], unknown: &[&str]) -> Result<()> {
    if dearer.is_empty() && unknown.is_empty() {
        return Ok(());
    }
    bail!(
        "beyond the tolerance more instructions or allocations than before: {}; not counted before: {}. If that is as it should be, \
         `cargo xtask counts --bless` writes {FILE} anew",
        dearer.join(", "),
        unknown.join(", ")
    )
}

impl Cost {
    /// Whether either count of the step is beyond the tolerance above what it was.
    fn exceeds(&self, old: &Self, step: &str) -> bool {
        let exceeds = |count: u64, base: u64, tolerance: u64| {
            count.saturating_mul(100) > base.saturating_mul(tolerance.saturating_add(100))
        };
        let (timed, tolerance) = TIMED;
        let tolerance = if step == timed { tolerance } else { TOLERANCE };
        exceeds(self.instructions, old.instructions, tolerance)
            || exceeds(self.allocations, old.allocations, TOLERANCE)
    }

    fn shown(&self) -> String {
        format!(
            "{:>8} instructions, {:>3} allocations",
            self.instructions, self.allocations
        )
    }

    fn beside(&self, old: &Self) -> String {
        format!(
            "{}; before {:>8}, {:>3}",
            self.shown(),
            old.instructions,
            old.allocations
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(compiler: &str, steps: &[(&str, (u64, u64))]) -> Counts {
        let steps = steps.iter().map(|(name, (instructions, allocations))| {
            let cost = Cost {
                instructions: *instructions,
                allocations: *allocations,
            };
            ((*name).to_owned(), cost)
        });
        Counts {
            compiler: compiler.to_owned(),
            features: vec!["avx2".to_owned()],
            valgrind: "valgrind-3".to_owned(),
            steps: steps.collect(),
        }
    }

    #[test]
    fn lets_a_step_be_a_little_dearer_and_no_more() {
        let before = counts("rustc 1", &[("parse", (1000, 5)), ("write", (1000, 5))]);
        let judge = |cost| compare(&before, &counts("rustc 1", &[("parse", cost)])).1;
        assert!(judge((1050, 5)).is_ok());
        assert!(judge((10, 0)).is_ok());
        assert!(judge((1000, 6)).is_err());
        let verdict = judge((1051, 5));
        let error = verdict.unwrap_err().to_string();
        assert!(
            error.contains("than before: parse; ") && error.contains("--bless"),
            "{error}"
        );
    }

    #[test]
    fn lets_a_clock_tick_beside_a_guest() {
        let before = counts("rustc 1", &[(TIMED.0, (1000, 5))]);
        let judge = |cost| compare(&before, &counts("rustc 1", &[(TIMED.0, cost)])).1;
        assert!(judge((1200, 5)).is_ok());
        assert!(judge((1201, 5)).is_err());
        assert!(judge((1000, 6)).is_err());
    }

    #[test]
    fn wants_a_new_step_to_be_counted() {
        let (_, verdict) = compare(
            &counts("rustc 1", &[]),
            &counts("rustc 1", &[("parse", (1, 1))]),
        );
        assert!(verdict.is_err());
    }

    #[test]
    fn judges_nothing_that_another_compiler_made() {
        let before = counts("rustc 1", &[("parse", (1000, 5))]);
        let now = counts("rustc 2", &[("parse", (9000, 5))]);
        let (table, verdict) = compare(&before, &now);
        assert!(verdict.is_ok());
        assert!(table.contains("not judged"), "{table}");
    }
}
