//! What the figures say of a million sessions on a large machine. Arithmetic only: each line names the figures that it is made of,
//! and `docs/growth.md` says what it leaves out.

use super::{Report, Row};
use crate::metric::{Metric, thousands};
use crate::subjects::{Server, Subject};

const SESSIONS: f64 = 1e6;
/// Processors of the machine.
const CORES: f64 = 64.0;
/// Seconds between two messages of a session.
const MESSAGE_EVERY: f64 = 60.0;
/// Seconds between two changes of a session's presence, each of which its contacts are told.
const PRESENCE_EVERY: f64 = 900.0;
const CONTACTS: f64 = 50.0;

/// A figure with the name that it has in the tables.
struct Figure {
    value: f64,
    name: &'static str,
}

/// The page's section; lines of which something was not measured are left out.
pub(super) fn section(report: &Report) -> String {
    let lines: String = lines(report).into_iter().flatten().collect();
    if lines.is_empty() {
        return String::new();
    }
    format!(
        "\n## A million sessions\n\nOn {CORES:.0} processors as fast as this one, if all goes on in a straight line; \
         [what that leaves out](../growth.md). Each session sends a message every {MESSAGE_EVERY:.0} seconds and changes its presence every \
         {PRESENCE_EVERY:.0} seconds, of which {CONTACTS:.0} contacts are told.\n\n\
         | what | arithmetic | makes |\n|---|---|---|\n{lines}"
    )
}

fn lines(report: &Report) -> [Option<String>; 5] {
    let waxwing = Subject::new(Server::Waxwing);
    let figure = |name, subject, at, metric| {
        let value = report.row(name, subject, at)?.median(metric)?;
        Some(Figure { value, name })
    };
    let plain = |name, metric| figure(name, waxwing, None, metric);
    [
        plain("idle-tls", Metric::Session).map(|each| memory("memory, empty rosters", &each)),
        plain("idle-roster-tls", Metric::Session)
            .map(|each| memory("memory, 50 contacts each", &each)),
        messages(report, waxwing),
        plain("presence", Metric::Cpu).map(|each| presence(&each)),
        plain("logins-tls", Metric::Cpu).map(|each| logins(&each)),
    ]
}

fn line(what: &str, arithmetic: &str, makes: &str) -> String {
    format!("| {what} | {arithmetic} | {makes} |\n")
}

fn memory(what: &str, each: &Figure) -> String {
    let arithmetic = format!(
        "{} × {:.1} KiB ({})",
        thousands(SESSIONS),
        each.value,
        each.name
    );
    let gib = SESSIONS * each.value / 1024.0 / 1024.0;
    line(what, &arithmetic, &format!("{gib:.1} GiB"))
}

/// By the cost at the most sessions, with a hook, and what a message costs more that crosses from shard to shard.
fn messages(report: &Report, waxwing: Subject) -> Option<String> {
    let seen = report
        .workloads
        .iter()
        .find(|seen| seen.name == "sessions")?;
    let most = seen.rows.iter().filter(|row| row.subject == waxwing);
    let most = most.max_by_key(|row| row.at)?;
    let base = most.median(Metric::Cpu)?;
    let chat = |subject| report.row("chat-1", subject, None);
    let hook = chat(waxwing.hooks(1))?
        .with(chat(waxwing)?, Metric::Cpu, |with, without| with - without)?;
    let shards = |cores| report.row("shards", waxwing.cores(cores), Some(cores));
    let crossing = Row::ratio(shards(2)?, shards(1)?, Metric::Cpu)?;
    let rate = SESSIONS / MESSAGE_EVERY;
    let arithmetic = format!(
        "{}/s × ({base:.1} µs (sessions, {}) + {hook:.1} µs (chat-1, what one hook adds)) × {crossing:.2} (shards, two beside one)",
        thousands(rate),
        thousands(f64::from(most.at?))
    );
    Some(line(
        "messages, one hook on each",
        &arithmetic,
        &cores(rate * (base + hook) * crossing),
    ))
}

fn presence(each: &Figure) -> String {
    let rate = SESSIONS * CONTACTS / PRESENCE_EVERY;
    let arithmetic = format!(
        "{}/s × {:.1} µs ({})",
        thousands(rate),
        each.value,
        each.name
    );
    line("presence", &arithmetic, &cores(rate * each.value))
}

/// After a restart everybody comes back.
fn logins(each: &Figure) -> String {
    let seconds = SESSIONS * each.value / 1e6 / CORES;
    let arithmetic = format!(
        "{} × {} µs ({}) / {CORES:.0} processors",
        thousands(SESSIONS),
        thousands(each.value),
        each.name
    );
    line(
        "everybody logs in anew",
        &arithmetic,
        &format!("{seconds:.0} s"),
    )
}

/// Microseconds of processor time in each second.
fn cores(micros: f64) -> String {
    format!("{:.2} processors", micros / 1e6)
}
