//! What a call writes to the plugin's storage, kept until it has returned, and what it therefore sees.

use std::collections::{BTreeMap, HashMap};

use waxwing_storage::{
    AccountId, Batch, Invalid, Key, List, Listed, Namespace, Quota, Scope, Value,
};

/// What a call made of a key.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Put(Value),
    Deleted,
}

/// The changes of one call.
#[derive(Default)]
pub(crate) struct Writes {
    batch: Option<Batch>,
    /// Keys that the call has changed.
    seen: BTreeMap<(Scope, Key), Seen>,
    /// The ids of accounts that the call has asked about.
    accounts: HashMap<String, AccountId>,
}

impl Seen {
    /// The value; none where the key was deleted.
    pub(crate) fn into_value(self) -> Option<Value> {
        match self {
            Self::Put(value) => Some(value),
            Self::Deleted => None,
        }
    }
}

impl Writes {
    pub(crate) fn is_empty(&self) -> bool {
        self.batch.is_none()
    }

    /// How many keys are changed; at least one if anything is, such as a log.
    pub(crate) fn changes(&self) -> usize {
        let changed = self.batch.as_ref().map(|_| self.seen.len().max(1));
        changed.unwrap_or(0)
    }

    /// All changes, to be committed.
    pub(crate) fn take(&mut self) -> Option<Batch> {
        self.batch.take()
    }

    pub(crate) fn account(&self, jid: &str) -> Option<AccountId> {
        self.accounts.get(jid).copied()
    }

    pub(crate) fn remember(&mut self, jid: String, id: AccountId) {
        self.accounts.insert(jid, id);
    }

    pub(crate) fn put(
        &mut self,
        namespace: &Namespace,
        scope: Scope,
        key: Key,
        value: Value,
    ) -> Result<(), Invalid> {
        self.batch(namespace)
            .put(scope, key.clone(), value.clone())?;
        self.seen.insert((scope, key), Seen::Put(value));
        Ok(())
    }

    pub(crate) fn delete(
        &mut self,
        namespace: &Namespace,
        scope: Scope,
        key: Key,
    ) -> Result<(), Invalid> {
        self.batch(namespace).delete(scope, key.clone())?;
        self.seen.insert((scope, key), Seen::Deleted);
        Ok(())
    }

    pub(crate) fn append(
        &mut self,
        namespace: &Namespace,
        scope: Scope,
        log: Key,
        value: Value,
    ) -> Result<(), Invalid> {
        self.batch(namespace).append(scope, log, value)
    }

    pub(crate) fn trim(
        &mut self,
        namespace: &Namespace,
        scope: Scope,
        log: Key,
        before: u64,
    ) -> Result<(), Invalid> {
        self.batch(namespace).trim(scope, log, before)
    }

    /// What this call made of a key: `None` if it did not change it.
    pub(crate) fn of(&self, scope: Scope, key: &Key) -> Option<Seen> {
        self.seen.get(&(scope, key.clone())).cloned()
    }

    /// Lays the call's changes over a stored page of keys, up to the page's last key where more follow it.
    pub(crate) fn lay_over(
        &self,
        scope: Scope,
        list: &List,
        stored: Vec<Listed>,
        more: bool,
    ) -> Vec<Listed> {
        let last = stored.last().map(|listed| listed.key.clone());
        let mut merged: BTreeMap<Key, Option<Value>> = stored
            .into_iter()
            .map(|listed| (listed.key, listed.value))
            .collect();
        for ((of, key), value) in &self.seen {
            let within = *of == scope
                && key.as_str().starts_with(&list.prefix)
                && list.after.as_ref().is_none_or(|after| key > after)
                && (!more || last.as_ref().is_some_and(|last| key <= last));
            if !within {
                continue;
            }
            match value {
                Seen::Put(value) => {
                    merged.insert(key.clone(), list.values.then(|| value.clone()));
                }
                Seen::Deleted => {
                    merged.remove(key);
                }
            }
        }
        let listed = |(key, value)| Listed { key, value };
        merged.into_iter().map(listed).collect()
    }

    fn batch(&mut self, namespace: &Namespace) -> &mut Batch {
        self.batch
            .get_or_insert_with(|| Batch::new(namespace.clone(), Quota::default()))
    }
}
