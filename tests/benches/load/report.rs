//! Figures, their medians, and how they are shown.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::generator::Load;
use crate::subjects::Subject;

/// What one measurement gave.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Figures {
    pub(crate) messages_a_second: f64,
    /// Processor time of the server, user and system.
    pub(crate) cpu_micros_a_message: f64,
    /// Of one processor; near 100 means that the server, not the generator, was the limit.
    pub(crate) cpu_percent: f64,
    pub(crate) resident_mib: f64,
}

impl Figures {
    /// `cpu` in microseconds; at least one message.
    pub(crate) fn new(
        messages: u64,
        elapsed: Duration,
        cpu: u64,
        resident_kib: u64,
    ) -> Result<Self> {
        // Counts of this size are exact in 32 bits.
        let messages = f64::from(u32::try_from(messages)?);
        let cpu = f64::from(u32::try_from(cpu)?);
        Ok(Self {
            messages_a_second: messages / elapsed.as_secs_f64(),
            cpu_micros_a_message: cpu / messages,
            cpu_percent: cpu / 10_000.0 / elapsed.as_secs_f64(),
            resident_mib: f64::from(u32::try_from(resident_kib)?) / 1024.0,
        })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>8.0} messages/s  {:>6.1} µs CPU a message  {:>4.0} % of a processor  {:>5.0} MiB",
            self.messages_a_second, self.cpu_micros_a_message, self.cpu_percent, self.resident_mib
        )
    }
}

/// All measurements of a run.
#[derive(Serialize)]
pub(crate) struct Report {
    pairs: usize,
    window: usize,
    bytes: usize,
    seconds: u64,
    rounds: BTreeMap<Subject, Vec<Figures>>,
    medians: BTreeMap<Subject, Figures>,
}

impl Report {
    pub(crate) fn new(load: &Load) -> Self {
        Self {
            pairs: load.pairs,
            window: load.window,
            bytes: load.bytes,
            seconds: load.seconds.as_secs(),
            rounds: BTreeMap::new(),
            medians: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, subject: Subject, figures: Figures) {
        let all = self.rounds.entry(subject).or_default();
        all.push(figures);
        let median_of = |value: fn(&Figures) -> f64| median(all.iter().map(value).collect());
        let medians = Figures {
            messages_a_second: median_of(|figures| figures.messages_a_second),
            cpu_micros_a_message: median_of(|figures| figures.cpu_micros_a_message),
            cpu_percent: median_of(|figures| figures.cpu_percent),
            resident_mib: median_of(|figures| figures.resident_mib),
        };
        self.medians.insert(subject, medians);
    }

    /// Prints the table, and writes it and the figures into a folder.
    pub(crate) fn show(&self, folder: Option<&Path>) -> Result<()> {
        let table = self.table();
        writeln!(std::io::stdout().lock(), "{table}")?;
        let Some(folder) = folder else { return Ok(()) };
        std::fs::create_dir_all(folder)?;
        for (name, text) in [
            ("messages.md", table),
            ("messages.json", serde_json::to_string_pretty(self)?),
        ] {
            let path = folder.join(name);
            std::fs::write(&path, text)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    fn table(&self) -> String {
        let mut table = format!(
            "Chat messages of {} bytes between {} pairs of sessions, {} on the way in each pair; plain TCP on loopback, no archive, \
             the server on one processor and the load generator on another. Medians of rounds of {} s in turn.\n\n\
             | server | messages/s | CPU µs a message | MiB resident | rounds, messages/s |\n|---|---:|---:|---:|---|\n",
            self.bytes, self.pairs, self.window, self.seconds
        );
        for (subject, median) in &self.medians {
            let rounds = self
                .rounds
                .get(subject)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let rounds: Vec<_> = rounds
                .iter()
                .map(|figures| format!("{:.0}", figures.messages_a_second))
                .collect();
            table += &[
                format!("| {} ", subject.name()),
                format!("| {:.0} ", median.messages_a_second),
                format!("| {:.1} ", median.cpu_micros_a_message),
                format!("| {:.0} ", median.resident_mib),
                format!("| {} |\n", rounds.join(", ")),
            ]
            .concat();
        }
        table
    }
}

/// The middle value, or the mean of the two in the middle; 0 of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let count = values.len();
    let at = |index: usize| values.get(index).copied().unwrap_or_default();
    f64::midpoint(at(count.saturating_sub(1) / 2), at(count / 2))
}

/// Shows what is being done, apart from the result.
pub(crate) fn progress(text: &str) {
    // A closed stderr is no reason to stop measuring.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
