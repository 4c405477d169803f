//! What the plugin platform needs of the server.

use std::sync::Arc;

use async_trait::async_trait;
use waxwing_plugins::{
    FollowUp, HttpError, HttpRequest, HttpResponse, SentStanza, ServiceError, Services,
};
use waxwing_storage::{AccountId, PluginData};
use waxwing_xml::Element;
use waxwing_xmpp::{
    jid::{self, BareJid, FullJid, Jid},
    roster::Item,
    sasl,
};

use super::http_client::HttpClient;
use crate::{
    accounts::AccountError,
    context::ServerContext,
    delivery::{envelope::Envelope, roster_job::RosterJob},
    pipeline::{self, Sender, follow_up::apply_follow_ups},
};

/// What service discovery announces besides the plugins' features: messages are stored for accounts that are offline (XEP-0160 §4).
const FEATURES: &[&str] = &["msgoffline"];

/// The server as the platform sees it.
pub(super) struct ServerServices {
    pub(super) server: Arc<ServerContext>,
    pub(super) http: HttpClient,
}

#[async_trait]
impl Services for ServerServices {
    fn hosts(&self) -> Vec<String> {
        self.server.domains.clone()
    }

    fn is_admin(&self, host: &str, account: &BareJid) -> bool {
        self.server.administrators.has(host, account)
    }

    async fn account_exists(&self, account: &BareJid) -> Result<bool, ServiceError> {
        self.server
            .accounts
            .exists(account)
            .await
            .or_else(|error| match error {
                AccountError::NotAnAccount => Ok(false),
                other => Err(service_error(other)),
            })
    }

    async fn create_account(&self, account: &BareJid, password: &str) -> Result<(), ServiceError> {
        self.server
            .accounts
            .create(account, password)
            .await
            .map_err(service_error)
    }

    async fn adopt_account(&self, account: &BareJid) -> Result<(), ServiceError> {
        let admitted = self.server.accounts.admit(account).await;
        admitted.map(drop).map_err(service_error)
    }

    async fn set_password(&self, account: &BareJid, password: &str) -> Result<(), ServiceError> {
        self.server
            .accounts
            .set_password(account, password)
            .await
            .map_err(service_error)
    }

    async fn remove_account(&self, account: &BareJid) -> Result<(), ServiceError> {
        let removed = self.server.rosters.remove_account(account);
        removed.await.map_err(service_error)
    }

    async fn account_id(&self, account: &BareJid) -> Result<Option<AccountId>, ServiceError> {
        self.server
            .accounts
            .id(account)
            .await
            .or_else(|error| match error {
                AccountError::NotAnAccount => Ok(None),
                other => Err(service_error(other)),
            })
    }

    async fn accounts(
        &self,
        host: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<BareJid>, bool), ServiceError> {
        let listed = self.server.accounts.list(Some(host)).await;
        let mut accounts: Vec<BareJid> = listed
            .map_err(service_error)?
            .into_iter()
            .filter(|account| !account.disabled)
            .filter_map(|account| jid::bare(&account.localpart, &account.domain).ok())
            .filter(|account| after.is_none_or(|after| account.as_str() > after))
            .collect();
        accounts.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        let more = accounts.len() > limit;
        accounts.truncate(limit);
        Ok((accounts, more))
    }

    async fn roster(&self, account: &BareJid) -> Result<Vec<Item>, ServiceError> {
        let items = self.server.rosters.items(account).await;
        items.map_err(|error| {
            drop(error.reply());
            ServiceError::Unavailable
        })
    }

    async fn shares_presence(
        &self,
        account: &BareJid,
        address: &BareJid,
    ) -> Result<bool, ServiceError> {
        if !self.account_exists(account).await? {
            return Ok(false);
        }
        let shares = self.server.rosters.shares_presence(account, address).await;
        shares.map_err(|error| {
            drop(error.reply());
            ServiceError::Unavailable
        })
    }

    fn features(&self) -> &'static [&'static str] {
        FEATURES
    }

    fn rosters_moved(&self, hosts: Vec<String>) {
        self.server
            .roster_jobs
            .send(RosterJob::ProviderChanged(hosts));
    }

    fn plugin_data(&self) -> Result<&dyn PluginData, ServiceError> {
        Ok(self.server.accounts.plugin_data())
    }

    fn route(&self, sent: SentStanza) {
        // A plugin's stanza never waits, and a plugin has no stream to slow down.
        let stanza = if sent.bypasses_hooks {
            Envelope::bypassing_hooks(sent.stanza)
        } else {
            sent.stanza.into()
        };
        let _ = pipeline::accept(Sender::Plugin(&self.server), stanza);
    }

    fn answer(&self, asker: &Jid, reply: Element) {
        self.server.router.answer(asker, reply);
    }

    fn sessions(&self, account: &BareJid) -> Vec<(FullJid, Option<i8>)> {
        self.server.router.sessions(account)
    }

    fn all_sessions(&self) -> Vec<(FullJid, u64)> {
        self.server.router.all_sessions()
    }

    fn apply_follow_ups(&self, follow_ups: Vec<FollowUp>) {
        apply_follow_ups(&self.server, follow_ups);
    }

    async fn http(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.http.send(request).await
    }

    fn is_valid_password(&self, password: &str) -> bool {
        sasl::is_valid_password(password)
    }
}

/// What a plugin is told. The rest is for the log.
fn service_error(error: AccountError) -> ServiceError {
    match error {
        AccountError::Taken => ServiceError::Taken,
        AccountError::Unknown | AccountError::NotAnAccount => ServiceError::NoSuchAccount,
        other => {
            tracing::error!(error = %other, "an account cannot be changed");
            ServiceError::Unavailable
        }
    }
}
