//! `waxwing plugin stats`: a table that shows a slow or a leaking plugin in one look, or all of one plugin.

use serde_json::Value;

use super::{
    listing::{align, printable},
    say,
};

/// The columns of the table: heading, figure, how it is written.
const COLUMNS: [(&str, &str, Unit); 17] = [
    ("NAME", "/name", Unit::Text),
    ("STATE", "/state", Unit::State),
    ("CALLS", "/calls", Unit::Number),
    ("FAULTS", "/faults", Unit::Number),
    ("CPU", "/cpu/total_seconds", Unit::Seconds),
    ("MEAN", "/cpu/mean_seconds", Unit::Seconds),
    ("P99", "/cpu/p99_seconds", Unit::Seconds),
    ("LONGEST", "/cpu/longest_seconds", Unit::Seconds),
    ("WAITED", "/waited_seconds", Unit::Seconds),
    ("MEMORY", "/memory_bytes", Unit::Bytes),
    ("HIGHEST", "/memory_highest_bytes", Unit::Bytes),
    ("INST", "/instances", Unit::Number),
    ("TABLE", "/table_bytes", Unit::Bytes),
    ("STORAGE", "/storage_bytes", Unit::Bytes),
    ("SENT", "/sent", Unit::Number),
    ("DROPPED", "/dropped", Unit::Number),
    ("LOG LOST", "/log_lines_suppressed", Unit::Number),
];

/// What of one plugin is counted by kind: title, figure.
const KINDS: [(&str, &str); 3] = [
    ("calls", "/calls_by_export"),
    ("came to", "/outcomes"),
    ("faults", "/faults_by_kind"),
];

/// The figures of one plugin beside those: title, figure, how it is written.
const DETAILS: [(&str, &str, Unit); 17] = [
    ("refused in quarantine", "/refused", Unit::Number),
    ("quarantines", "/quarantines", Unit::Number),
    ("CPU time, all calls", "/cpu/total_seconds", Unit::Seconds),
    ("CPU time, a call", "/cpu/mean_seconds", Unit::Seconds),
    ("half stay below", "/cpu/p50_seconds", Unit::Seconds),
    ("99 % stay below", "/cpu/p99_seconds", Unit::Seconds),
    ("longest", "/cpu/longest_seconds", Unit::Seconds),
    (
        "CPU time, making instances",
        "/cpu/init_seconds",
        Unit::Seconds,
    ),
    ("waits for the host", "/waits", Unit::Number),
    ("waited", "/waited_seconds", Unit::Seconds),
    ("memory of instances", "/memory_bytes", Unit::Bytes),
    ("memory, highest", "/memory_highest_bytes", Unit::Bytes),
    ("instances", "/instances", Unit::Number),
    ("instances made", "/instances_made", Unit::Number),
    ("table in the host", "/table_bytes", Unit::Bytes),
    ("storage", "/storage_bytes", Unit::Bytes),
    ("keys in the storage", "/storage_keys", Unit::Number),
];

/// The longest bar of the histogram, in characters.
const BAR: u64 = 40;

#[derive(Clone, Copy)]
enum Unit {
    Text,
    State,
    Number,
    Seconds,
    Bytes,
}

/// Prints the figures of plugins: as JSON, as a table, or, of one plugin, all of them.
pub(super) fn print(stats: &Value, json: bool, one: bool) -> anyhow::Result<()> {
    if json {
        return Ok(say(&serde_json::to_string_pretty(stats)?)?);
    }
    let lines = match stats.as_array().map(Vec::as_slice) {
        Some([plugin]) if one => details(plugin),
        Some(plugins) => table(plugins),
        None => Vec::new(),
    };
    for line in lines {
        say(&line)?;
    }
    Ok(())
}

fn table(plugins: &[Value]) -> Vec<String> {
    let heading = COLUMNS.iter().map(|(heading, _, _)| (*heading).to_owned());
    let row = |plugin: &Value| {
        let cells = COLUMNS.iter();
        cells
            .map(|(_, figure, unit)| write(plugin, figure, *unit))
            .collect()
    };
    let rows: Vec<Vec<String>> = std::iter::once(heading.collect())
        .chain(plugins.iter().map(row))
        .collect();
    align(&rows)
}

fn details(plugin: &Value) -> Vec<String> {
    let mut lines = vec![format!(
        "{} {}: {}",
        write(plugin, "/name", Unit::Text),
        write(plugin, "/version", Unit::Text),
        write(plugin, "/state", Unit::State),
    )];
    let mut rows = Vec::new();
    for (title, figure) in KINDS {
        let kinds = plugin.pointer(figure).and_then(Value::as_object);
        let kinds = kinds.into_iter().flatten();
        let counts: Vec<String> = kinds
            .map(|(kind, count)| format!("{} {count}", text(kind)))
            .collect();
        if !counts.is_empty() {
            rows.push(vec![format!("  {title}"), counts.join(", ")]);
        }
    }
    let rest = DETAILS
        .iter()
        .map(|(title, figure, unit)| vec![format!("  {title}"), write(plugin, figure, *unit)]);
    rows.extend(rest);
    for figures in ["/counters", "/gauges"] {
        let own = plugin.pointer(figures).and_then(Value::as_object);
        let own = own.into_iter().flatten();
        rows.extend(
            own.map(|(name, value)| vec![format!("  its own {}", text(name)), value.to_string()]),
        );
    }
    for (title, figure) in [
        ("  stanzas sent", "/sent"),
        ("  stanzas dropped", "/dropped"),
        ("  events lost", "/events_lost"),
        ("  log lines suppressed", "/log_lines_suppressed"),
    ] {
        rows.push(vec![title.to_owned(), write(plugin, figure, Unit::Number)]);
    }
    lines.extend(align(&rows));
    lines.extend(histogram(plugin));
    lines
}

/// A bar for each bucket between the first and the last that have calls.
fn histogram(plugin: &Value) -> Vec<String> {
    let buckets = plugin.pointer("/cpu/buckets").and_then(Value::as_array);
    let count = |bucket: &Value| {
        bucket
            .pointer("/calls")
            .and_then(Value::as_u64)
            .unwrap_or(0)
    };
    let buckets: Vec<&Value> = buckets.into_iter().flatten().collect();
    let is_used = |bucket: &&Value| count(bucket) > 0;
    let Some(first) = buckets.iter().position(is_used) else {
        return Vec::new();
    };
    let last = buckets.iter().rposition(is_used).unwrap_or(first);
    let most = buckets
        .iter()
        .map(|bucket| count(bucket))
        .max()
        .unwrap_or(1);
    let used = buckets.iter().take(last.saturating_add(1)).skip(first);
    let row = |bucket: &&Value| {
        let bound = match bucket.pointer("/at_most_seconds").and_then(Value::as_f64) {
            Some(bound) => format!("  to {}", seconds(bound)),
            None => "  longer".to_owned(),
        };
        let length = count(bucket).saturating_mul(BAR).div_ceil(most.max(1));
        let bar = "#".repeat(usize::try_from(length).unwrap_or(0));
        vec![bound, count(bucket).to_string(), bar]
    };
    let rows: Vec<Vec<String>> = used.map(row).collect();
    std::iter::once("  calls by CPU time".to_owned())
        .chain(align(&rows))
        .collect()
}

fn write(plugin: &Value, figure: &str, unit: Unit) -> String {
    let Some(value) = plugin.pointer(figure) else {
        return "-".to_owned();
    };
    match unit {
        Unit::Text => text(value.as_str().unwrap_or("-")),
        Unit::State => state(plugin, value.as_str().unwrap_or("-")),
        Unit::Number => value.to_string(),
        Unit::Seconds => seconds(value.as_f64().unwrap_or(0.0)),
        Unit::Bytes => bytes(value.as_f64().unwrap_or(0.0)),
    }
}

fn state(plugin: &Value, state: &str) -> String {
    let left = plugin.pointer("/quarantine_seconds");
    match left.and_then(Value::as_f64) {
        Some(left) => format!("{} {:.0} s", text(state), left.ceil()),
        None => text(state),
    }
}

fn text(text: &str) -> String {
    text.chars().map(printable).collect()
}

/// Three digits of a time, as people read it.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s <= 0.0 => "0".to_owned(),
        s if s < 1e-3 => format!("{} µs", three(s * 1e6)),
        s if s < 1.0 => format!("{} ms", three(s * 1e3)),
        s if s < 600.0 => format!("{} s", three(s)),
        s => format!("{:.0} min", s / 60.0),
    }
}

fn bytes(bytes: f64) -> String {
    match bytes {
        b if b < 1024.0 => format!("{b:.0} B"),
        b if b < 1024.0 * 1024.0 => format!("{} KiB", three(b / 1024.0)),
        b if b < 1024.0 * 1024.0 * 1024.0 => format!("{} MiB", three(b / 1024.0 / 1024.0)),
        b => format!("{} GiB", three(b / 1024.0 / 1024.0 / 1024.0)),
    }
}

fn three(number: f64) -> String {
    match number {
        n if n < 9.995 => format!("{n:.2}"),
        n if n < 99.95 => format!("{n:.1}"),
        n => format!("{n:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plugin() -> Value {
        json!({
            "name": "word-filter", "version": "0.1.0", "state": "quarantined", "quarantine_seconds": 3.2,
            "quarantines": 2, "calls": 1204, "calls_by_export": { "inbound": 1200, "iq-handler": 4 },
            "refused": 17, "outcomes": { "pass": 1190 }, "faults": 14, "faults_by_kind": { "trap": 14 },
            "cpu": {
                "total_seconds": 0.012, "mean_seconds": 0.00001, "p50_seconds": 0.000_005,
                "p99_seconds": 0.0005, "longest_seconds": 0.0123, "init_seconds": 0.001,
                "buckets": [
                    { "at_most_seconds": 0.000_001, "calls": 0 }, { "at_most_seconds": 0.000_002, "calls": 800 },
                    { "at_most_seconds": 0.000_005, "calls": 0 }, { "at_most_seconds": null, "calls": 4 },
                ],
            },
            "waits": 0, "waited_seconds": 0.0, "memory_bytes": 1_114_112, "memory_highest_bytes": 2_228_224,
            "instances": 1, "instances_made": 15, "table_bytes": 0, "storage_bytes": 512, "storage_keys": 3,
            "sent": 0, "dropped": 0, "events_lost": 0, "log_lines_suppressed": 9, "counters": { "hits": 3 }, "gauges": { "open": -2 },
        })
    }

    #[test]
    fn a_table_has_a_line_for_each_plugin() {
        let lines = table(&[plugin()]);
        let wanted = [
            "NAME         STATE            CALLS  FAULTS  CPU      MEAN     P99     LONGEST  WAITED  MEMORY    HIGHEST   INST  TABLE  STORAGE  SENT  DROPPED  LOG LOST",
            "word-filter  quarantined 4 s  1204   14      12.0 ms  10.0 µs  500 µs  12.3 ms  0       1.06 MiB  2.12 MiB  1     0 B    512 B    0     0        9",
        ];
        assert_eq!(lines, wanted);
    }

    #[test]
    fn one_plugin_is_shown_with_its_kinds_and_its_histogram() {
        let lines = details(&plugin());
        assert_eq!(lines[0], "word-filter 0.1.0: quarantined 4 s");
        for wanted in [
            "inbound 1200, iq-handler 4",
            "trap 14",
            "pass 1190",
            "its own hits                3",
        ] {
            assert!(lines.iter().any(|line| line.ends_with(wanted)), "{lines:?}");
        }
        let bars = [
            format!("  to 2.00 µs  800  {}", "#".repeat(40)),
            "  to 5.00 µs  0".to_owned(),
            "  longer      4    #".to_owned(),
        ];
        assert_eq!(lines[lines.len() - 3..], bars);
    }

    #[test]
    fn names_from_outside_move_no_cursor() {
        assert!(
            !table(&[json!({ "name": "a\u{1b}[2J" })])
                .concat()
                .contains('\u{1b}')
        );
    }

    #[test]
    fn times_and_sizes_have_three_digits() {
        let times = [0.0, 2e-7, 1.5e-5, 0.000_999, 0.0421, 12.0, 7_200.0].map(seconds);
        let wanted = [
            "0", "0.20 µs", "15.0 µs", "999 µs", "42.1 ms", "12.0 s", "120 min",
        ];
        assert_eq!(times, wanted);
        let sizes = [0.0, 1023.0, 1536.0, 64.0 * 1024.0 * 1024.0].map(bytes);
        assert_eq!(sizes, ["0 B", "1023 B", "1.50 KiB", "64.0 MiB"]);
    }
}
