//! The rosters of this server's accounts, and the subscriptions that stand in them (RFC 6121 §2, §3).
//!
//! Every change is committed before anybody hears of it. Changes of one account take locks, from the commit to the last push,
//! so that no session hears of an older state after a newer one; two accounts are never held at once. Above are the sessions;
//! below are those who keep rosters (`store`: the database, or a plugin) and the router, whose view of who sees whom is kept
//! true here. What plugins may say about it all is asked in `hooks`.

mod convert;
mod database;
mod hooks;
mod iq;
mod plugin_changes;
mod store;
mod subscriptions;

pub(crate) use subscriptions::subscription_action;

use std::{collections::HashSet, sync::Arc};

use waxwing_plugins::{RosterAct, RosterChange};
use waxwing_storage::{RosterLimits, StorageError};
use waxwing_xml::Element;
use waxwing_xmpp::{
    error::{Condition, StanzaError},
    jid::BareJid,
    roster::{self, Item},
};

use self::{database::DatabaseStore, hooks::Push, store::RosterStore};
use crate::{
    accounts::{AccountError, Accounts, account_locks::AccountLocks},
    config::Limits,
    router::{AccountSubscriptions, Router},
};

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RosterError {
    /// The error for whoever asked.
    #[error("{}", .0.condition.name())]
    Refused(StanzaError),
    /// The database failed.
    #[error(transparent)]
    Account(#[from] AccountError),
}

impl From<StorageError> for RosterError {
    fn from(error: StorageError) -> Self {
        Self::Account(error.into())
    }
}

impl From<StanzaError> for RosterError {
    fn from(error: StanzaError) -> Self {
        Self::Refused(error)
    }
}

impl From<Condition> for RosterError {
    fn from(condition: Condition) -> Self {
        Self::Refused(StanzaError::new(condition))
    }
}

impl RosterError {
    /// What the sender is told; a failure of the server itself is written to the log.
    pub(crate) fn reply(self) -> StanzaError {
        match self {
            Self::Refused(error) => error,
            Self::Account(error) => {
                error.log("cannot read or change a roster");
                StanzaError::temporary()
            }
        }
    }
}

/// The accounts, and the rosters of all of them.
pub(crate) struct RosterService {
    accounts: Accounts,
    router: Arc<Router>,
    database: Arc<dyn RosterStore>,
    locks: AccountLocks,
    /// Words of one account are heard in the order in which they were said. Taken before any turn.
    subscription_locks: AccountLocks,
    /// The longest request that is kept whole.
    request_bytes: usize,
}

impl RosterService {
    /// The contacts of these accounts, whose sessions that router knows.
    pub(crate) fn new(accounts: Accounts, router: Arc<Router>, limits: &Limits) -> Self {
        let request_bytes = limits.request_bytes;
        let limits = RosterLimits {
            items: limits.roster_items,
            requests: limits.roster_items,
        };
        Self {
            database: Arc::new(DatabaseStore::new(
                accounts.clone(),
                Arc::clone(&router),
                limits,
            )),
            accounts,
            router,
            locks: AccountLocks::default(),
            subscription_locks: AccountLocks::default(),
            request_bytes,
        }
    }

    /// The accounts.
    pub(crate) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Removes an account. Whoever was connected with it hears that this is over (RFC 6121 §3.2, §3.3), and does so first: a kill
    /// in between leaves nobody connected with whoever has the name next.
    pub(crate) async fn remove_account(&self, account: &BareJid) -> Result<(), AccountError> {
        // What it says of itself from here on is nobody's business.
        self.router.forget_subscriptions(account);
        let removed = self.end_subscriptions_and_remove(account).await;
        match &removed {
            Ok(()) => self.router.forget_subscriptions(account),
            // It goes on, for as much as there still is.
            Err(_) if self.router.is_connected(account.as_str()) => {
                let _ = self.make_known(account).await;
            }
            Err(_) => {}
        }
        removed
    }

    async fn end_subscriptions_and_remove(&self, account: &BareJid) -> Result<(), AccountError> {
        let mut parted = HashSet::new();
        for (contact, state) in self.subscriptions_to_end(account).await? {
            self.end_subscriptions(account, &contact, state).await;
            parted.insert(contact);
        }
        let late = {
            let _lock = self.locks.lock(account).await;
            let late = self.subscriptions_to_end(account).await?;
            self.accounts.remove(account).await?;
            late
        };
        // Those who have become contacts meanwhile.
        for (contact, state) in late {
            if !parted.contains(&contact) {
                self.end_subscriptions(account, &contact, state).await;
            }
        }
        Ok(())
    }

    /// Who keeps the rosters of an account's host.
    fn store(&self, account: &BareJid) -> Arc<dyn RosterStore> {
        match self
            .router
            .inlet()
            .roster_provider(account.domain().as_str())
        {
            Some(provider) => Arc::new(provider),
            None => Arc::clone(&self.database),
        }
    }

    /// Notes a change for the presence that follows it, and tells the sessions that are interested what became of the item.
    async fn tell(&self, account: &BareJid, contact: &BareJid, change: &RosterChange) {
        if change.before == change.after {
            return;
        }
        self.router
            .update_subscription(account, contact, change.after.state());
        if change.before.item != change.after.item {
            self.push(account, contact, change, Push::IfOther).await;
        }
    }

    /// Tells the interested sessions what there is about a contact, as they are shown it.
    async fn push(&self, account: &BareJid, contact: &BareJid, change: &RosterChange, push: Push) {
        if !self.router.inlet().wants_roster(RosterAct::Show) {
            let version = change.version.as_deref();
            return self.push_item(account, contact, change.after.item.as_ref(), version);
        }
        match self.difference(account, contact, change, push).await {
            Ok(Some(item)) => self.push_item(account, contact, item.as_ref(), None),
            Ok(None) => {}
            Err(error) => {
                // Nobody is told what they may not be shown.
                let condition = error.condition.name();
                tracing::debug!(%account, condition, "a change of a roster is told to nobody");
            }
        }
    }

    fn push_item(
        &self,
        account: &BareJid,
        contact: &BareJid,
        item: Option<&Item>,
        version: Option<&str>,
    ) {
        let query = told(version, contact, item);
        self.router.push_roster(account, &query);
    }

    /// Makes known to the router who sees whom, before a session's presence goes out.
    pub(crate) async fn make_known(&self, account: &BareJid) -> Result<(), RosterError> {
        if self.router.knows_subscriptions_of(account.as_str()) {
            return Ok(());
        }
        let _lock = self.locks.lock(account).await;
        if self.accounts.id(account).await?.is_none() {
            return Ok(());
        }
        let view = self.view(account).await?;
        self.router.set_subscriptions(account, view);
        Ok(())
    }

    /// An account's roster, for plugins. Its turn is not waited for: whoever has it may be asking.
    pub(crate) async fn items(&self, account: &BareJid) -> Result<Vec<Item>, RosterError> {
        Ok(self.store(account).load(account).await?.items)
    }

    /// Whether an account shares its presence with an address (RFC 6121 §2.1.2.5), for plugins. The account's lock is not taken: a
    /// plugin may ask while it is held.
    pub(crate) async fn shares_presence(
        &self,
        account: &BareJid,
        address: &BareJid,
    ) -> Result<bool, RosterError> {
        let item = self.store(account).item(account, address).await?;
        Ok(item.is_some_and(|item| item.state.from))
    }

    async fn view(&self, account: &BareJid) -> Result<AccountSubscriptions, RosterError> {
        let roster = self.store(account).load(account).await?;
        let items = roster.items.into_iter();
        Ok(AccountSubscriptions::of(
            items.map(|item| (item.contact, item.state)),
        ))
    }
}

/// What a push says of a contact, with the version of the roster by that.
fn told(version: Option<&str>, contact: &BareJid, item: Option<&Item>) -> Element {
    let item = match item {
        Some(item) => item.to_element(),
        None => roster::removed(contact),
    };
    roster::query(version, [item])
}
