//! The step in which a guest is called: a hook that reads a message's sender and its body.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use tokio::runtime::{Builder, LocalOptions};
use waxwing_plugins::{ChainRun, HookVerdict, Recipient};
use waxwing_xmpp::stanza::Stanza;

use crate::platform;

/// Takes a message through the hook so many times, as a shard does it: the filter, an instance from the pool, the call, its
/// effects, its verdict.
pub(crate) fn judge(times: u32, message: &Stanza) -> Result<()> {
    let guests = std::env::var_os("WAXWING_GUESTS").context("WAXWING_GUESTS names no folder")?;
    let hook = PathBuf::from(guests).join("fixtures/reads-two.wasm");
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let serving = platform::platform(&[("reads-two", &hook)]).await;
        for _ in 0..times {
            let judged = match serving.shard.inbound(message.clone(), Recipient::Full) {
                ChainRun::Ready(judged) => judged,
                ChainRun::Pending(judged) => judged.await,
            };
            ensure!(matches!(judged, HookVerdict::Pass(_)), "{judged:?}");
        }
        serving.end().await;
        Ok(())
    })
}
