use super::*;
use crate::subjects::Server;

fn machine() -> Machine {
    serde_json::from_str(r#"{"processor": "P", "processors": 2, "kernel": "6", "servers": []}"#)
        .unwrap()
}

fn row(subject: Subject, at: Option<u32>, metric: Metric, rounds: &[f64]) -> Row {
    let rounds = rounds.iter().map(|value| Values::from([(metric, *value)]));
    Row {
        subject,
        at,
        rounds: rounds.enumerate().collect(),
    }
}

fn report(name: &str, rows: Vec<Row>) -> Report {
    Report {
        machine: machine(),
        rounds: 3,
        seconds: 1.0,
        workloads: vec![Seen {
            name: name.to_owned(),
            about: "about it".to_owned(),
            unit: "message".to_owned(),
            axis: None,
            rows,
        }],
        failures: Vec::new(),
    }
}

fn waxwing() -> Subject {
    Subject::new(Server::Waxwing)
}

#[test]
fn a_ratio_is_taken_within_a_round() {
    // The machine is twice as slow in the second round, and the medians alone would say 1.
    let own = row(waxwing(), None, Metric::Cpu, &[2.0, 4.0, 2.0]);
    let relay = row(
        Subject::new(Server::Relay),
        None,
        Metric::Cpu,
        &[1.0, 2.0, 2.0],
    );
    assert_eq!(own.ratio(&relay, Metric::Cpu), Some(2.0));
    assert_eq!(own.median(Metric::Cpu), Some(2.0));
    assert_eq!(own.spread(Metric::Cpu), Some((2.0, 4.0)));
}

#[test]
fn a_goal_is_met_missed_or_not_measured() {
    let rows = vec![
        row(waxwing(), None, Metric::Cpu, &[3.0]),
        row(waxwing().hooks(5), None, Metric::Cpu, &[9.0]),
        row(Subject::new(Server::Relay), None, Metric::Cpu, &[2.0]),
    ];
    let table = goals::table(&report("chat-1", rows));
    let line = |start: &str| table.lines().find(|line| line.starts_with(start)).unwrap();
    let floor = line("| chat-1: processor time without hooks");
    assert!(
        floor.ends_with("| at most 1.6 times | 1.5 times | yes |"),
        "{floor}"
    );
    let hooks = line("| chat-1: processor time of five hooks");
    assert!(
        hooks.ends_with("| at most 5 µs | 6 µs | **no** |"),
        "{hooks}"
    );
    let ping = line("| ping:");
    assert!(
        ping.ends_with("| at least 4 times | not measured |  |"),
        "{ping}"
    );
}

#[test]
fn figures_are_read_back_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let rows = vec![
        row(waxwing(), None, Metric::Rate, &[1000.0, 3000.0]),
        row(waxwing().hooks(1), None, Metric::Rate, &[500.0]),
    ];
    let report = report("chat-1", rows);
    write(&report, folder.path()).unwrap();
    let again = Report::read(&folder.path().join("results.json")).unwrap();
    assert_eq!(table::page(&again), table::page(&report));
    let page = std::fs::read_to_string(folder.path().join("results.md")).unwrap();
    assert!(page.contains("| Waxwing | 2,000 (1,000–3,000) |"), "{page}");
    assert!(page.contains("](chat-1.svg)"), "{page}");
    assert!(folder.path().join("chat-1.svg").exists());
}

#[test]
fn a_comparison_takes_the_machine_out_by_the_relay() {
    let rows = |own: f64, relay: f64| {
        let relay = row(Subject::new(Server::Relay), None, Metric::Cpu, &[relay]);
        vec![row(waxwing(), None, Metric::Cpu, &[own]), relay]
    };
    let (old, new) = (
        report("chat-1", rows(10.0, 5.0)),
        report("chat-1", rows(8.0, 5.0)),
    );
    let table = compare::table(&old, &new);
    assert!(table.contains("| 10.00 | 8.00 | 0.80 | 0.80 |"), "{table}");
}
