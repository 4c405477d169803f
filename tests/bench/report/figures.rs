//! Which plots are drawn of what.

use std::collections::BTreeMap;

use super::{Report, Seen};
use crate::metric::Metric;
use crate::plot::{Bar, Curve, Panel, bars, curves};
use crate::subjects::{Server, Subject};

/// Names and contents of the plots.
pub(super) fn plots(report: &Report) -> Vec<(String, String)> {
    let drawn = report.workloads.iter().filter(|seen| has_plot(seen));
    drawn
        .map(|seen| {
            let svg = match &seen.axis {
                Some(axis) => along(seen, axis),
                None => beside(seen),
            };
            (format!("{}.svg", seen.name), svg)
        })
        .collect()
}

/// One subject alone needs no plot.
pub(super) fn has_plot(seen: &Seen) -> bool {
    seen.rows.len() > 1
}

/// What a plot is about: what is best seen at a glance.
fn drawn(seen: &Seen) -> Vec<Metric> {
    let metrics = seen.metrics();
    let wanted = if metrics.contains(&Metric::Session) {
        vec![Metric::Session]
    } else {
        vec![Metric::Rate, Metric::Cpu]
    };
    wanted
        .into_iter()
        .filter(|metric| metrics.contains(metric))
        .collect()
}

fn beside(seen: &Seen) -> String {
    let panels = drawn(seen).into_iter().map(|metric| Panel {
        title: metric.head(&seen.unit),
        bars: seen
            .rows
            .iter()
            .filter_map(|row| {
                let value = row.median(metric)?;
                Some(Bar {
                    name: row.subject.name(),
                    value,
                    shown: metric.shown(value),
                    spread: row.spread(metric)?,
                    color: color(row.subject),
                })
            })
            .collect(),
    });
    bars(&seen.name, &panels.collect::<Vec<_>>())
}

fn along(seen: &Seen, axis: &str) -> String {
    // Where load is offered, it is what it does to latency that is of interest.
    let metric = if seen.metrics().contains(&Metric::Offered) {
        Metric::P99
    } else {
        Metric::Cpu
    };
    let mut points: BTreeMap<Subject, Vec<(f64, f64)>> = BTreeMap::new();
    for row in &seen.rows {
        if let (Some(at), Some(value)) = (row.at, row.median(metric)) {
            let curve = points.entry(curve_of(row.subject, axis)).or_default();
            curve.push((f64::from(at), value));
        }
    }
    let curves_of: Vec<Curve> = points
        .into_iter()
        .map(|(subject, points)| Curve {
            name: subject.name(),
            points,
            color: color(subject),
        })
        .collect();
    curves(&seen.name, axis, &metric.head(&seen.unit), &curves_of)
}

/// Subjects that differ in what the axis shows are one curve.
fn curve_of(subject: Subject, axis: &str) -> Subject {
    match axis {
        "hooks" => subject.hooks(0),
        "shards" => subject.cores(1),
        _ => subject,
    }
}

/// Each server has its colour everywhere; with hooks it is paler.
fn color(subject: Subject) -> &'static str {
    match (subject.server, subject.hooks) {
        (Server::Waxwing, 0) => "#b3401f",
        (Server::Waxwing, 1) => "#cf6b4c",
        (Server::Waxwing, _) => "#e09c85",
        (Server::Against, _) => "#7c5295",
        (Server::Prosody, _) => "#3f6fa8",
        (Server::Ejabberd, _) => "#3a8a6a",
        (Server::Relay, _) => "#8a8a8a",
    }
}
