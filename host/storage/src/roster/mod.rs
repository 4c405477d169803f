//! Rosters: an account's contacts, and the requests that wait for its answer (RFC 6121 §2 and §3, XEP-0237).

mod decide;

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use crate::{AccountId, StorageError};

pub(crate) use decide::{
    Counters, REMEMBERED, changes_from, decide, groups_column, groups_from, is_told,
};

/// Who of the two hears of the other's presence (RFC 6121 §2.1.2.5).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Subscription {
    /// Neither.
    #[default]
    None,
    /// The account hears of the contact.
    To,
    /// The contact hears of the account.
    From,
    /// Each hears of the other.
    Both,
}

impl Subscription {
    /// As it is stored.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::To => "to",
            Self::From => "from",
            Self::Both => "both",
        }
    }

    pub(crate) fn stored(column: &str) -> Result<Self, sqlx::Error> {
        let mut all = [Self::None, Self::To, Self::From, Self::Both].into_iter();
        let found = all.find(|subscription| subscription.column() == column);
        found.ok_or_else(|| sqlx::Error::Decode(format!("no subscription is `{column}`").into()))
    }
}

/// A contact in a roster (RFC 6121 §2.1.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RosterItem {
    /// Prepared bare JID.
    pub contact: String,
    /// What the user calls the contact. `None` and empty are kept apart.
    pub name: Option<String>,
    /// Where the user files the contact, kept in the order given.
    pub groups: Vec<String>,
    /// Who hears of whom.
    pub subscription: Subscription,
    /// True: the account has asked to hear of the contact, and there is no answer yet (`ask='subscribe'`).
    pub pending_out: bool,
    /// True: the contact may hear of the account as soon as it asks (RFC 6121 §3.4).
    pub approved: bool,
}

/// All that an account has about one contact. The default is nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RosterEntry {
    /// `None`: the contact is not in the roster.
    pub item: Option<RosterItem>,
    /// The contact's whole stanza that asks to hear of the account, while the account has not answered. It is no part of
    /// the roster (RFC 6121 §3.1.3), and can be there without an item.
    pub request: Option<Vec<u8>>,
}

/// What others wrote does not belong in a log.
impl fmt::Debug for RosterEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RosterEntry")
            .field("item", &self.item)
            .field("request_octets", &self.request.as_ref().map(Vec::len))
            .finish()
    }
}

/// All items of an account. The default, with version 0, is that of an account that is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    /// Rises by one whenever an item is set, also to what it was, or removed. It does not begin at 0, but where no account's versions have been
    /// before: no version recurs, also not in the roster of a later account of the same name.
    pub version: u64,
    /// Sorted by contact.
    pub items: Vec<RosterItem>,
}

/// A change of a roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RosterChange {
    /// The item is new or other than it was.
    Set(RosterItem),
    /// This contact is no longer in the roster.
    Removed(String),
}

/// How much a roster may hold. What is there already may be changed and removed also beyond it. How large an item or a
/// stanza may be is the caller's to limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RosterLimits {
    /// Items.
    pub items: u64,
    /// Requests that wait for an answer.
    pub requests: u64,
}

/// Sees what is there and gives what is to be there, or `None` to leave it. An item that is given as it was is set all the same:
/// the user is told of it, by a version of its own (RFC 6121 §2.6.3). The edit may be called more than once, and only the
/// last call counts: it must be pure. It runs where all writes wait for it, and must be quick.
pub type Edit = Arc<dyn Fn(&RosterEntry) -> Option<RosterEntry> + Send + Sync>;

/// How an edit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Edited {
    /// It is done.
    Done {
        /// What was there.
        before: RosterEntry,
        /// What is there now.
        after: RosterEntry,
        /// The roster's version now. It has not risen if only the request is another.
        version: u64,
    },
    /// The edit left everything as it was, which is this.
    Unchanged(RosterEntry),
    /// A limit would be exceeded; nothing was changed.
    Full,
    /// There is no such account.
    NoAccount,
}

/// An account that has to do with a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its id.
    pub id: AccountId,
    /// Prepared user name.
    pub localpart: String,
    /// Prepared domain.
    pub domain: String,
}

/// The rosters of all accounts. Every change is durable when its call returns, and a read begun after that sees it. Each
/// read sees one moment. What is here of an account goes when the account is removed.
///
/// Contacts are prepared bare JIDs; they are only compared, never taken apart.
#[async_trait]
pub trait Rosters: Send + Sync {
    /// The whole roster.
    async fn load(&self, account: AccountId) -> Result<Roster, StorageError>;

    /// What changed after `version`, in the order in which it did, each with the version that the roster had then: the last of
    /// them is the version now. Of each contact there is only the newest change, and a contact that came and went is told as
    /// removed. `None`: that version is too old or of another roster, or more than `limit` changes came after it, and only
    /// [`Rosters::load`] tells what is there (RFC 6121 §2.6.3).
    async fn since(
        &self,
        account: AccountId,
        version: u64,
        limit: u32,
    ) -> Result<Option<Vec<(u64, RosterChange)>>, StorageError>;

    /// What there is about one contact.
    async fn entry(&self, account: AccountId, contact: &str) -> Result<RosterEntry, StorageError>;

    /// Contacts whose requests wait for an answer, with their stanzas, oldest first. A request that replaced another keeps
    /// its place.
    async fn requests(&self, account: AccountId) -> Result<Vec<(String, Vec<u8>)>, StorageError>;

    /// Reads, decides and writes in one step that no other change of the account gets between. The item that `edit` gives
    /// is that of `contact`, whatever contact it names.
    async fn edit(
        &self,
        account: AccountId,
        contact: &str,
        limits: RosterLimits,
        edit: Edit,
    ) -> Result<Edited, StorageError>;

    /// Accounts that have this contact in their roster or a request from it, by id: those to tell when it is removed.
    async fn holders(&self, contact: &str) -> Result<Vec<Holder>, StorageError>;
}
