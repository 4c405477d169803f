//! What an edit makes of a roster, the same for every engine: what is to be there, and what that counts.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sqlx::FromRow;

use super::{Edit, RosterChange, RosterEntry, RosterLimits};

/// Removals of items that are remembered, of each account the newest.
pub(crate) const REMEMBERED: u32 = 128;

/// A row of `roster`.
#[derive(Debug, Clone, Copy, FromRow)]
pub(crate) struct Counters {
    #[sqlx(rename = "now")]
    pub(crate) version: i64,
    pub(crate) items: i64,
    pub(crate) requests: i64,
}

/// What is to be there instead; `None`: nothing else. An edit that panics fails alone: the writer is everybody's.
pub(crate) fn decide(
    edit: &Edit,
    contact: &str,
    before: &RosterEntry,
) -> Result<Option<RosterEntry>, sqlx::Error> {
    let after = catch_unwind(AssertUnwindSafe(|| edit(before)));
    let mut after =
        after.map_err(|_| sqlx::Error::Encode("an edit of a roster panicked".into()))?;
    let item = after.as_mut().and_then(|after| after.item.as_mut());
    if let Some(item) = item {
        contact.clone_into(&mut item.contact);
    }
    // An item that is set again is told of again. Of a request that is as it was nobody hears.
    Ok(after.filter(|after| after != before || after.item.is_some()))
}

/// Whether the user is told of what became of the item: it is another, or was set again.
pub(crate) fn is_told(before: &RosterEntry, after: &RosterEntry) -> bool {
    after.item != before.item || after == before
}

/// The changes of a roster from rows: one without a change if there are none, and no row where the version is not known. `None`
/// for that, and where there are more than `limit`.
pub(crate) fn changes_from(
    rows: impl ExactSizeIterator<Item = Result<Option<(u64, RosterChange)>, sqlx::Error>>,
    limit: u32,
) -> Result<Option<Vec<(u64, RosterChange)>>, sqlx::Error> {
    let is_known = rows.len() > 0;
    let changes = rows.filter_map(Result::transpose);
    let changes: Vec<_> = changes.collect::<Result<_, _>>()?;
    let is_short = u32::try_from(changes.len()).is_ok_and(|count| count <= limit);
    Ok((is_known && is_short).then_some(changes))
}

impl Counters {
    /// As the change leaves them; `None`: a limit would be exceeded.
    pub(crate) fn after(
        self,
        before: &RosterEntry,
        after: &RosterEntry,
        limits: RosterLimits,
    ) -> Option<Self> {
        let changed = i64::from(is_told(before, after));
        let items = (before.item.is_some(), after.item.is_some());
        let requests = (before.request.is_some(), after.request.is_some());
        Some(Self {
            version: self.version.checked_add(changed)?,
            items: count(self.items, items, limits.items)?,
            requests: count(self.requests, requests, limits.requests)?,
        })
    }
}

/// A counter, of which one thing `was` there and then `is`.
fn count(counter: i64, (was, is): (bool, bool), limit: u64) -> Option<i64> {
    match (was, is) {
        (false, true) => {
            let counter = counter.checked_add(1)?;
            (counter.unsigned_abs() <= limit).then_some(counter)
        }
        (true, false) => counter.checked_sub(1),
        _ => Some(counter),
    }
}

/// Groups as they are stored: a JSON array.
pub(crate) fn groups_column(groups: &[String]) -> Result<String, sqlx::Error> {
    serde_json::to_string(groups).map_err(|error| sqlx::Error::Encode(error.into()))
}

pub(crate) fn groups_from(column: &str) -> Result<Vec<String>, sqlx::Error> {
    serde_json::from_str(column).map_err(|error| sqlx::Error::Decode(error.into()))
}
