//! Columns, and what they mean.

use sqlx::FromRow;

use crate::{
    AccountId, Holder, RosterChange, RosterEntry, RosterItem, Subscription,
    roster::{Counters, groups_from},
};

/// An item or a removal, with the roster's version by it.
#[derive(FromRow)]
pub(super) struct VersionedRow {
    pub(super) version: i64,
    #[sqlx(flatten)]
    pub(super) item: ItemRow,
}

impl VersionedRow {
    /// `None`: there is no change.
    pub(super) fn change(self) -> Result<Option<(u64, RosterChange)>, sqlx::Error> {
        let change = self.item.change()?;
        Ok(change.map(|change| (self.version.unsigned_abs(), change)))
    }
}

/// What there is about a contact, with the roster's counters.
#[derive(FromRow)]
pub(super) struct EntryRow {
    #[sqlx(flatten)]
    pub(super) counters: Counters,
    request: Option<Vec<u8>>,
    #[sqlx(flatten)]
    item: ItemRow,
}

impl EntryRow {
    pub(super) fn entry(self) -> Result<RosterEntry, sqlx::Error> {
        Ok(RosterEntry {
            item: self.item.item()?,
            request: self.request,
        })
    }
}

/// An item's columns, all of them NULL where a join found none, all but the contact where it is one removed.
#[derive(FromRow)]
pub(super) struct ItemRow {
    contact: Option<String>,
    name: Option<String>,
    groups: Option<String>,
    subscription: Option<String>,
    pending_out: Option<bool>,
    approved: Option<bool>,
}

impl ItemRow {
    /// `None`: there is no item.
    pub(super) fn item(self) -> Result<Option<RosterItem>, sqlx::Error> {
        let (Some(contact), Some(subscription)) = (self.contact, self.subscription) else {
            return Ok(None);
        };
        Ok(Some(RosterItem {
            contact,
            name: self.name,
            groups: groups_from(&self.groups.unwrap_or_default())?,
            subscription: Subscription::stored(&subscription)?,
            pending_out: self.pending_out.unwrap_or_default(),
            approved: self.approved.unwrap_or_default(),
        }))
    }

    /// `None`: there is no change.
    fn change(mut self) -> Result<Option<RosterChange>, sqlx::Error> {
        if self.subscription.is_some() {
            return Ok(self.item()?.map(RosterChange::Set));
        }
        Ok(self.contact.take().map(RosterChange::Removed))
    }
}

/// An item in a roster that was read as a whole.
type ItemTuple = (String, Option<String>, Vec<String>, String, u8, u8);

/// The items of a roster from JSON, sorted.
pub(super) fn items_from(column: &str) -> Result<Vec<RosterItem>, sqlx::Error> {
    let items: Vec<ItemTuple> =
        serde_json::from_str(column).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let items = items.into_iter().map(|item| {
        let (contact, name, groups, subscription, pending_out, approved) = item;
        Ok(RosterItem {
            contact,
            name,
            groups,
            subscription: Subscription::stored(&subscription)?,
            pending_out: pending_out != 0,
            approved: approved != 0,
        })
    });
    let mut items = items.collect::<Result<Vec<_>, sqlx::Error>>()?;
    // They are, but SQLite does not promise it.
    items.sort_by(|one, other| one.contact.cmp(&other.contact));
    Ok(items)
}

#[derive(FromRow)]
pub(super) struct HolderRow {
    id: i64,
    localpart: String,
    domain: String,
}

impl From<HolderRow> for Holder {
    fn from(row: HolderRow) -> Self {
        Self {
            id: AccountId(row.id),
            localpart: row.localpart,
            domain: row.domain,
        }
    }
}
