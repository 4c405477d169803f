//! What the server does for the administration socket.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use serde_json::Value;
use tokio::time::{sleep, timeout};
use waxwing_xmpp::jid::{self, BareJid};

use super::Server;
use crate::{
    admin::{AccountCommand, AdminHandler, Failure, Lookup, Reply, Trace, user},
    context::ServerContext,
    delivery::mailbox::End,
};

/// Time for sessions to end; afterwards they are cut off anyway.
const PATIENCE: Duration = Duration::from_secs(6);
/// How often it is looked whether they have.
const LOOK: Duration = Duration::from_millis(5);

#[async_trait]
impl AdminHandler for Server {
    async fn account(&self, command: AccountCommand) -> Result<Reply, Failure> {
        let (rosters, domains) = (&self.context.rosters, &self.context.domains);
        let outcome = user::execute(rosters, domains, command).await?;
        if let Some(account) = outcome.ended {
            end_sessions(&self.context, &account).await;
        }
        Ok(outcome.reply)
    }

    async fn look_up(&self, lookup: Lookup) -> Result<Option<String>, Failure> {
        let found = match lookup {
            Lookup::ExternalId { jid } => {
                let account = jid::parse_bare(&jid).map_err(|_| Failure::NotAnAccount {
                    text: jid,
                    domain: self.context.domains.first().cloned().unwrap_or_default(),
                })?;
                self.platform.user_of(&account).await
            }
            Lookup::ByExternalId {
                domain,
                external_id,
            } => self.platform.account_of(&domain, &external_id).await,
        };
        found.map_err(Failure::Unavailable)
    }

    fn plugins(&self) -> Vec<Value> {
        let list = self.platform.list();
        // A status is plain data, which serialises.
        list.iter()
            .filter_map(|status| serde_json::to_value(status).ok())
            .collect()
    }

    async fn plugin_stats(&self, name: Option<&str>) -> Result<Value, Failure> {
        let stats = self.platform.stats(name).await.map_err(about_plugin)?;
        serde_json::to_value(stats).map_err(about_plugin)
    }

    fn trace_plugin(&self, trace: &Trace) -> Result<BoxStream<'static, Value>, Failure> {
        let trace = self.platform.trace(&trace.name, trace.full);
        let calls = stream::unfold(trace.map_err(about_plugin)?, async |mut trace| {
            let line = trace.next().await?;
            Some((serde_json::to_value(line).ok()?, trace))
        });
        Ok(Box::pin(calls))
    }

    async fn reload_plugin(&self, name: &str) -> Result<(), Failure> {
        self.platform.reload(name).await.map_err(about_plugin)
    }

    async fn enable_plugin(&self, name: &str) -> Result<Vec<String>, Failure> {
        self.platform.enable(name).await.map_err(about_plugin)
    }

    async fn disable_plugin(&self, name: &str) -> Result<Vec<String>, Failure> {
        self.platform.disable(name).await.map_err(about_plugin)
    }

    fn grant_plugin(&self, name: &str, sha256: &str, grants: Vec<String>) -> Result<(), Failure> {
        let granted = self.platform.grant(name, sha256, grants);
        granted.map_err(about_plugin)
    }
}

fn about_plugin(error: impl std::fmt::Display) -> Failure {
    Failure::Plugin(error.to_string())
}

/// Ends every session of an account that has just been removed or disabled, and returns when none can send any more.
async fn end_sessions(server: &ServerContext, account: &BareJid) {
    let ended = server.router.end_account(account, End::AccountGone);
    let over = async {
        while server.router.has_any(account, &ended) {
            sleep(LOOK).await;
        }
    };
    if timeout(PATIENCE, over).await.is_err() {
        tracing::warn!(%account, "sessions take long to end");
    }
}
