//! The scripted host behind the imports: one for each thread, put there by the harness for the time of a call.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::bindings::lifecycle::waxwing::plugin::types as wit;
use crate::disco::Identity;
use crate::http_client::{HttpError, Request, Response};
use crate::log::Level;
use crate::metrics::Figure;
use crate::sessions::Session;
use crate::{Contact, Element};

/// Everything that the imports answer from.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) hosts: Vec<String>,
    pub(crate) grants: HashSet<String>,
    pub(crate) config: HashMap<String, Setting>,
    /// Domains with the bare JIDs of their administrators, in lower case.
    pub(crate) admins: HashSet<(String, String)>,
    pub(crate) accounts: BTreeMap<String, String>,
    /// Those of the accounts that the operator has disabled.
    pub(crate) disabled: HashSet<String>,
    pub(crate) memory: HashMap<String, Entry>,
    pub(crate) figures: BTreeMap<String, Figure>,
    pub(crate) identities: Vec<Identity>,
    pub(crate) features: Vec<String>,
    pub(crate) account_features: Vec<String>,
    pub(crate) nodes: Vec<crate::DiscoNode>,
    pub(crate) logged: Vec<(Level, String)>,
    /// Milliseconds since 1970 at the start of the server.
    pub(crate) began: u64,
    /// Milliseconds since then.
    pub(crate) elapsed: u64,
    pub(crate) seed: u64,
    pub(crate) http: Http,
    pub(crate) stored: Stored,
    /// Domains that the plugin serves.
    pub(crate) components: Vec<String>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) timers: BTreeMap<String, Timer>,
    /// What was sent, in order.
    pub(crate) sent: Vec<Sent>,
    pub(crate) published: Vec<Published>,
    pub(crate) ended: Vec<String>,
    /// Requests that the plugin promised to answer later.
    pub(crate) promised: HashSet<u64>,
    /// The request of the call under way.
    pub(crate) may_promise: Option<u64>,
    /// Answers to such requests.
    pub(crate) settled: Vec<(u64, LateReply)>,
    pub(crate) last_token: u64,
    /// The rosters of the accounts, as the server keeps them.
    pub(crate) rosters: BTreeMap<String, BTreeMap<String, Contact>>,
    /// What the plugin said has changed in rosters that it provides.
    pub(crate) changed: Vec<(String, String)>,
    /// The call under way asks the plugin as a provider.
    pub(crate) provides: bool,
    /// The call under way asks what is shown: it changes nothing that would be shown again.
    pub(crate) shows: bool,
    pub(crate) call: Call,
}

/// The keys of one owner.
pub(crate) type Keys = BTreeMap<String, Vec<u8>>;

/// The answer to a request that was put off: its payload or its error.
pub(crate) type LateReply = Result<Option<String>, wit::StanzaError>;

/// What the plugin keeps, by owner: an account, or the empty name for its own.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    pub(crate) keys: BTreeMap<String, Keys>,
    pub(crate) logs: BTreeMap<(String, String), BTreeMap<u64, Vec<u8>>>,
    last: u64,
}

/// A change to what the plugin keeps: the owner, the key or log, and what.
#[derive(Debug)]
pub(crate) enum Change {
    Put(String, String, Vec<u8>),
    Delete(String, String),
    Append(String, String, Vec<u8>),
    Trim(String, String, u64),
}

/// A stanza that the plugin sent; a request has a token.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) stanza: Element,
    pub(crate) token: Option<u64>,
}

/// An event that the plugin published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its name.
    pub name: String,
    /// The version of its data.
    pub version: u32,
    /// Its data.
    pub data: Vec<u8>,
}

/// A timer: when it is due by the monotonic clock, and its period if it repeats.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timer {
    pub(crate) due: u64,
    pub(crate) period: Option<u64>,
}

#[derive(Debug)]
pub(crate) enum TimerChange {
    Set(String, u64, bool),
    Cancel(String),
}

/// What answers HTTP requests.
#[derive(Default)]
pub(crate) struct Http(pub(crate) Option<Box<Answering>>);

type Answering = dyn FnMut(&Request) -> Result<Response, HttpError>;

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Http").field(&self.0.is_some()).finish()
    }
}

/// What a call under way has caused.
#[derive(Debug, Default)]
pub(crate) struct Call {
    pub(crate) memory: HashMap<String, Option<Entry>>,
    pub(crate) figures: Vec<(String, Figure)>,
    pub(crate) added: Vec<(String, i64)>,
    pub(crate) accounts: Vec<AccountEffect>,
    pub(crate) writes: Vec<Change>,
    pub(crate) sent: Vec<Sent>,
    pub(crate) settled: Vec<(u64, LateReply)>,
    pub(crate) published: Vec<Published>,
    pub(crate) timers: Vec<TimerChange>,
    pub(crate) ended: Vec<String>,
    pub(crate) rosters: Vec<RosterEffect>,
}

/// A change to a roster: the account, the contact, and what.
#[derive(Debug)]
pub(crate) enum RosterEffect {
    Update(String, String, Option<String>, Vec<String>),
    Remove(String, String),
    Changed(String, String),
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
            admins: HashSet::new(),
            accounts: BTreeMap::new(),
            disabled: HashSet::new(),
            memory: HashMap::new(),
            figures: BTreeMap::new(),
            identities: vec![Identity {
                category: "server".to_owned(),
                kind: "im".to_owned(),
                label: Some("Waxwing".to_owned()),
            }],
            features: Vec::new(),
            account_features: Vec::new(),
            nodes: Vec::new(),
            logged: Vec::new(),
            began: 1_700_000_000_000,
            elapsed: 1_000,
            seed: 1,
            http: Http::default(),
            stored: Stored::default(),
            components: Vec::new(),
            sessions: Vec::new(),
            timers: BTreeMap::new(),
            sent: Vec::new(),
            published: Vec::new(),
            ended: Vec::new(),
            promised: HashSet::new(),
            may_promise: None,
            settled: Vec::new(),
            last_token: 0,
            rosters: BTreeMap::new(),
            changed: Vec::new(),
            provides: false,
            shows: false,
            call: Call::default(),
        }
    }
}

impl World {
    /// Carries out what a call that returned has caused.
    pub(crate) fn commit(&mut self) {
        let call = std::mem::take(&mut self.call);
        for (name, change) in call.figures {
            let figure = self.figures.entry(name).or_insert(change);
            *figure = match (*figure, change) {
                (Figure::Counter(sum), Figure::Counter(by)) => {
                    Figure::Counter(sum.saturating_add(by))
                }
                (_, change) => change,
            };
        }
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
                AccountEffect::Remove(account) => {
                    self.stored.keys.remove(&account);
                    self.stored.logs.retain(|(owner, _), _| *owner != account);
                    self.accounts.remove(&account);
                }
            }
        }
        self.stored.apply(call.writes);
        for change in call.timers {
            match change {
                TimerChange::Set(name, milliseconds, repeat) => {
                    let due = self.elapsed.saturating_add(milliseconds);
                    let period = repeat.then_some(milliseconds);
                    self.timers.insert(name, Timer { due, period });
                }
                TimerChange::Cancel(name) => drop(self.timers.remove(&name)),
            }
        }
        for effect in call.rosters {
            match effect {
                RosterEffect::Update(account, contact, name, groups) => {
                    let roster = self.rosters.entry(account).or_default();
                    let there = roster.entry(contact.clone());
                    let there = there.or_insert_with(|| Contact::new(&contact));
                    (there.name, there.groups) = (name, groups);
                }
                RosterEffect::Remove(account, contact) => {
                    self.rosters.entry(account).or_default().remove(&contact);
                }
                RosterEffect::Changed(account, contact) => self.changed.push((account, contact)),
            }
        }
        self.sent.extend(call.sent);
        self.published.extend(call.published);
        self.ended.extend(call.ended);
        for (token, reply) in call.settled {
            self.promised.remove(&token);
            self.settled.push((token, reply));
        }
    }

    /// Forgets what a call that did not return has caused.
    pub(crate) fn roll_back(&mut self) {
        self.may_promise = None;
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

impl Stored {
    fn apply(&mut self, changes: Vec<Change>) {
        let (trims, others): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .partition(|change| matches!(change, Change::Trim(..)));
        for change in trims.into_iter().chain(others) {
            match change {
                Change::Put(owner, key, value) => {
                    self.keys.entry(owner).or_default().insert(key, value);
                }
                Change::Delete(owner, key) => {
                    self.keys.entry(owner).or_default().remove(&key);
                }
                Change::Append(owner, log, value) => {
                    self.last = self.last.saturating_add(1);
                    let log = self.logs.entry((owner, log)).or_default();
                    log.insert(self.last, value);
                }
                Change::Trim(owner, log, before) => {
                    let log = self.logs.entry((owner, log)).or_default();
                    log.retain(|sequence, _| *sequence >= before);
                }
            }
        }
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
