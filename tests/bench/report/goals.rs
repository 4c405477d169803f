//! What was asked for, and whether it was seen.

use super::{Report, Row};
use crate::metric::{Metric, thousands};
use crate::subjects::{Server, Subject};

/// A goal and what was seen of it.
struct Goal {
    what: String,
    seen: Option<f64>,
    bound: Bound,
}

/// Where a figure has to lie, with what it is counted in.
#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64, &'static str),
    AtMost(f64, &'static str),
}

impl Bound {
    fn asked(self) -> String {
        match self {
            Self::AtLeast(bound, unit) => format!("at least {}{unit}", shown(bound)),
            Self::AtMost(bound, unit) => format!("at most {}{unit}", shown(bound)),
        }
    }

    fn seen(self, value: f64) -> String {
        let (Self::AtLeast(_, unit) | Self::AtMost(_, unit)) = self;
        format!("{}{unit}", shown(value))
    }

    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound, _) => value >= bound,
            Self::AtMost(bound, _) => value <= bound,
        }
    }
}

fn shown(value: f64) -> String {
    if value >= 100.0 {
        return thousands(value);
    }
    let shown = format!("{value:.2}");
    shown.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// All goals, one a row; those of which nothing was measured say so.
pub(super) fn table(report: &Report) -> String {
    let mut table = "| goal | asked | seen | met |\n|---|---|---|---|\n".to_owned();
    for goal in goals(report) {
        let (seen, met) = match goal.seen {
            None => ("not measured".to_owned(), ""),
            Some(seen) if goal.bound.holds(seen) => (goal.bound.seen(seen), "yes"),
            Some(seen) => (goal.bound.seen(seen), "**no**"),
        };
        table += &format!(
            "| {} | {} | {seen} | {met} |\n",
            goal.what,
            goal.bound.asked()
        );
    }
    table
}

fn goals(report: &Report) -> Vec<Goal> {
    let mut goals = Vec::new();
    for workload in ["chat-1", "chat-4"] {
        goals.extend(chat(report, workload));
    }
    goals.extend(requests(report));
    goals.extend(memory(report));
    goals.extend(growth(report));
    goals
}

fn waxwing() -> Subject {
    Subject::new(Server::Waxwing)
}

/// A figure of two rows of one workload.
struct Pair<'a> {
    own: Option<&'a Row>,
    other: Option<&'a Row>,
}

impl Pair<'_> {
    fn ratio(&self, metric: Metric) -> Option<f64> {
        self.own?.ratio(self.other?, metric)
    }

    fn more(&self, metric: Metric) -> Option<f64> {
        self.own?
            .with(self.other?, metric, |own, other| own - other)
    }
}

fn chat(report: &Report, workload: &str) -> Vec<Goal> {
    let pair = |own, other| Pair {
        own: report.row(workload, own, None),
        other: report.row(workload, other, None),
    };
    let (relay, ejabberd) = (Subject::new(Server::Relay), Subject::new(Server::Ejabberd));
    let goal = |what: &str, seen, bound| Goal {
        what: format!("{workload}: {what}"),
        seen,
        bound,
    };
    vec![
        goal(
            "rate with a hook on every message, beside ejabberd's without",
            pair(waxwing().hooks(1), ejabberd).ratio(Metric::Rate),
            Bound::AtLeast(5.0, " times"),
        ),
        goal(
            "processor time with a hook, beside the relay's",
            pair(waxwing().hooks(1), relay).ratio(Metric::Cpu),
            Bound::AtMost(1.8, " times"),
        ),
        goal(
            "processor time without hooks, beside the relay's",
            pair(waxwing(), relay).ratio(Metric::Cpu),
            Bound::AtMost(1.6, " times"),
        ),
        goal(
            "processor time of five hooks, beyond that of none",
            pair(waxwing().hooks(5), waxwing()).more(Metric::Cpu),
            Bound::AtMost(5.0, " µs"),
        ),
    ]
}

fn requests(report: &Report) -> Vec<Goal> {
    let rate = |workload| Pair {
        own: report.row(workload, waxwing(), None),
        other: report.row(workload, Subject::new(Server::Ejabberd), None),
    };
    let logins = report.row("logins-tls", waxwing(), None);
    let p99 = |subject| {
        report
            .row("latency", subject, Some(50))?
            .median(Metric::P99)
    };
    let goal = |what: &str, seen, bound| Goal {
        what: what.to_owned(),
        seen,
        bound,
    };
    vec![
        goal(
            "ping: rate of answers by a plugin, beside ejabberd's own",
            rate("ping").ratio(Metric::Rate),
            Bound::AtLeast(4.0, " times"),
        ),
        goal(
            "logins-tls: logins a second on one processor",
            logins.and_then(|row| row.median(Metric::Rate)),
            Bound::AtLeast(1500.0, ""),
        ),
        goal(
            "logins: rate without TLS, beside ejabberd's",
            rate("logins").ratio(Metric::Rate),
            Bound::AtLeast(3.0, " times"),
        ),
        goal(
            "latency: p99 at half of the maximal rate",
            p99(waxwing()),
            Bound::AtMost(2.0, " ms"),
        ),
        goal(
            "latency: the same with a hook on every message",
            p99(waxwing().hooks(1)),
            Bound::AtMost(2.0, " ms"),
        ),
    ]
}

fn memory(report: &Report) -> Vec<Goal> {
    let goal = |workload: &str, most| Goal {
        what: format!("{workload}: memory of an idle session"),
        seen: report
            .row(workload, waxwing(), None)
            .and_then(|row| row.median(Metric::Session))
            // Less than nothing: what the server had kept of its start went meanwhile, and hides what sessions take.
            .filter(|kib| *kib > 0.0),
        bound: Bound::AtMost(most, " KiB"),
    };
    vec![
        goal("idle", 6.0),
        goal("idle-roster", 6.0),
        goal("idle-tls", 20.0),
        goal("idle-roster-tls", 20.0),
    ]
}

fn growth(report: &Report) -> Vec<Goal> {
    let row = |workload, cores, at| report.row(workload, waxwing().cores(cores), Some(at));
    let goal = |workload: &str, what: &str, pair: Pair<'_>| Goal {
        what: format!("{workload}: processor time a message {what}"),
        seen: pair.ratio(Metric::Cpu),
        bound: Bound::AtMost(1.15, " times"),
    };
    let shards = ["shards", "shards-4", "shards-few"].map(|workload| {
        let pair = Pair {
            own: row(workload, 2, 2),
            other: row(workload, 1, 1),
        };
        goal(workload, "on two, beside one", pair)
    });
    let sessions = ["sessions", "crowd"].map(|workload| {
        let pair = Pair {
            own: row(workload, 1, 10_000),
            other: row(workload, 1, 100),
        };
        goal(workload, "with 10,000 sessions, beside 100", pair)
    });
    shards.into_iter().chain(sessions).collect()
}
