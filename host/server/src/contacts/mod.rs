//! The rosters of this server's accounts, and the subscriptions that stand in them (RFC 6121 §2, §3).
//!
//! Every change is committed before anybody hears of it. Changes of one account take turns, from the commit to the last push,
//! so that no session hears of an older state after a newer one; two accounts are never held at once. Above are the sessions;
//! below are the storage and the router, whose view of who sees whom is kept true here.

mod convert;
mod requests;
mod subscriptions;

pub(crate) use subscriptions::word;

use std::sync::Arc;

use waxwing_storage::{AccountId, Edited, RosterEntry, RosterLimits, StorageError};
use waxwing_xmpp::{
    error::{Condition, StanzaError},
    jid::BareJid,
    roster,
    subscription::State,
};

use crate::{
    accounts::{AccountError, Accounts},
    config::Limits,
    router::{Limit, Router, View},
    turns::Turns,
};

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContactError {
    /// The error for whoever asked.
    #[error("{}", .0.condition.name())]
    Refused(StanzaError),
    /// The database failed.
    #[error(transparent)]
    Account(#[from] AccountError),
}

impl From<StorageError> for ContactError {
    fn from(error: StorageError) -> Self {
        Self::Account(error.into())
    }
}

impl From<Condition> for ContactError {
    fn from(condition: Condition) -> Self {
        Self::Refused(StanzaError::new(condition))
    }
}

impl ContactError {
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
pub struct Contacts {
    accounts: Accounts,
    router: Arc<Router>,
    limits: RosterLimits,
    turns: Turns,
}

/// What an edit did.
struct Change {
    before: RosterEntry,
    after: RosterEntry,
    /// How the roster's new version is written.
    version: String,
}

impl Contacts {
    /// The contacts of these accounts, whose sessions that router knows.
    pub(crate) fn new(accounts: Accounts, router: Arc<Router>, limits: &Limits) -> Self {
        Self {
            accounts,
            router,
            limits: RosterLimits {
                items: limits.roster_items,
                requests: limits.roster_items,
            },
            turns: Turns::default(),
        }
    }

    /// The accounts.
    pub(crate) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Removes an account. Whoever was connected with it hears that this is over (RFC 6121 §3.2, §3.3), after its own data
    /// are gone.
    pub(crate) async fn remove_account(&self, account: &BareJid) -> Result<(), AccountError> {
        let parting = match self.parting(account).await {
            Ok(parting) => parting,
            Err(ContactError::Account(error)) => return Err(error),
            Err(ContactError::Refused(_)) => Vec::new(),
        };
        self.accounts.remove(account).await?;
        for (contact, state) in parting {
            self.part(account, &contact, state).await;
        }
        self.router.drop_view(account);
        Ok(())
    }

    async fn id(&self, account: &BareJid) -> Result<Option<AccountId>, ContactError> {
        Ok(self.accounts.id(account).await?)
    }

    /// Changes what an account has about a contact, in one step, in its turn. The sessions that are interested are told; the
    /// router as well. `None`: there was nothing to change.
    async fn edit(
        &self,
        account: &BareJid,
        id: AccountId,
        contact: &BareJid,
        edit: impl Fn(&RosterEntry) -> Option<RosterEntry> + Send + Sync + 'static,
    ) -> Result<Option<Change>, ContactError> {
        let rosters = self.accounts.rosters();
        let edited = rosters.edit(id, contact.as_str(), self.limits, Arc::new(edit));
        match edited.await? {
            Edited::Done {
                before,
                after,
                version,
            } => {
                let state = convert::state(&after);
                self.router.note_view(account, contact, state);
                Ok(Some(Change {
                    before,
                    after,
                    version: version_text(id, version),
                }))
            }
            Edited::Unchanged(_) => Ok(None),
            Edited::Full => {
                self.router.reached(Limit::Roster);
                Err(Condition::ResourceConstraint.into())
            }
            Edited::NoAccount => Err(Condition::ItemNotFound.into()),
        }
    }

    /// Tells the interested sessions what became of an item, if it changed.
    fn push(&self, account: &BareJid, contact: &BareJid, change: &Change) {
        if change.before.item == change.after.item {
            return;
        }
        let item = match &change.after.item {
            Some(_) => convert::item(contact, &change.after).to_element(),
            None => roster::removed(contact),
        };
        let query = roster::query(&change.version, [item]);
        self.router.push_roster(account, &query);
    }

    /// Makes known to the router who sees whom, before a session's presence goes out.
    pub(crate) async fn make_known(&self, account: &BareJid) -> Result<(), ContactError> {
        if self.router.has_view(account.as_str()) {
            return Ok(());
        }
        let _turn = self.turns.of(account).await;
        let Some(id) = self.id(account).await? else {
            return Ok(());
        };
        let roster = self.accounts.rosters().load(id).await?;
        let mut view = View::default();
        for item in &roster.items {
            let Some(contact) = convert::contact(&item.contact) else {
                continue;
            };
            let State { to, from, .. } = convert::state_of_item(item);
            if from {
                view.seen_by.insert(contact.clone());
            }
            if to {
                view.sees.insert(contact);
            }
        }
        self.router.put_view(account, view);
        Ok(())
    }
}

/// How a version is written. The account's id is in it: a roster of the same name that is made again is another one.
fn version_text(id: AccountId, version: u64) -> String {
    format!("{:x}.{version}", id.0)
}
