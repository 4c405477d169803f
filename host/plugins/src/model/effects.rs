//! What a call causes: kept while it runs, committed and carried out when it has returned, forgotten when it traps.

use std::collections::{HashMap, HashSet};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use parking_lot::Mutex;
use waxwing_storage::CommitError;
use waxwing_xml::Element;
use waxwing_xmpp::error::{Condition, ErrorType, StanzaError};
use waxwing_xmpp::jid::{BareJid, FullJid};
use waxwing_xmpp::stanza::Stanza;

use crate::accounting::Figure;
use crate::exports::account_events::AccountEvent;
use crate::exports::auth_provider::Change as ProviderChange;
use crate::instance::plugin::Plugin;
use crate::model::memory_table::Change;
use crate::model::services::{ServiceError, Services};
use crate::model::storage_writes::Writes;
use crate::schedule::pending_requests::Asked;
use crate::schedule::timers::TimerChange;

/// What a call caused. Nearly every call causes nothing: then this is no more than a null pointer.
#[derive(Default)]
pub(crate) struct Effects(Option<Box<Caused>>);

static NOTHING: LazyLock<Caused> = LazyLock::new(Caused::default);

impl Deref for Effects {
    type Target = Caused;

    fn deref(&self) -> &Caused {
        self.0.as_deref().unwrap_or_else(|| &NOTHING)
    }
}

impl DerefMut for Effects {
    /// Makes room, at the first effect of a call.
    fn deref_mut(&mut self) -> &mut Caused {
        self.0.get_or_insert_default()
    }
}

/// All that a call caused.
#[derive(Default)]
pub(crate) struct Caused {
    pub(crate) accounts: Vec<AccountEffect>,
    pub(crate) reservations: Vec<Reservation>,
    /// Which of the changes to accounts their hosts' providers have made.
    pub(crate) provided: HashSet<usize>,
    pub(crate) writes: Writes,
    pub(crate) memory: HashMap<String, Change>,
    /// Counters that were added to at once, to be taken back if the call fails.
    pub(crate) added: Vec<(String, i64)>,
    /// What the plugin counts.
    pub(crate) figures: Vec<Figure>,
    pub(crate) sends: Vec<Outgoing>,
    pub(crate) answers: Vec<LaterAnswer>,
    pub(crate) published: Vec<Published>,
    pub(crate) timers: Vec<TimerChange>,
    pub(crate) after: Vec<After>,
    /// How many events led to the call.
    pub(crate) depth: u8,
}

/// A change to an account.
#[derive(Clone, Debug)]
pub(crate) enum AccountEffect {
    Create { account: BareJid, password: String },
    SetPassword { account: BareJid, password: String },
    Remove { account: BareJid },
}

/// A stanza to send; a request is remembered until it is answered.
pub(crate) struct Outgoing {
    pub(crate) stanza: Stanza,
    /// Whether the receiving side's hooks pass it over.
    pub(crate) bypasses_hooks: bool,
    pub(crate) asked: Option<Asked>,
}

/// The answer to a request that was put off.
pub(crate) struct LaterAnswer {
    pub(crate) token: u64,
    pub(crate) reply: Result<Option<Element>, StanzaError>,
}

/// An event for other plugins.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) data: Vec<u8>,
}

/// What the server does after the answer to the call was handed to its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// Closes every stream of the account with `not-authorized`: it was removed.
    EndSessions {
        /// The account.
        account: BareJid,
    },
    /// Closes one stream with `policy-violation`, if it is there.
    EndSession {
        /// Its address.
        session: FullJid,
    },
    /// Gives a contact in an account's roster a name and groups, as if the user had done it.
    UpdateContact {
        /// Whose roster.
        account: BareJid,
        /// Whom it is about.
        contact: BareJid,
        /// Its name.
        name: Option<String>,
        /// Its groups.
        groups: Vec<String>,
    },
    /// Removes a contact from an account's roster, as if the user had done it.
    RemoveContact {
        /// Whose roster.
        account: BareJid,
        /// Whom it is about.
        contact: BareJid,
    },
    /// Looks again at what an account has about a contact, and tells its sessions: the roster's provider has changed it.
    ContactChanged {
        /// Whose roster.
        account: BareJid,
        /// Whom it is about.
        contact: BareJid,
    },
}

impl After {
    /// Whether it changes a roster.
    pub(crate) const fn is_roster_change(&self) -> bool {
        matches!(
            self,
            Self::UpdateContact { .. } | Self::RemoveContact { .. }
        )
    }
}

/// Why nothing of what a call caused was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// A plugin's veto, a quota, or an account that is not as the call took it to be.
    #[error("what it caused was denied: {}", .0.condition.name())]
    Denied(StanzaError),
    /// Storage or hashing failed.
    #[error("what it caused cannot be done: {0}")]
    Failed(String),
}

impl AccountEffect {
    /// Whose account.
    pub(crate) const fn account(&self) -> &BareJid {
        let (Self::Create { account, .. }
        | Self::SetPassword { account, .. }
        | Self::Remove { account }) = self;
        account
    }

    /// The change as the provider of the account's host makes it.
    pub(crate) fn for_provider(&self) -> ProviderChange {
        match self {
            Self::Create { account, password } => ProviderChange::Create {
                host: account.domain().to_string(),
                username: account.node().map(ToString::to_string).unwrap_or_default(),
                password: password.clone(),
            },
            Self::SetPassword { account, password } => ProviderChange::Password {
                account: account.to_string(),
                password: password.clone(),
            },
            Self::Remove { account } => ProviderChange::Delete {
                account: account.to_string(),
            },
        }
    }

    /// What it becomes when it has happened.
    pub(crate) const fn event(&self) -> AccountEvent {
        match self {
            Self::Create { .. } => AccountEvent::Registered,
            Self::SetPassword { .. } => AccountEvent::PasswordChanged,
            Self::Remove { .. } => AccountEvent::Removed,
        }
    }
}

impl Effects {
    /// What was caused, to be taken apart.
    pub(crate) fn into_caused(self) -> Caused {
        self.0.map(|caused| *caused).unwrap_or_default()
    }

    /// Notes how many events led to the call, if it caused anything.
    pub(crate) fn led_to_by(&mut self, depth: u8) {
        if let Some(caused) = &mut self.0 {
            caused.depth = depth;
        }
    }

    /// Has what the call sends go past the hooks at the receiving side.
    pub(crate) fn bypass_hooks(&mut self) {
        for outgoing in self.0.iter_mut().flat_map(|caused| &mut caused.sends) {
            outgoing.bypasses_hooks = true;
        }
    }

    /// What the call causes, by kind and number: for those who watch.
    pub(crate) fn summary(&self) -> Vec<String> {
        let kinds = [
            ("accounts", self.accounts.len()),
            ("storage", self.writes.changes()),
            ("memory", self.memory.len().saturating_add(self.added.len())),
            ("sends", self.sends.len()),
            ("answers", self.answers.len()),
            ("events", self.published.len()),
            ("timers", self.timers.len()),
        ];
        let some = kinds.into_iter().filter(|(_, number)| *number > 0);
        some.map(|(kind, number)| format!("{kind} {number}"))
            .collect()
    }

    /// Whether there is nothing to commit and nothing to send: true for nearly every call.
    pub(crate) fn is_local(&self) -> bool {
        let Some(caused) = &self.0 else {
            return true;
        };
        caused.accounts.is_empty()
            && caused.writes.is_empty()
            && caused.sends.is_empty()
            && caused.answers.is_empty()
            && caused.published.is_empty()
            && caused.timers.is_empty()
            && caused.after.is_empty()
    }

    /// Undoes what was not put off: the counters.
    pub(crate) fn roll_back(self, plugin: &Plugin) {
        for (key, delta) in self.0.map(|caused| caused.added).unwrap_or_default() {
            plugin.memory.take_back(&key, delta);
        }
    }

    /// Applies what needs no waiting: the table, and what the plugin counts.
    pub(crate) fn apply_memory(&mut self, plugin: &Plugin) {
        let Some(caused) = &mut self.0 else {
            return;
        };
        if !caused.memory.is_empty() {
            let memory = std::mem::take(&mut caused.memory);
            plugin.memory.apply(memory, Instant::now());
        }
        caused.added.clear();
        for figure in caused.figures.drain(..) {
            plugin.ledger.own.take(figure);
        }
    }

    /// Commits what has to last: what the plugin keeps, then accounts, in their order. The plugin's own data comes first,
    /// since it may be refused, by a quota; accounts were reserved. What a provider did is done; of an account that it removed
    /// the server's own record goes too.
    pub(crate) async fn commit(&mut self, services: &dyn Services) -> Result<(), Refusal> {
        let Some(caused) = &mut self.0 else {
            return Ok(());
        };
        if let Some(batch) = caused.writes.take() {
            services.plugin_data()?.commit(batch).await?;
        }
        for (index, effect) in caused.accounts.iter().enumerate() {
            match effect {
                AccountEffect::Remove { account } => {
                    services.remove_account(account).await?;
                    caused.after.push(After::EndSessions {
                        account: account.clone(),
                    });
                }
                AccountEffect::Create { account, .. } if caused.provided.contains(&index) => {
                    services.adopt_account(account).await?;
                }
                _ if caused.provided.contains(&index) => {}
                AccountEffect::Create { account, password } => {
                    services.create_account(account, password).await?;
                }
                AccountEffect::SetPassword { account, password } => {
                    services.set_password(account, password).await?;
                }
            }
        }
        Ok(())
    }
}

impl From<Refusal> for StanzaError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied(error) => error,
            Refusal::Failed(_) => failure(),
        }
    }
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Taken => Self::Denied(StanzaError::new(Condition::Conflict)),
            ServiceError::NoSuchAccount => Self::Denied(StanzaError::new(Condition::ItemNotFound)),
            ServiceError::Unavailable => Self::Failed(error.to_string()),
        }
    }
}

impl From<CommitError> for Refusal {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Quota { .. } => {
                let mut error = StanzaError::new(Condition::ResourceConstraint);
                error.kind = ErrorType::Wait;
                Self::Denied(error)
            }
            CommitError::NoSuchAccount(_) => {
                Self::Denied(StanzaError::new(Condition::ItemNotFound))
            }
            CommitError::Storage(error) => Self::Failed(error.to_string()),
        }
    }
}

/// The answer where a plugin failed: `internal-server-error`, worth another try.
pub(crate) fn failure() -> StanzaError {
    let mut error = StanzaError::new(Condition::InternalServerError);
    error.kind = ErrorType::Wait;
    error
}

/// The names that calls under way are taking. Taking a name is how, of any number of calls, only one succeeds, although
/// the account is made only when the call has returned.
#[derive(Debug, Default)]
pub(crate) struct Reservations(Mutex<HashSet<BareJid>>);

/// A name held until the call's effects are committed or dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    names: Arc<Reservations>,
    account: BareJid,
}

impl Reservations {
    /// Takes a name; none if another call holds it.
    pub(crate) fn take(self: &Arc<Self>, account: &BareJid) -> Option<Reservation> {
        let taken = self.0.lock().insert(account.clone());
        taken.then(|| Reservation {
            names: Arc::clone(self),
            account: account.clone(),
        })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.names.0.lock().remove(&self.account);
    }
}
