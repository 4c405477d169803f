//! What the server does for the administration socket.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use serde_json::Value;
use tokio::time::{sleep, timeout};
use waxwing_xmpp::jid::BareJid;

use super::Server;
use crate::{admin::AdminHandler, delivery::mailbox::End, roster::RosterService};

/// Time for sessions to end; afterwards they are cut off anyway.
const PATIENCE: Duration = Duration::from_secs(6);
/// How often it is looked whether they have.
const LOOK: Duration = Duration::from_millis(5);

#[async_trait]
impl AdminHandler for Server {
    fn rosters(&self) -> &RosterService {
        &self.rosters
    }

    fn domains(&self) -> &[String] {
        &self.domains
    }

    async fn end_sessions(&self, account: &BareJid) {
        let ended = self.router.end_account(account, End::AccountGone);
        let over = async {
            while self.router.has_any(account, &ended) {
                sleep(LOOK).await;
            }
        };
        if timeout(PATIENCE, over).await.is_err() {
            tracing::warn!(%account, "sessions take long to end");
        }
    }

    async fn user_behind(&self, account: &BareJid) -> Result<Option<String>, String> {
        self.platform.user_of(account).await
    }

    async fn user_of_site(&self, domain: &str, user: &str) -> Result<Option<String>, String> {
        self.platform.account_of(domain, user).await
    }

    fn plugins(&self) -> Vec<Value> {
        let list = self.platform.list();
        // A status is plain data, which serialises.
        list.iter()
            .filter_map(|status| serde_json::to_value(status).ok())
            .collect()
    }

    async fn plugin_stats(&self, name: Option<&str>) -> Result<Value, String> {
        let stats = self.platform.stats(name).await;
        let stats = stats.map_err(|error| error.to_string())?;
        serde_json::to_value(stats).map_err(|error| error.to_string())
    }

    fn trace_plugin(&self, name: &str, full: bool) -> Result<BoxStream<'static, Value>, String> {
        let trace = self.platform.trace(name, full);
        let trace = trace.map_err(|error| error.to_string())?;
        let calls = stream::unfold(trace, async |mut trace| {
            let line = trace.next().await?;
            Some((serde_json::to_value(line).ok()?, trace))
        });
        Ok(Box::pin(calls))
    }

    async fn reload_plugin(&self, name: &str) -> Result<(), String> {
        self.platform
            .reload(name)
            .await
            .map_err(|error| error.to_string())
    }

    async fn enable_plugin(&self, name: &str) -> Result<Vec<String>, String> {
        let came = self.platform.enable(name).await;
        came.map_err(|error| error.to_string())
    }

    async fn disable_plugin(&self, name: &str) -> Result<Vec<String>, String> {
        let went = self.platform.disable(name).await;
        went.map_err(|error| error.to_string())
    }

    fn grant_plugin(&self, name: &str, sha256: &str, grants: Vec<String>) -> Result<(), String> {
        let kept = self.platform.grant(name, sha256, grants);
        kept.map_err(|error| error.to_string())
    }
}
