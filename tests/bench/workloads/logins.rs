//! Users log in up to a bound resource, and leave again.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Tasks;
use crate::generator::{Tally, Target};
use crate::metric::Values;

/// Logins at the same time.
pub(super) const AT_ONCE: u32 = 32;
/// Users for each of those, so that one has long left when it comes again.
pub(super) const ACCOUNTS: u32 = 3;

/// Measures while users come and go.
pub(super) async fn run(target: &Target, span: Duration) -> Result<Values> {
    // The keys of all passwords are computed before.
    drop(target.sessions(0..AT_ONCE * ACCOUNTS).await?);
    let tally = Tally::new();
    let mut tasks = Tasks::new();
    for task in 0..AT_ONCE {
        tasks.add(come_and_go(task, target.clone(), Rc::clone(&tally)));
    }
    tasks.during(tally.measure(target.pid, span)).await
}

async fn come_and_go(task: u32, target: Target, tally: Rc<Tally>) -> Result<()> {
    loop {
        for account in 0..ACCOUNTS {
            let began = Instant::now();
            let mut session = target.session(task * ACCOUNTS + account, "r").await?;
            tally.took(began.elapsed());
            tally.add(1);
            session.link.send(b"</stream:stream>").await?;
        }
    }
}
