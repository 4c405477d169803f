//! The rounds: in each, every subject of a workload is started, loaded, measured and stopped.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::measure;
use crate::metric::Values;
use crate::plan::{Case, Workload};
use crate::report::{self, Report};
use crate::subjects::{Needs, Server, Stock};

/// What is measured, and how long.
pub(crate) struct Options {
    /// All if empty.
    pub(crate) servers: Vec<Server>,
    pub(crate) rounds: usize,
    pub(crate) seconds: Duration,
    pub(crate) binary: Option<PathBuf>,
    pub(crate) against: Option<PathBuf>,
}

/// Measures everything. What fails is noted in the report, and the rest goes on.
pub(crate) async fn run(workloads: &[Workload], options: Options) -> Result<Report> {
    let mut stock = Stock::new(options.binary, options.against)?;
    let mut report = Report::new(options.rounds, options.seconds, &stock).await?;
    for workload in workloads {
        let cases = cases(workload, &options.servers, &stock);
        for round in 0..options.rounds.min(workload.most_rounds) {
            for case in &cases {
                let name = report::name_of(workload, case);
                match one(&mut stock, case, options.seconds).await {
                    Ok(values) => {
                        report::progress(&report::line(&name, workload.unit, &values));
                        report.add(workload, case, round, values);
                    }
                    Err(error) => report.failed(format!("{name}, round {}: {error:#}", round + 1)),
                }
            }
        }
    }
    Ok(report)
}

/// The cases that are wanted and can be held, with the second binary's beside this server's.
fn cases(workload: &Workload, servers: &[Server], stock: &Stock) -> Vec<Case> {
    let mut cases = Vec::new();
    for case in &workload.cases {
        if case.load.accounts() > measure::connection_limit() {
            report::progress(&format!(
                "{} is left out: the system lets a process open too few files",
                report::name_of(workload, case)
            ));
            continue;
        }
        cases.push(case.clone());
        if case.subject.server == Server::Waxwing && stock.has_against() {
            let mut other = case.clone();
            other.subject.server = Server::Against;
            cases.push(other);
        }
    }
    let wanted = |server| servers.is_empty() || servers.contains(&server);
    cases.retain(|case| match case.subject.server {
        Server::Against => wanted(Server::Waxwing) || wanted(Server::Against),
        server => wanted(server),
    });
    cases
}

async fn one(stock: &mut Stock, case: &Case, span: Duration) -> Result<Values> {
    let needs = Needs {
        accounts: case.load.accounts(),
        friends: case.load.friends(),
        tls: case.tls,
        message: case.load.message(),
    };
    let (running, target) = stock
        .start(case.subject, needs)
        .await
        .with_context(|| format!("starting {}", case.subject.name()))?;
    let values = case.load.put(&target, span).await;
    running.stop().await?;
    values
}
