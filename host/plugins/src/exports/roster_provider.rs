//! The export `roster-provider`: questions about rosters, and changes of them, by account.

use std::collections::HashSet;
use std::future::Future;
use std::time::Duration;

use wasmtime::Store;
use waxwing_xmpp::error::{Condition, StanzaError};
use waxwing_xmpp::jid::BareJid;
use waxwing_xmpp::roster::Item;
use waxwing_xmpp::subscription::SubscriptionAction;

use crate::exports::Call;
use crate::fault::Fault;
use crate::instance::state::State;
use crate::instance::store::Instance;
use crate::model::asked_limits::HOOK_CPU;
use crate::model::asked_limits::REQUEST_CPU;
use crate::model::effects::failure;
use crate::model::interfaces::{Export, Level};
use crate::model::outcome::Outcome;
use crate::model::provided::ProvidedRoster;
use crate::model::provided::RosterChange;
use crate::model::provided::RosterEntry;
use crate::wit::bindings::exports::waxwing::plugin::roster_provider as wit;
use crate::wit::contacts;
use crate::wit::convert::stanza_error;

/// The longest name of a roster's version, in bytes.
const MAX_VERSION: usize = 64;

/// A question about the roster of an account.
pub(crate) struct Ask<Q> {
    pub(crate) account: BareJid,
    pub(crate) question: Q,
}

/// What is asked about an account.
pub(crate) trait Question: Send + 'static {
    /// The answer, checked.
    type Answer: Send + 'static;

    /// Asks.
    fn ask(
        self,
        guest: &wit::Guest,
        store: &mut Store<State>,
        account: &str,
    ) -> impl Future<Output = Result<Result<Self::Answer, StanzaError>, Fault>> + Send;
}

impl<Q: Question> Call for Ask<Q> {
    type Answer = Result<Q::Answer, StanzaError>;

    const BUDGET: Duration = REQUEST_CPU;
    const LEVEL: Level = Level::Provider;

    fn key(&self) -> Option<String> {
        Some(self.account.to_string())
    }

    fn export(&self) -> Export {
        Export::roster_provider
    }

    fn outcome(answer: &Self::Answer) -> Outcome {
        match answer {
            Ok(_) => Outcome::Done,
            Err(error) => Outcome::Error(error.condition),
        }
    }

    async fn make(self, instance: &mut Instance) -> Result<Self::Answer, Fault> {
        instance.begin();
        let Instance { guests, store, .. } = instance;
        let guest = guests.roster_provider()?;
        self.question.ask(guest, store, self.account.as_str()).await
    }
}

/// `get-contacts`.
pub(crate) struct Contacts;

impl Question for Contacts {
    type Answer = ProvidedRoster;

    async fn ask(
        self,
        guest: &wit::Guest,
        store: &mut Store<State>,
        account: &str,
    ) -> Result<Result<ProvidedRoster, StanzaError>, Fault> {
        let roster = match guest.call_get_contacts(store, account).await? {
            Ok(roster) => roster,
            Err(failed) => return Ok(Err(refusal(failed)?)),
        };
        let mut seen = HashSet::new();
        let items: Result<Vec<Item>, Fault> =
            roster.contacts.into_iter().map(contacts::item).collect();
        let items = items?;
        if !items.iter().all(|item| seen.insert(item.contact.clone())) {
            return Err(Fault::Answer("a contact is there twice".to_owned()));
        }
        let version = version(roster.version)?;
        Ok(Ok(ProvidedRoster { version, items }))
    }
}

/// `get-contact`.
pub(crate) struct Contact(pub(crate) BareJid);

impl Question for Contact {
    type Answer = Option<Item>;

    async fn ask(
        self,
        guest: &wit::Guest,
        store: &mut Store<State>,
        account: &str,
    ) -> Result<Result<Option<Item>, StanzaError>, Fault> {
        let found = guest.call_get_contact(store, account, self.0.as_str());
        match found.await? {
            Ok(found) => Ok(Ok(item_about(found, &self.0)?)),
            Err(failed) => Ok(Err(refusal(failed)?)),
        }
    }
}

/// `get-pending`.
pub(crate) struct Pending;

impl Question for Pending {
    type Answer = Vec<(BareJid, String)>;

    async fn ask(
        self,
        guest: &wit::Guest,
        store: &mut Store<State>,
        account: &str,
    ) -> Result<Result<Self::Answer, StanzaError>, Fault> {
        let requests = match guest.call_get_pending(store, account).await? {
            Ok(requests) => requests,
            Err(failed) => return Ok(Err(refusal(failed)?)),
        };
        let requests = requests.into_iter();
        let checked =
            requests.map(|request| Ok((contacts::address(&request.jid)?, request.stanza)));
        Ok(Ok(checked.collect::<Result<_, Fault>>()?))
    }
}

/// An edit of an account's entry about a contact.
pub(crate) enum RosterEdit {
    Update {
        name: Option<String>,
        groups: Vec<String>,
    },
    Remove,
    Outbound(SubscriptionAction),
    /// With the stanza.
    Inbound(SubscriptionAction, String),
}

/// `update-contact`, `remove-contact`, `outbound` or `inbound`.
pub(crate) struct EditContact {
    pub(crate) contact: BareJid,
    pub(crate) edit: RosterEdit,
}

impl Question for EditContact {
    type Answer = RosterChange;

    async fn ask(
        self,
        guest: &wit::Guest,
        store: &mut Store<State>,
        account: &str,
    ) -> Result<Result<RosterChange, StanzaError>, Fault> {
        let about = self.contact.as_str();
        let changed = match &self.edit {
            RosterEdit::Update { name, groups } => {
                let name = name.as_deref();
                guest
                    .call_update_contact(store, account, about, name, groups)
                    .await
            }
            RosterEdit::Remove => guest.call_remove_contact(store, account, about).await,
            RosterEdit::Outbound(action) => {
                let action = contacts::action(*action);
                guest.call_outbound(store, account, about, action).await
            }
            RosterEdit::Inbound(action, stanza) => {
                let action = contacts::action(*action);
                guest
                    .call_inbound(store, account, about, action, stanza)
                    .await
            }
        };
        match changed? {
            Ok(change) => Ok(Ok(RosterChange {
                before: entry(change.before, &self.contact)?,
                after: entry(change.after, &self.contact)?,
                version: version(change.version)?,
            })),
            Err(failed) => Ok(Err(refusal(failed)?)),
        }
    }
}

/// `bind` or `unbind`.
pub(crate) struct Tell {
    pub(crate) jid: String,
    pub(crate) id: u64,
    pub(crate) is_bound: bool,
}

impl Call for Tell {
    type Answer = ();

    const BUDGET: Duration = HOOK_CPU;
    const LEVEL: Level = Level::Provider;

    fn key(&self) -> Option<String> {
        Some(crate::model::names::account_of(&self.jid).to_owned())
    }

    fn export(&self) -> Export {
        Export::roster_provider
    }

    async fn make(self, instance: &mut Instance) -> Result<(), Fault> {
        instance.begin();
        let Instance { guests, store, .. } = instance;
        let guest = guests.roster_provider()?;
        let session = wit::Session {
            jid: self.jid,
            id: self.id,
        };
        if self.is_bound {
            guest.call_bind(store, &session).await?;
        } else {
            guest.call_unbind(store, &session).await?;
        }
        Ok(())
    }
}

/// The error to answer the client with.
fn refusal(failed: wit::Failure) -> Result<StanzaError, Fault> {
    Ok(match failed {
        wit::Failure::NoRoster => StanzaError::new(Condition::ItemNotFound),
        wit::Failure::Full => StanzaError::new(Condition::ResourceConstraint),
        wit::Failure::Unavailable => failure(),
        wit::Failure::Refused(error) => stanza_error(error)?,
    })
}

fn entry(entry: wit::Entry, about: &BareJid) -> Result<RosterEntry, Fault> {
    Ok(RosterEntry {
        item: item_about(entry.contact, about)?,
        requested: entry.requested,
    })
}

fn item_about(found: Option<wit::Contact>, about: &BareJid) -> Result<Option<Item>, Fault> {
    let item = found.map(contacts::item).transpose()?;
    match &item {
        Some(item) if item.contact != *about => {
            let why = "the contact is another than was asked about";
            Err(Fault::Answer(why.to_owned()))
        }
        _ => Ok(item),
    }
}

fn version(version: Option<String>) -> Result<Option<String>, Fault> {
    match version {
        Some(version) if version.len() > MAX_VERSION || version.chars().any(char::is_control) => {
            let why = "the roster's version is no text of at most 64 bytes";
            Err(Fault::Answer(why.to_owned()))
        }
        version => Ok(version),
    }
}
