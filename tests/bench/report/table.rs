//! Figures as Markdown.

use super::goals;
use super::{Report, Row, Seen, figures, million};
use crate::metric::Metric;
use crate::subjects::{Server, Subject};

/// Goals and tables, for a terminal.
pub(crate) fn text(report: &Report) -> String {
    let mut text = String::new();
    for seen in &report.workloads {
        text += &format!("\n{}: {}\n\n{}", seen.name, seen.about, table(seen));
    }
    text += &format!("\n{}", goals::table(report));
    text += &failures(report);
    text
}

/// The same as a page with plots.
pub(super) fn page(report: &Report) -> String {
    let mut page = format!(
        "# Results\n\nMade by `cargo xtask bench --out docs/performance`; [what is measured and how](../performance.md).\n\n\
         {}.\nMedians of {} rounds of {} s; the least and the most in brackets. Ratios are the medians of the rounds' ratios.\n\n\
         ## Goals\n\n{}",
        report.machine.described(),
        report.rounds,
        report.seconds,
        goals::table(report)
    );
    for seen in &report.workloads {
        page += &format!(
            "\n## {}\n\n{}.\n\n{}",
            seen.name,
            capital(&seen.about),
            table(seen)
        );
        if figures::has_plot(seen) {
            page += &format!("\n![{}]({}.svg)\n", seen.about, seen.name);
        }
    }
    page += &million::section(report);
    page += &failures(report);
    page
}

fn failures(report: &Report) -> String {
    if report.failures.is_empty() {
        return String::new();
    }
    format!("\nNot measured:\n\n- {}\n", report.failures.join("\n- "))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}

/// A column: its head, and what a row has there.
type Column<'a> = (String, Box<dyn Fn(&Row) -> String + 'a>);

fn table(seen: &Seen) -> String {
    let columns = columns(seen);
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut table = line(columns.iter().map(|(head, _)| head.clone()).collect());
    table += &format!("|---|{}\n", "---:|".repeat(columns.len() - 1));
    for row in &seen.rows {
        table += &line(columns.iter().map(|(_, cell)| cell(row)).collect());
    }
    table
}

fn columns(seen: &Seen) -> Vec<Column<'_>> {
    let mut columns: Vec<Column<'_>> = vec![(String::new(), Box::new(|row| row.subject.name()))];
    if let Some(axis) = &seen.axis {
        let at = |row: &Row| {
            row.at
                .map_or_else(String::new, |at| crate::metric::thousands(f64::from(at)))
        };
        columns.push((axis.clone(), Box::new(at)));
    }
    for metric in seen.metrics() {
        columns.push((
            metric.head(&seen.unit),
            Box::new(move |row| cell(row, metric)),
        ));
        let beside = match metric {
            Metric::Rate => Server::Ejabberd,
            Metric::Cpu => Server::Relay,
            _ => continue,
        };
        let subject = Subject::new(beside);
        if seen.rows.iter().any(|row| row.subject == subject) {
            let ratio = move |row: &Row| {
                let ratio = seen
                    .row(subject, row.at)
                    .and_then(|other| row.ratio(other, metric));
                ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"))
            };
            columns.push((format!("times {}", subject.name()), Box::new(ratio)));
        }
    }
    columns
}

/// The median, with the spread where that tells something.
fn cell(row: &Row, metric: Metric) -> String {
    let Some(median) = row.median(metric) else {
        return String::new();
    };
    let shown = metric.shown(median);
    match (metric, row.spread(metric)) {
        (Metric::Rate | Metric::Cpu | Metric::Session | Metric::P99, Some((least, most)))
            if row.rounds.len() > 1 =>
        {
            format!("{shown} ({}–{})", metric.shown(least), metric.shown(most))
        }
        _ => shown,
    }
}
