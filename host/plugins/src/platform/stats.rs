//! What `waxwing plugin stats` shows of a plugin.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::accounting::counters::PluginCounters;
use crate::accounting::histogram::BOUNDS;
use crate::accounting::histogram::Histogram;
use crate::accounting::quarantine::QuarantineStatus;
use crate::fault::FaultKind;
use crate::instance::plugin::Plugin;
use crate::model::interfaces::Export;

/// What a plugin has done and cost since the server started, in all its versions. Times in seconds.
#[derive(Clone, Debug, Serialize)]
pub struct PluginStats {
    /// Its name.
    pub name: String,
    /// The version that serves.
    pub version: String,
    /// `serving`, `quarantined` or `probation`.
    pub state: &'static str,
    /// How long the quarantine still lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantine_seconds: Option<f64>,
    /// How often it was in quarantine.
    pub quarantines: u64,
    /// Calls made.
    pub calls: u64,
    /// Calls made, by exported interface.
    pub calls_by_export: BTreeMap<&'static str, u64>,
    /// Calls not made, since the plugin was in quarantine.
    pub refused: u64,
    /// What the calls that returned came to.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Calls that failed.
    pub faults: u64,
    /// Calls that failed, by kind. `busy` and `host` are not the plugin's doing.
    pub faults_by_kind: BTreeMap<&'static str, u64>,
    /// CPU time of the calls.
    pub cpu: CpuStats,
    /// How often calls waited for the host: for storage, accounts, HTTP.
    pub waits: u64,
    /// For how long, all together.
    pub waited_seconds: f64,
    /// Bytes of memory of its instances now.
    pub memory_bytes: u64,
    /// The most that it was at a time.
    pub memory_highest_bytes: u64,
    /// Growths of memory that a limit refused, whether the call failed by it or not.
    pub memory_refused: u64,
    /// Instances now.
    pub instances: u64,
    /// Instances made; each fault costs one.
    pub instances_made: u64,
    /// Bytes in its table in the host (the import `memory`).
    pub table_bytes: u64,
    /// Bytes in the storage.
    pub storage_bytes: u64,
    /// Keys in the storage.
    pub storage_keys: u64,
    /// Stanzas that it sent.
    pub sent: u64,
    /// Stanzas that it wanted to send and that a limit or a missing grant kept back.
    pub dropped: u64,
    /// Events, replies and timers that were not delivered to it, since too many waited.
    pub events_lost: u64,
    /// Lines that it wrote past its share of the log.
    pub log_lines_suppressed: u64,
    /// Counters of its own (the import `metrics`).
    pub counters: BTreeMap<String, u64>,
    /// Gauges of its own.
    pub gauges: BTreeMap<String, i64>,
    /// How many watch its calls just now.
    pub watchers: usize,
}

/// CPU time of a plugin's calls. Of a plugin that is called more than 500 times a second by a thread, one call in
/// two milliseconds is measured and stands for the others. Some 0.2 µs of a call are the clock itself.
#[derive(Clone, Debug, Serialize)]
pub struct CpuStats {
    /// All calls together.
    pub total_seconds: f64,
    /// A call on average.
    pub mean_seconds: f64,
    /// Half of the calls stay below, by the bounds of the histogram.
    pub p50_seconds: f64,
    /// 99 of a hundred calls stay below, likewise.
    pub p99_seconds: f64,
    /// The longest call that was measured.
    pub longest_seconds: f64,
    /// Making and initialising instances, which is not in `total_seconds`.
    pub init_seconds: f64,
    /// The histogram.
    pub buckets: Vec<Bucket>,
}

/// A bucket of the histogram: calls above the bound of the one before it, and not above its own.
#[derive(Clone, Debug, Serialize)]
pub struct Bucket {
    /// The bound; none for the last bucket.
    pub at_most_seconds: Option<f64>,
    /// The calls.
    pub calls: u64,
}

impl PluginStats {
    pub(crate) fn of(plugin: &Plugin) -> Self {
        let counters = &*plugin.counters;
        let exports = Export::ALL.iter();
        let calls = exports.map(|export| (export.name(), counters.calls_of(*export)));
        let status = plugin.quarantine.status(Instant::now());
        let quarantine = match status {
            QuarantineStatus::Quarantined(span) => Some(span.as_secs_f64()),
            QuarantineStatus::Serving | QuarantineStatus::Probation => None,
        };
        Self {
            name: plugin.manifest.name.clone(),
            version: plugin.manifest.version.clone(),
            state: status.name(),
            quarantine_seconds: quarantine,
            quarantines: counters.quarantines.get(),
            calls: counters.calls(),
            calls_by_export: some(calls),
            refused: counters.refused.get(),
            outcomes: some(counters.outcomes()),
            faults: counters.failed(),
            faults_by_kind: some(
                FaultKind::ALL.map(|kind| (kind.name(), counters.faults_of(kind))),
            ),
            cpu: CpuStats::of(counters),
            waits: counters.waits(),
            waited_seconds: counters.time_waited().as_secs_f64(),
            memory_bytes: counters.memory(),
            memory_highest_bytes: counters.highest_memory(),
            memory_refused: counters.memory_refused.get(),
            instances: counters.instances(),
            instances_made: counters.made.get(),
            table_bytes: plugin.memory.bytes(),
            storage_bytes: counters.stored().0,
            storage_keys: counters.stored().1,
            sent: counters.sent.get(),
            dropped: counters.dropped.get(),
            events_lost: counters.events_lost.get(),
            log_lines_suppressed: counters.logs.suppressed(),
            counters: counters.own.counters().into_iter().collect(),
            gauges: counters.own.gauges().into_iter().collect(),
            watchers: counters.tracers.count(),
        }
    }
}

impl CpuStats {
    fn of(counters: &PluginCounters) -> Self {
        let histogram = counters.cpu();
        Self {
            total_seconds: histogram.sum.as_secs_f64(),
            mean_seconds: histogram.mean().as_secs_f64(),
            p50_seconds: histogram.percentile(50).as_secs_f64(),
            p99_seconds: histogram.percentile(99).as_secs_f64(),
            longest_seconds: histogram.longest.as_secs_f64(),
            init_seconds: counters.time_making().as_secs_f64(),
            buckets: buckets(&histogram),
        }
    }
}

fn buckets(histogram: &Histogram) -> Vec<Bucket> {
    let bounds = BOUNDS.into_iter().map(Duration::from_micros);
    let bounds = bounds.map(|bound| Some(bound.as_secs_f64()));
    let bucket = |(at_most_seconds, calls)| Bucket {
        at_most_seconds,
        calls,
    };
    bounds
        .chain([None])
        .zip(histogram.counts)
        .map(bucket)
        .collect()
}

fn some(counts: impl IntoIterator<Item = (&'static str, u64)>) -> BTreeMap<&'static str, u64> {
    let counts = counts.into_iter();
    counts.filter(|(_, count)| *count > 0).collect()
}
