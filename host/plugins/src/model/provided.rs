//! What plugins provide in place of the server: rosters, records of sessions, answers about logins.

use std::time::Duration;

use waxwing_xmpp::roster::Item;
use waxwing_xmpp::subscription::State;

/// How long a provider may take over an answer, all its waits included. What it stored is committed after that, or not.
pub(crate) const LATE: Duration = Duration::from_secs(10);

/// A whole roster.
#[derive(Clone, Debug)]
pub struct ProvidedRoster {
    /// What names this state of it, if the provider has versions.
    pub version: Option<String>,
    /// The contacts, each once.
    pub items: Vec<Item>,
}

/// What an account records about one contact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RosterEntry {
    /// What is in the roster.
    pub item: Option<Item>,
    /// A subscription request of the contact is pending.
    pub requested: bool,
}

/// An entry before and after an edit.
#[derive(Clone, Debug)]
pub struct RosterChange {
    /// The entry before.
    pub before: RosterEntry,
    /// The entry after.
    pub after: RosterEntry,
    /// The roster's version, if the provider has versions.
    pub version: Option<String>,
}

impl RosterEntry {
    /// The subscription between the two (RFC 6121 appendix A).
    #[must_use]
    pub fn state(&self) -> State {
        let state = self.item.as_ref().map(|item| item.state);
        State {
            pending_in: self.requested,
            ..state.unwrap_or_default()
        }
    }
}

/// The result of a claim to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Claim {
    /// The address is the session's.
    Bound,
    /// Another session has it.
    InUse,
}

/// A session as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedSession {
    /// The resource.
    pub resource: String,
    /// The priority of its presence, if it is an available resource.
    pub priority: Option<i8>,
}

/// The provider is unavailable or failed. What depends on its answer is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;
