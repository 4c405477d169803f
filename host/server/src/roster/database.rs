//! The server's own rosters: in its database.

use std::sync::Arc;

use async_trait::async_trait;
use waxwing_plugins::RosterChange;
use waxwing_storage::{AccountId, Edited, RosterChange as StoredChange, RosterEntry, RosterLimits};
use waxwing_xmpp::{
    error::Condition,
    jid::BareJid,
    roster::Item,
    subscription::{State, SubscriptionAction},
};

use super::{
    RosterError, convert,
    store::{Roster, RosterStore, Step},
};
use crate::{accounts::Accounts, metrics::router::Limit, router::Router};

/// Changes of a roster that are told one by one. After more, all of it is less to send.
const INTERIM: u32 = 64;

/// The rosters of the server's database.
pub(super) struct DatabaseStore {
    accounts: Accounts,
    /// Counts where the limits hold.
    router: Arc<Router>,
    limits: RosterLimits,
}

impl DatabaseStore {
    pub(super) fn new(accounts: Accounts, router: Arc<Router>, limits: RosterLimits) -> Self {
        Self {
            accounts,
            router,
            limits,
        }
    }

    async fn id(&self, account: &BareJid) -> Result<AccountId, RosterError> {
        let id = self.accounts.id(account).await?;
        Ok(id.ok_or(Condition::ItemNotFound)?)
    }

    /// Changes what an account has about a contact, in one step.
    async fn edit(
        &self,
        account: &BareJid,
        contact: &BareJid,
        edit: impl Fn(&RosterEntry) -> Option<RosterEntry> + Send + Sync + 'static,
    ) -> Result<RosterChange, RosterError> {
        let id = self.id(account).await?;
        let rosters = self.accounts.rosters();
        let edited = rosters.edit(id, contact.as_str(), self.limits, Arc::new(edit));
        match edited.await? {
            Edited::Done {
                before,
                after,
                version,
            } => Ok(RosterChange {
                before: convert::entry(contact, &before),
                after: convert::entry(contact, &after),
                version: Some(version_text(id, version)),
            }),
            Edited::Unchanged(there) => Ok(RosterChange {
                before: convert::entry(contact, &there),
                after: convert::entry(contact, &there),
                // Nobody is told of what did not change.
                version: None,
            }),
            Edited::Full => {
                self.router.limit_reached(Limit::Roster);
                Err(Condition::ResourceConstraint.into())
            }
            Edited::NoAccount => Err(Condition::ItemNotFound.into()),
        }
    }

    /// The same, by what it does to the state.
    async fn step(
        &self,
        account: &BareJid,
        contact: &BareJid,
        request: Option<Vec<u8>>,
        next: impl Fn(State) -> State + Send + Sync + 'static,
    ) -> Result<RosterChange, RosterError> {
        let about = contact.as_str().to_owned();
        let edited = self.edit(account, contact, move |entry| {
            let state = next(convert::state(entry));
            let after = convert::with_state(entry, &about, state, request.as_deref());
            (after != *entry).then_some(after)
        });
        edited.await
    }
}

#[async_trait]
impl RosterStore for DatabaseStore {
    async fn load(&self, account: &BareJid) -> Result<Roster, RosterError> {
        let id = self.id(account).await?;
        let stored = self.accounts.rosters().load(id).await?;
        let items = stored.items.into_iter();
        Ok(Roster {
            version: Some(version_text(id, stored.version)),
            items: items.filter_map(convert::item).collect(),
        })
    }

    async fn since(
        &self,
        account: &BareJid,
        version: &str,
    ) -> Result<Option<Vec<Step>>, RosterError> {
        let id = self.id(account).await?;
        let Some(version) = version_of(id, version) else {
            return Ok(None);
        };
        let changes = self.accounts.rosters().since(id, version, INTERIM);
        let steps = |changes: Vec<_>| {
            let changes = changes.into_iter();
            changes
                .filter_map(|(version, change)| step(version_text(id, version), change))
                .collect()
        };
        Ok(changes.await?.map(steps))
    }

    async fn item(
        &self,
        account: &BareJid,
        contact: &BareJid,
    ) -> Result<Option<Item>, RosterError> {
        let id = self.id(account).await?;
        let rosters = self.accounts.rosters();
        let entry = rosters.entry(id, contact.as_str()).await?;
        Ok(entry.item.and_then(convert::item))
    }

    async fn requests(&self, account: &BareJid) -> Result<Vec<(BareJid, Vec<u8>)>, RosterError> {
        let Some(id) = self.accounts.id(account).await? else {
            return Ok(Vec::new());
        };
        let requests = self.accounts.rosters().requests(id).await?.into_iter();
        Ok(requests
            .filter_map(|(contact, request)| Some((convert::contact(&contact)?, request)))
            .collect())
    }

    async fn update(
        &self,
        account: &BareJid,
        contact: &BareJid,
        name: Option<String>,
        groups: Vec<String>,
    ) -> Result<RosterChange, RosterError> {
        let about = contact.as_str().to_owned();
        let edited = self.edit(account, contact, move |entry| {
            let mut entry = entry.clone();
            let item = entry.item.get_or_insert_with(|| convert::new_item(&about));
            item.name.clone_from(&name);
            item.groups.clone_from(&groups);
            Some(entry)
        });
        edited.await
    }

    async fn remove(
        &self,
        account: &BareJid,
        contact: &BareJid,
    ) -> Result<RosterChange, RosterError> {
        let edited = self.edit(account, contact, |entry| {
            entry.item.as_ref()?;
            Some(RosterEntry {
                item: None,
                request: entry.request.clone(),
            })
        });
        edited.await
    }

    async fn outbound(
        &self,
        account: &BareJid,
        contact: &BareJid,
        word: SubscriptionAction,
    ) -> Result<RosterChange, RosterError> {
        let next = move |state: State| state.outbound(word).state;
        self.step(account, contact, None, next).await
    }

    async fn inbound(
        &self,
        account: &BareJid,
        contact: &BareJid,
        word: SubscriptionAction,
        request: Vec<u8>,
    ) -> Result<Option<RosterChange>, RosterError> {
        if self.accounts.id(account).await?.is_none() {
            return Ok(None);
        }
        let next = move |state: State| state.inbound(word).state;
        let changed = self.step(account, contact, Some(request), next).await?;
        Ok(Some(changed))
    }
}

/// `None` for a contact that is no address.
fn step(version: String, change: StoredChange) -> Option<Step> {
    let (contact, item) = match change {
        StoredChange::Set(item) => {
            let item = convert::item(item)?;
            (item.contact.clone(), Some(item))
        }
        StoredChange::Removed(contact) => (convert::contact(&contact)?, None),
    };
    Some(Step {
        version,
        contact,
        item,
    })
}

/// How a version is written. The account's id is in it: a roster of the same name that is made again is another one.
fn version_text(id: AccountId, version: u64) -> String {
    format!("{:x}.{version}", id.0)
}

/// The version that a client has written so; `None` if this account has none of that kind.
fn version_of(id: AccountId, text: &str) -> Option<u64> {
    let version = text.strip_prefix(&format!("{:x}.", id.0))?.parse().ok()?;
    (version_text(id, version) == text).then_some(version)
}
