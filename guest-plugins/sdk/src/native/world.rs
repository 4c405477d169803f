//! The scripted host behind the imports: one for each thread, put there by the harness for the time of a call.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::disco::Identity;
use crate::log::Level;

/// Everything that the imports answer from.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) hosts: Vec<String>,
    pub(crate) grants: HashSet<String>,
    pub(crate) config: HashMap<String, Setting>,
    pub(crate) accounts: BTreeMap<String, String>,
    pub(crate) memory: HashMap<String, Entry>,
    pub(crate) identities: Vec<Identity>,
    pub(crate) features: Vec<String>,
    pub(crate) logged: Vec<(Level, String)>,
    /// Milliseconds since 1970 at the start of the server.
    pub(crate) began: u64,
    /// Milliseconds since then.
    pub(crate) elapsed: u64,
    pub(crate) seed: u64,
    pub(crate) call: Call,
}

/// What a call under way has caused.
#[derive(Debug, Default)]
pub(crate) struct Call {
    pub(crate) memory: HashMap<String, Option<Entry>>,
    pub(crate) added: Vec<(String, i64)>,
    pub(crate) accounts: Vec<AccountEffect>,
}

/// A value of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Boolean(bool),
    Integer(i64),
    Text(String),
    Texts(Vec<String>),
}

/// An entry of the plugin's memory.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    /// By the monotonic clock, in milliseconds.
    pub(crate) expires: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Bytes(Vec<u8>),
    Counter(i64),
}

#[derive(Debug)]
pub(crate) enum AccountEffect {
    /// A new account, or a new password.
    Put(String, String),
    Remove(String),
}

impl Default for World {
    fn default() -> Self {
        Self {
            hosts: vec!["localhost".to_owned()],
            grants: HashSet::new(),
            config: HashMap::new(),
            accounts: BTreeMap::new(),
            memory: HashMap::new(),
            identities: vec![Identity {
                category: "server".to_owned(),
                kind: "im".to_owned(),
                label: Some("Waxwing".to_owned()),
            }],
            features: Vec::new(),
            logged: Vec::new(),
            began: 1_700_000_000_000,
            elapsed: 1_000,
            seed: 1,
            call: Call::default(),
        }
    }
}

impl World {
    /// Carries out what a call that returned has caused.
    pub(crate) fn commit(&mut self) {
        let call = std::mem::take(&mut self.call);
        for (key, change) in call.memory {
            match change {
                Some(entry) => drop(self.memory.insert(key, entry)),
                None => drop(self.memory.remove(&key)),
            }
        }
        for effect in call.accounts {
            match effect {
                AccountEffect::Put(account, password) => {
                    self.accounts.insert(account, password);
                }
                AccountEffect::Remove(account) => drop(self.accounts.remove(&account)),
            }
        }
    }

    /// Forgets what a call that did not return has caused.
    pub(crate) fn roll_back(&mut self) {
        for (key, delta) in std::mem::take(&mut self.call).added {
            if let Some(Entry {
                value: Value::Counter(sum),
                ..
            }) = self.memory.get_mut(&key)
            {
                *sum = sum.saturating_sub(delta);
            }
        }
    }

    /// Whether the domain is served.
    pub(crate) fn serves(&self, host: &str) -> bool {
        self.hosts.iter().any(|served| served == host)
    }

    /// When something that is to live for so many seconds ends.
    pub(crate) fn expiry(&self, seconds: Option<u32>) -> Option<u64> {
        let milliseconds = u64::from(seconds?).saturating_mul(1_000);
        Some(self.elapsed.saturating_add(milliseconds))
    }

    /// Whether an entry has not expired.
    pub(crate) fn lives(&self, entry: &Entry) -> bool {
        entry.expires.is_none_or(|expires| expires > self.elapsed)
    }
}

thread_local! {
    static CURRENT: RefCell<World> = RefCell::default();
}

/// Lends the world to an import.
pub(crate) fn with<R>(f: impl FnOnce(&mut World) -> R) -> R {
    CURRENT.with_borrow_mut(f)
}

/// Swaps the world with the one given.
pub(crate) fn swap(world: &mut World) {
    with(|current| std::mem::swap(current, world));
}
