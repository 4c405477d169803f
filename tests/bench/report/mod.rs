//! What was seen, and how it is shown.

pub(crate) mod compare;
mod figures;
mod goals;
mod machine;
mod million;
mod table;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use self::machine::Machine;
use crate::metric::{Metric, Values};
use crate::plan::{Case, Workload};
use crate::subjects::{Stock, Subject};

pub(crate) use table::text;

/// All figures of a run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    machine: Machine,
    rounds: usize,
    seconds: f64,
    workloads: Vec<Seen>,
    /// What could not be measured, and why.
    failures: Vec<String>,
}

/// A workload and what was seen under it.
#[derive(Debug, Serialize, Deserialize)]
struct Seen {
    name: String,
    about: String,
    unit: String,
    axis: Option<String>,
    rows: Vec<Row>,
}

/// What was seen of one subject.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    subject: Subject,
    at: Option<u32>,
    /// By round.
    rounds: BTreeMap<usize, Values>,
}

impl Report {
    pub(crate) async fn new(rounds: usize, seconds: Duration, stock: &Stock) -> Result<Self> {
        Ok(Self {
            machine: Machine::this(stock).await?,
            rounds,
            seconds: seconds.as_secs_f64(),
            workloads: Vec::new(),
            failures: Vec::new(),
        })
    }

    /// Reads what `write` wrote.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} holds no figures of this bench", file.display()))
    }

    pub(crate) fn add(&mut self, workload: &Workload, case: &Case, round: usize, values: Values) {
        let new = || Seen {
            name: workload.name.to_owned(),
            about: workload.about.to_owned(),
            unit: workload.unit.to_owned(),
            axis: workload.axis.map(str::to_owned),
            rows: Vec::new(),
        };
        let seen = place(&mut self.workloads, |seen| seen.name == workload.name, new);
        let row = seen.and_then(|seen| seen.place(case.subject, case.at));
        if let Some(row) = row {
            row.rounds.insert(round, values);
        }
    }

    pub(crate) fn failed(&mut self, failure: String) {
        progress(&failure);
        self.failures.push(failure);
    }

    fn row(&self, workload: &str, subject: Subject, at: Option<u32>) -> Option<&Row> {
        let seen = self.workloads.iter().find(|seen| seen.name == workload)?;
        seen.row(subject, at)
    }
}

impl Seen {
    fn place(&mut self, subject: Subject, at: Option<u32>) -> Option<&mut Row> {
        let is = |row: &Row| (row.subject, row.at) == (subject, at);
        place(&mut self.rows, is, || Row {
            subject,
            at,
            rounds: BTreeMap::new(),
        })
    }

    fn row(&self, subject: Subject, at: Option<u32>) -> Option<&Row> {
        let mut rows = self.rows.iter();
        rows.find(|row| (row.subject, row.at) == (subject, at))
    }

    /// The metrics that any row has.
    fn metrics(&self) -> Vec<Metric> {
        let values = self.rows.iter().flat_map(|row| row.rounds.values());
        let found: std::collections::BTreeSet<_> =
            values.flat_map(BTreeMap::keys).copied().collect();
        found.into_iter().collect()
    }
}

impl Row {
    fn all(&self, metric: Metric) -> Vec<f64> {
        let rounds = self.rounds.values();
        rounds
            .filter_map(|values| values.get(&metric).copied())
            .collect()
    }

    fn median(&self, metric: Metric) -> Option<f64> {
        median(self.all(metric))
    }

    /// The least and the most.
    fn spread(&self, metric: Metric) -> Option<(f64, f64)> {
        let all = self.all(metric);
        let least = all.iter().copied().reduce(f64::min)?;
        Some((least, all.iter().copied().reduce(f64::max)?))
    }

    /// What `combine` makes of the two rows' values in each round, and of that the median: what the machine does in a round
    /// happens to both.
    fn with(&self, other: &Self, metric: Metric, combine: fn(f64, f64) -> f64) -> Option<f64> {
        let rounds = self.rounds.iter().filter_map(|(round, values)| {
            let theirs = other.rounds.get(round)?.get(&metric)?;
            Some(combine(*values.get(&metric)?, *theirs))
        });
        median(rounds.collect())
    }

    fn ratio(&self, other: &Self, metric: Metric) -> Option<f64> {
        self.with(other, metric, |own, theirs| own / theirs)
    }
}

/// The element that `is` meant, or a new one at the end.
fn place<T>(list: &mut Vec<T>, is: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> Option<&mut T> {
    let found = list.iter().position(is);
    let index = found.unwrap_or(list.len());
    if found.is_none() {
        list.push(new());
    }
    list.get_mut(index)
}

/// The middle value, or the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let count = values.len();
    let upper = *values.get(count / 2)?;
    let lower = *values.get(count.saturating_sub(1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// Writes figures, tables and plots into a folder.
pub(crate) fn write(report: &Report, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut files = figures::plots(report);
    files.push(("results.md".to_owned(), table::page(report)));
    let json = serde_json::to_string_pretty(report)?;
    files.push(("results.json".to_owned(), json + "\n"));
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// What a case is called while it is measured.
pub(crate) fn name_of(workload: &Workload, case: &Case) -> String {
    match (case.at, workload.axis) {
        (Some(at), Some(axis)) => {
            format!("{} {} {axis}: {}", workload.name, at, case.subject.name())
        }
        _ => format!("{}: {}", workload.name, case.subject.name()),
    }
}

/// The figures of one measurement in a line.
pub(crate) fn line(name: &str, unit: &str, values: &Values) -> String {
    let values = values.iter();
    let values: Vec<_> = values
        .map(|(metric, value)| format!("{} {}", metric.head(unit), metric.shown(*value)))
        .collect();
    format!("{name:<40} {}", values.join("  "))
}

/// A line for who waits.
pub(crate) fn progress(line: &str) {
    // Without a terminal to write to there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The outcome, on standard output.
pub(crate) fn say(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{}", text.trim_end())?)
}

#[cfg(test)]
mod tests;
