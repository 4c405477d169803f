//! The import `storage`, for plugins granted it: reads through the changes of the call under way; changes are effects.

use std::sync::Arc;
use std::time::Duration;

use waxwing_storage::{
    CommitError, Invalid, Key, List, Listed, LogRange, PluginData, Quota, Scope, StorageError,
    Swap, Value,
};
use waxwing_xmpp::jid;

use crate::instance::host_services::HostServices;
use crate::instance::state::State;
use crate::model::storage_writes::Seen;
use crate::wit::bindings::waxwing::plugin::storage::{
    Entry, Host, LogEntry, LogPage, LogRange as Range, Owner, Page, StorageError as Error, Usage,
};

/// How long a call may wait for the database. Past it the plugin gets an error value: waiting is no fault.
const WAIT: Duration = Duration::from_secs(5);

/// Keys of one `get-many`.
const MAX_KEYS: usize = 100;
/// Of how many of them the values are held at a time.
const KEYS_AT_ONCE: usize = 8;
/// What the values of one `get-many` may hold together.
const MAX_BYTES: usize = 4 << 20;
/// The longest page.
const MAX_LIMIT: u32 = 1_000;

type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl Host for State {
    async fn get(&mut self, of: Owner, key: String) -> Answer<Option<Vec<u8>>> {
        self.charge()?;
        Ok(self.value(of, &key).await)
    }

    async fn get_many(&mut self, of: Owner, keys: Vec<String>) -> Answer<Vec<Option<Vec<u8>>>> {
        self.charge()?;
        Ok(self.values(of, &keys).await)
    }

    async fn scan(
        &mut self,
        of: Owner,
        prefix: String,
        after: Option<String>,
        limit: u32,
        values: bool,
    ) -> Answer<Page> {
        self.charge()?;
        Ok(self.page(of, prefix, after, limit, values).await)
    }

    async fn put(&mut self, of: Owner, key: String, value: Vec<u8>) -> Answer<()> {
        self.charge()?;
        let put = async {
            let scope = self.scope(of).await?;
            let (key, value) = (Key::new(&key)?, Value::new(value)?);
            Ok(self
                .call
                .writes
                .put(&self.plugin.namespace, scope, key, value)?)
        };
        Ok(put.await)
    }

    async fn delete(&mut self, of: Owner, key: String) -> Answer<()> {
        self.charge()?;
        let delete = async {
            let scope = self.scope(of).await?;
            let key = Key::new(&key)?;
            Ok(self
                .call
                .writes
                .delete(&self.plugin.namespace, scope, key)?)
        };
        Ok(delete.await)
    }

    async fn compare_and_set(
        &mut self,
        of: Owner,
        key: String,
        expected: Option<Vec<u8>>,
        new: Option<Vec<u8>>,
    ) -> Answer<bool> {
        self.charge()?;
        let swap = async {
            let swap = Swap {
                namespace: self.plugin.namespace.clone(),
                quota: Quota::default(),
                scope: self.scope(of).await?,
                key: Key::new(&key)?,
                expected: expected.map(Value::new).transpose()?,
                new: new.map(Value::new).transpose()?,
            };
            let services = Arc::clone(&self.services);
            within(async { Ok(data(&services)?.compare_and_set(swap).await?) }).await
        };
        Ok(swap.await)
    }

    async fn append(&mut self, of: Owner, name: String, value: Vec<u8>) -> Answer<()> {
        self.charge()?;
        let append = async {
            let scope = self.scope(of).await?;
            let (log, value) = (Key::new(&name)?, Value::new(value)?);
            Ok(self
                .call
                .writes
                .append(&self.plugin.namespace, scope, log, value)?)
        };
        Ok(append.await)
    }

    async fn trim(&mut self, of: Owner, name: String, before: u64) -> Answer<()> {
        self.charge()?;
        let trim = async {
            let scope = self.scope(of).await?;
            let log = Key::new(&name)?;
            Ok(self
                .call
                .writes
                .trim(&self.plugin.namespace, scope, log, before)?)
        };
        Ok(trim.await)
    }

    async fn range(&mut self, of: Owner, name: String, entries: Range) -> Answer<LogPage> {
        self.charge()?;
        Ok(self.log_page(of, &name, entries).await)
    }

    async fn used(&mut self) -> Answer<Usage> {
        self.charge()?;
        if !self.is_granted("storage") {
            return Ok(Err(Error::NotGranted));
        }
        let (services, namespace) = (Arc::clone(&self.services), self.plugin.namespace.clone());
        let usage = within(async { Ok(data(&services)?.usage(&namespace).await?) }).await;
        Ok(usage.map(|usage| Usage {
            bytes: usage.bytes,
            keys: usage.keys,
            log_entries: usage.entries,
        }))
    }
}

impl State {
    async fn value(&mut self, of: Owner, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let scope = self.scope(of).await?;
        let key = Key::new(key)?;
        if let Some(own) = self.call.writes.of(scope, &key) {
            return Ok(own.into_value().map(|value| value.to_vec()));
        }
        let (services, namespace) = (Arc::clone(&self.services), self.plugin.namespace.clone());
        let found = within(async { Ok(data(&services)?.get(&namespace, scope, &key).await?) });
        Ok(found.await?.map(|value| value.to_vec()))
    }

    async fn values(&mut self, of: Owner, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        if keys.len() > MAX_KEYS {
            return Err(Error::Invalid(format!("more than {MAX_KEYS} keys")));
        }
        let scope = self.scope(of).await?;
        let keys = keys.iter().map(|key| Key::new(key));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        let (services, namespace) = (Arc::clone(&self.services), self.plugin.namespace.clone());
        let mut values = Vec::with_capacity(keys.len());
        let mut bytes = 0_usize;
        for keys in keys.chunks(KEYS_AT_ONCE) {
            let stored =
                within(async { Ok(data(&services)?.get_many(&namespace, scope, keys).await?) });
            for (key, stored) in keys.iter().zip(stored.await?) {
                let own = self.call.writes.of(scope, key);
                let value = own.map_or(stored, Seen::into_value);
                bytes = bytes.saturating_add(value.as_ref().map_or(0, |value| value.len()));
                values.push(value.map(|value| value.to_vec()));
            }
            if bytes > MAX_BYTES {
                return Err(Error::Invalid(format!(
                    "the values together exceed {MAX_BYTES} bytes; ask for fewer keys"
                )));
            }
        }
        Ok(values)
    }

    async fn page(
        &mut self,
        of: Owner,
        prefix: String,
        after: Option<String>,
        limit: u32,
        values: bool,
    ) -> Result<Page, Error> {
        let scope = self.scope(of).await?;
        let limit = limit.min(MAX_LIMIT);
        let mut list = List {
            prefix,
            after: after.as_deref().map(Key::new).transpose()?,
            limit,
            values,
        };
        let (services, namespace) = (Arc::clone(&self.services), self.plugin.namespace.clone());
        // A page of which this call has deleted everything leads to the next one.
        loop {
            let stored =
                within(async { Ok(data(&services)?.list(&namespace, scope, &list).await?) });
            let stored = stored.await?;
            let last = stored.items.last().map(|listed| listed.key.clone());
            let mut items = (self.call.writes).lay_over(scope, &list, stored.items, stored.more);
            if items.is_empty() && stored.more {
                list.after = last;
                continue;
            }
            let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
            let more = stored.more || items.len() > wanted;
            items.truncate(wanted);
            return Ok(Page {
                entries: items.into_iter().map(entry).collect(),
                more,
            });
        }
    }

    async fn log_page(&mut self, of: Owner, name: &str, range: Range) -> Result<LogPage, Error> {
        let scope = self.scope(of).await?;
        let log = Key::new(name)?;
        let range = LogRange {
            after: range.after,
            before: range.before,
            limit: range.limit.min(MAX_LIMIT),
            reverse: range.reverse,
        };
        let (services, namespace) = (Arc::clone(&self.services), self.plugin.namespace.clone());
        let page = within(async {
            Ok(data(&services)?
                .range(&namespace, scope, &log, range)
                .await?)
        })
        .await?;
        let entries = page.items.into_iter().map(|entry| LogEntry {
            sequence: entry.sequence,
            value: entry.value.to_vec(),
        });
        Ok(LogPage {
            entries: entries.collect(),
            more: page.more,
        })
    }

    /// Whose data a call means, if the plugin may.
    async fn scope(&mut self, of: Owner) -> Result<Scope, Error> {
        if !self.is_granted("storage") {
            return Err(Error::NotGranted);
        }
        let Owner::Account(address) = of else {
            return Ok(Scope::Plugin);
        };
        if let Some(id) = self.call.writes.account(&address) {
            return Ok(Scope::Account(id));
        }
        let account = jid::parse_bare(&address).map_err(|_| Error::NoSuchAccount)?;
        let services = Arc::clone(&self.services);
        let found = tokio::time::timeout(WAIT, services.server.account_id(&account));
        match found.await {
            Ok(Ok(Some(id))) => {
                self.call.writes.remember(address, id);
                Ok(Scope::Account(id))
            }
            Ok(Ok(None)) => Err(Error::NoSuchAccount),
            Ok(Err(_)) | Err(_) => Err(Error::Unavailable),
        }
    }
}

fn data(services: &HostServices) -> Result<&dyn PluginData, Error> {
    services
        .server
        .plugin_data()
        .map_err(|_| Error::Unavailable)
}

/// Waits for the database, but not for ever.
async fn within<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(WAIT, work)
        .await
        .unwrap_or(Err(Error::Unavailable))
}

fn entry(listed: Listed) -> Entry {
    Entry {
        key: listed.key.as_str().to_owned(),
        value: listed.value.map(|value| value.to_vec()),
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        match invalid {
            Invalid::BatchFull => Self::Full,
            other => Self::Invalid(other.to_string()),
        }
    }
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        tracing::error!(%error, "a plugin's data cannot be read");
        Self::Unavailable
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Quota { .. } => Self::Full,
            CommitError::NoSuchAccount(_) => Self::NoSuchAccount,
            CommitError::Storage(error) => error.into(),
        }
    }
}
