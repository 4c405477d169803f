//! Sessions that are bound, have fetched the roster, have sent presence, and then do nothing.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use crate::generator::{ARRIVE, Session, Target};
use crate::measure::proportional_kib;
use crate::metric::{Metric, Values};

/// Sessions before those that count: they use up what the process has kept of its start, and would be given away for nothing.
pub(super) const BEFORE: u32 = 1_000;
/// Until the server has given back what it only needed for logins.
const SETTLE: Duration = Duration::from_secs(2);

/// Measures what `sessions` take, each.
pub(super) async fn run(sessions: u32, target: &Target) -> Result<Values> {
    let first = come(0..BEFORE, target).await?;
    let before = proportional_kib(target.pid)?;
    let rest = come(BEFORE..BEFORE + sessions, target).await?;
    let after = proportional_kib(target.pid)?;
    drop((first, rest));
    Ok(Values::from([
        (
            Metric::Session,
            (after as f64 - before as f64) / f64::from(sessions),
        ),
        (Metric::Memory, after as f64 / 1024.0),
    ]))
}

async fn come(users: std::ops::Range<u32>, target: &Target) -> Result<Vec<Session>> {
    let mut sessions = target.sessions(users).await?;
    if !target.is_relay() {
        for session in &mut sessions {
            session.do_first(ARRIVE, &target.buffer).await?;
        }
    }
    sleep(SETTLE).await;
    Ok(sessions)
}
