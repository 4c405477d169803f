//! What a call causes: kept while it runs, committed and carried out when it has returned, forgotten when it traps.

use std::collections::{HashMap, HashSet};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use waxwing_storage::CommitError;
use waxwing_xml::Element;
use waxwing_xmpp::error::{Condition, ErrorType, StanzaError};
use waxwing_xmpp::jid::BareJid;
use waxwing_xmpp::stanza::Stanza;

use crate::model::account_event::AccountEvent;
use crate::model::follow_up::FollowUp;
use crate::model::interfaces::AccountChange;
use crate::model::memory_table::Change;
use crate::model::metric_change::MetricChange;
use crate::model::request::NewRequest;
use crate::model::services::ServiceError;
use crate::model::storage_writes::Writes;
use crate::model::timer_change::TimerChange;

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
    pub(crate) metrics: Vec<MetricChange>,
    pub(crate) sends: Vec<Outgoing>,
    pub(crate) answers: Vec<LaterAnswer>,
    pub(crate) published: Vec<Published>,
    pub(crate) timers: Vec<TimerChange>,
    pub(crate) follow_ups: Vec<FollowUp>,
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
    /// Whether the receiving side's hooks are not asked about it.
    pub(crate) bypasses_hooks: bool,
    pub(crate) asked: Option<NewRequest>,
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

    /// The change, as vetoes are asked about it.
    pub(crate) const fn change(&self) -> AccountChange {
        match self {
            Self::Create { .. } => AccountChange::Registration,
            Self::SetPassword { .. } => AccountChange::Password,
            Self::Remove { .. } => AccountChange::Removal,
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

    /// Records how many events led to the call, if it caused anything.
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

    /// What the call causes, by kind and number: for traces.
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
            && caused.follow_ups.is_empty()
    }

    /// The counters that the call added to at once, and by how much.
    pub(crate) fn into_added(self) -> Vec<(String, i64)> {
        self.0.map(|caused| caused.added).unwrap_or_default()
    }

    /// What was caused, if anything was, to be changed in place.
    pub(crate) fn caused_mut(&mut self) -> Option<&mut Caused> {
        self.0.as_deref_mut()
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
