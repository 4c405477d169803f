//! Two runs beside each other.

use super::{Report, Row, Seen};
use crate::metric::Metric;
use crate::subjects::{Server, Subject};

/// What is compared: the rest follows from it.
const METRICS: [Metric; 4] = [Metric::Rate, Metric::Cpu, Metric::Session, Metric::P99];

/// How the second run's medians relate to the first's. Where both ran the relay, what that says of the two machines is taken
/// out in the last column.
pub(crate) fn table(old: &Report, new: &Report) -> String {
    let mut table =
        "\n| | | old | new | new/old | beside the relay |\n|---|---|---:|---:|---:|---:|\n"
            .to_owned();
    for seen in &new.workloads {
        let Some(before) = old.workloads.iter().find(|before| before.name == seen.name) else {
            continue;
        };
        for row in &seen.rows {
            if let Some(earlier) = before.row(row.subject, row.at) {
                table += &lines(before, seen, earlier, row);
            }
        }
    }
    table
}

fn lines(before: &Seen, seen: &Seen, earlier: &Row, row: &Row) -> String {
    let at = row.at.map_or_else(String::new, |at| format!(" {at}"));
    let name = format!("{}{at}: {}", seen.name, row.subject.name());
    let mut lines = String::new();
    for metric in METRICS {
        let (Some(old), Some(new)) = (earlier.median(metric), row.median(metric)) else {
            continue;
        };
        let ratio = new / old;
        let floor = floor(before, row.at, metric).zip(floor(seen, row.at, metric));
        let beside = floor.map_or_else(String::new, |(old, new)| {
            format!("{:.2}", ratio * old / new)
        });
        lines += &format!(
            "| {name} | {} | {} | {} | {ratio:.2} | {beside} |\n",
            metric.head(&seen.unit),
            metric.shown(old),
            metric.shown(new)
        );
    }
    lines
}

fn floor(seen: &Seen, at: Option<u32>, metric: Metric) -> Option<f64> {
    seen.row(Subject::new(Server::Relay), at)?.median(metric)
}
