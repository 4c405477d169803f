//! What the plugin keeps (interface `storage`).

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::native::world::{self, Change, Keys, World};

pub use crate::bindings::lifecycle::waxwing::plugin::storage::{
    Entry, LogEntry, LogPage, LogRange, Owner, Page, StorageError, Usage,
};

/// The longest key, in bytes.
const MAX_KEY: usize = 512;
/// The longest value, in bytes.
const MAX_VALUE: usize = 1 << 20;
/// The longest page.
const MAX_LIMIT: u32 = 1_000;

/// The value at a key.
pub fn get(of: &Owner, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
    world::with(|world| {
        let owner = owner(world, of)?;
        check(key, MAX_KEY)?;
        Ok(seen(world, &owner).get(key).cloned())
    })
}

/// The values at up to 100 keys, in their order.
pub fn get_many(of: &Owner, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, StorageError> {
    if keys.len() > 100 {
        return Err(invalid("more than 100 keys"));
    }
    keys.iter().map(|key| get(of, key)).collect()
}

/// Keys that begin with a prefix, after a key.
pub fn scan(
    of: &Owner,
    prefix: &str,
    after: Option<&str>,
    limit: u32,
    values: bool,
) -> Result<Page, StorageError> {
    world::with(|world| {
        let owner = owner(world, of)?;
        let keys = seen(world, &owner);
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let found = keys.range::<str, _>((from, Bound::Unbounded));
        let mut found = found.filter(|(key, _)| key.starts_with(prefix));
        let limit = usize::try_from(limit.min(MAX_LIMIT)).unwrap_or(usize::MAX);
        let entries = found.by_ref().take(limit).map(|(key, value)| Entry {
            key: key.clone(),
            value: values.then(|| value.clone()),
        });
        let entries = entries.collect();
        let more = found.next().is_some();
        Ok(Page { entries, more })
    })
}

/// Stores a value when the call has returned; the call itself sees it at once.
pub fn put(of: &Owner, key: &str, value: &[u8]) -> Result<(), StorageError> {
    world::with(|world| {
        let owner = owner(world, of)?;
        check(key, MAX_KEY)?;
        if value.len() > MAX_VALUE {
            return Err(invalid("the value is longer than 1 MiB"));
        }
        let change = Change::Put(owner, key.to_owned(), value.to_vec());
        world.call.writes.push(change);
        Ok(())
    })
}

/// Forgets a key when the call has returned.
pub fn delete(of: &Owner, key: &str) -> Result<(), StorageError> {
    world::with(|world| {
        let owner = owner(world, of)?;
        check(key, MAX_KEY)?;
        world
            .call
            .writes
            .push(Change::Delete(owner, key.to_owned()));
        Ok(())
    })
}

/// Stores or forgets at once, if the value is as expected.
pub fn compare_and_set(
    of: &Owner,
    key: &str,
    expected: Option<&[u8]>,
    new: Option<&[u8]>,
) -> Result<bool, StorageError> {
    world::with(|world| {
        let owner = owner(world, of)?;
        check(key, MAX_KEY)?;
        let keys = world.stored.keys.entry(owner).or_default();
        if keys.get(key).map(Vec::as_slice) != expected {
            return Ok(false);
        }
        match new {
            Some(value) => drop(keys.insert(key.to_owned(), value.to_vec())),
            None => drop(keys.remove(key)),
        }
        Ok(true)
    })
}

/// Adds an entry to the end of a log when the call has returned.
pub fn append(of: &Owner, name: &str, value: &[u8]) -> Result<(), StorageError> {
    world::with(|world| {
        let owner = owner(world, of)?;
        check(name, MAX_KEY)?;
        let change = Change::Append(owner, name.to_owned(), value.to_vec());
        world.call.writes.push(change);
        Ok(())
    })
}

/// Forgets the entries of a log below a sequence number when the call has returned.
pub fn trim(of: &Owner, name: &str, before: u64) -> Result<(), StorageError> {
    world::with(|world| {
        let owner = owner(world, of)?;
        check(name, MAX_KEY)?;
        let change = Change::Trim(owner, name.to_owned(), before);
        world.call.writes.push(change);
        Ok(())
    })
}

/// Entries of a log.
pub fn range(of: &Owner, name: &str, entries: LogRange) -> Result<LogPage, StorageError> {
    world::with(|world| {
        let owner = owner(world, of)?;
        check(name, MAX_KEY)?;
        let log = world.stored.logs.get(&(owner, name.to_owned()));
        let within = |sequence: u64| {
            entries.after.is_none_or(|after| sequence > after)
                && entries.before.is_none_or(|before| sequence < before)
        };
        let found = log.into_iter().flatten();
        let mut found: Vec<LogEntry> = found
            .filter(|(sequence, _)| within(**sequence))
            .map(|(sequence, value)| LogEntry {
                sequence: *sequence,
                value: value.clone(),
            })
            .collect();
        if entries.reverse {
            found.reverse();
        }
        let limit = usize::try_from(entries.limit.min(MAX_LIMIT)).unwrap_or(usize::MAX);
        let more = found.len() > limit;
        found.truncate(limit);
        Ok(LogPage {
            entries: found,
            more,
        })
    })
}

/// How much the plugin has stored.
pub fn used() -> Result<Usage, StorageError> {
    world::with(|world| {
        owner(world, &Owner::Plugin)?;
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let keys = world.stored.keys.values().flatten();
        let logs = world.stored.logs.iter();
        let bytes_of_keys = keys.clone().map(|(key, value)| key.len() + value.len());
        let bytes_of_logs = logs
            .clone()
            .flat_map(|((_, name), log)| log.values().map(|value| name.len() + value.len()));
        Ok(Usage {
            bytes: count(bytes_of_keys.chain(bytes_of_logs).sum()),
            keys: count(keys.count()),
            log_entries: count(logs.map(|(_, log)| log.len()).sum()),
        })
    })
}

/// The keys of an owner as the call sees them.
fn seen(world: &World, owner: &str) -> Keys {
    let mut keys = world.stored.keys.get(owner).cloned();
    let keys = keys.get_or_insert_with(BTreeMap::new);
    for change in &world.call.writes {
        match change {
            Change::Put(of, key, value) if of == owner => {
                keys.insert(key.clone(), value.clone());
            }
            Change::Delete(of, key) if of == owner => {
                keys.remove(key);
            }
            _ => {}
        }
    }
    std::mem::take(keys)
}

/// The plugin's own data are under the empty name.
fn owner(world: &World, of: &Owner) -> Result<String, StorageError> {
    if !world.grants.contains("storage") {
        return Err(StorageError::NotGranted);
    }
    match of {
        Owner::Plugin => Ok(String::new()),
        Owner::Account(account) if world.accounts.contains_key(account) => Ok(account.clone()),
        Owner::Account(_) => Err(StorageError::NoSuchAccount),
    }
}

fn check(name: &str, most: usize) -> Result<(), StorageError> {
    if name.is_empty() || name.len() > most || name.contains('\0') {
        return Err(invalid("a key or log name has 1 to 512 bytes and no NUL"));
    }
    Ok(())
}

fn invalid(what: &str) -> StorageError {
    StorageError::Invalid(what.to_owned())
}
