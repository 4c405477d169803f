//! The task that finds silent clients: it passes over all sessions nine times in the idle timeout and wakes those that have to probe
//! their client, or to drop it (`delivery::liveness`).

use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{
    delivery::{liveness, session_handle::SessionHandle},
    router::Router,
};

/// Watches all sessions until the server stops. A silent client is dropped after at most `seconds`; 0 disables the watch.
pub(crate) async fn run(router: Arc<Router>, seconds: u32, stopping: CancellationToken) {
    let pause = Duration::from_secs(u64::from(seconds)).checked_div(liveness::PASSES);
    let Some(pause) = pause.filter(|pause| !pause.is_zero()) else {
        return;
    };
    let mut passes = interval(pause);
    // A machine that stood still must not take that for the silence of all clients.
    passes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let passing = async {
        loop {
            passes.tick().await;
            router.each_session(pass_over).await;
        }
    };
    tokio::select! {
        () = stopping.cancelled() => {}
        () = passing => {}
    }
}

fn pass_over(handle: &SessionHandle) {
    // A hibernated session has no connection, and a timeout of its own.
    if !handle.is_hibernated() && handle.liveness.pass() {
        handle.mailbox().rouse();
    }
}
