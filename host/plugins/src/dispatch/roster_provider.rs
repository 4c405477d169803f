//! The provider of rosters as the server asks it: which plugin it is for a host, and its answers, checked and committed.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use waxwing_xmpp::error::StanzaError;
use waxwing_xmpp::jid::BareJid;
use waxwing_xmpp::roster::Item;
use waxwing_xmpp::subscription::{State, SubscriptionAction};

use crate::accounting::trace::About;
use crate::calls::caller::Caller;
use crate::calls::context::Shared;
use crate::exports::Call;
use crate::exports::roster_provider::{Ask, Contact, Contacts, Deed, Edit, Pending, Question};
use crate::fault::Fault;
use crate::instance::plugin::Plugin;
use crate::model::effects::failure;

/// How long a provider may take over an answer, all its waits included. What it stored is committed after that, or not.
pub(crate) const LATE: Duration = Duration::from_secs(10);

/// The plugin that keeps the rosters of a host.
#[derive(Clone)]
pub struct RosterProvider {
    pub(crate) shared: Arc<Shared>,
    pub(crate) plugin: Arc<Plugin>,
}

/// A whole roster.
#[derive(Clone, Debug)]
pub struct ProvidedRoster {
    /// What names this state of it, if the provider has versions.
    pub version: Option<String>,
    /// The contacts, each once.
    pub items: Vec<Item>,
}

/// All that an account has about somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RosterEntry {
    /// What is in the roster.
    pub item: Option<Item>,
    /// Somebody's request waits for an answer.
    pub requested: bool,
}

/// What became of an entry.
#[derive(Clone, Debug)]
pub struct RosterChange {
    /// What there was.
    pub before: RosterEntry,
    /// What there is.
    pub after: RosterEntry,
    /// The roster's version, if the provider has versions.
    pub version: Option<String>,
}

impl RosterEntry {
    /// What there is between the two.
    #[must_use]
    pub fn state(&self) -> State {
        let state = self.item.as_ref().map(|item| item.state);
        State {
            pending_in: self.requested,
            ..state.unwrap_or_default()
        }
    }
}

impl std::fmt::Debug for RosterProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RosterProvider")
            .field(&self.plugin.manifest.name)
            .finish()
    }
}

/// Each gives the error for whoever asked; a provider that fails has changed nothing.
impl RosterProvider {
    /// The roster of an account.
    pub async fn contacts(&self, account: &BareJid) -> Result<ProvidedRoster, StanzaError> {
        self.ask(account, Contacts).await
    }

    /// One contact of an account.
    pub async fn contact(
        &self,
        account: &BareJid,
        contact: &BareJid,
    ) -> Result<Option<Item>, StanzaError> {
        self.ask(account, Contact(contact.clone())).await
    }

    /// The requests that wait for an account's answer, with their stanzas, oldest first.
    pub async fn pending(&self, account: &BareJid) -> Result<Vec<(BareJid, String)>, StanzaError> {
        self.ask(account, Pending).await
    }

    /// The user gives a contact a name and groups.
    pub async fn update(
        &self,
        account: &BareJid,
        contact: &BareJid,
        name: Option<String>,
        groups: Vec<String>,
    ) -> Result<RosterChange, StanzaError> {
        let deed = Deed::Update { name, groups };
        self.edit(account, contact, deed).await
    }

    /// The user removes a contact.
    pub async fn remove(
        &self,
        account: &BareJid,
        contact: &BareJid,
    ) -> Result<RosterChange, StanzaError> {
        self.edit(account, contact, Deed::Remove).await
    }

    /// The user says a word to a contact.
    pub async fn outbound(
        &self,
        account: &BareJid,
        contact: &BareJid,
        word: SubscriptionAction,
    ) -> Result<RosterChange, StanzaError> {
        self.edit(account, contact, Deed::Outbound(word)).await
    }

    /// A contact says a word to the user, in that stanza.
    pub async fn inbound(
        &self,
        account: &BareJid,
        contact: &BareJid,
        word: SubscriptionAction,
        stanza: String,
    ) -> Result<RosterChange, StanzaError> {
        let deed = Deed::Inbound(word, stanza);
        self.edit(account, contact, deed).await
    }

    async fn edit(
        &self,
        account: &BareJid,
        contact: &BareJid,
        deed: Deed,
    ) -> Result<RosterChange, StanzaError> {
        let contact = contact.clone();
        self.ask(account, Edit { contact, deed }).await
    }

    async fn ask<Q: Question>(
        &self,
        account: &BareJid,
        question: Q,
    ) -> Result<Q::Answer, StanzaError> {
        let plugin = Arc::clone(&self.plugin);
        let account = account.clone();
        let name = self.plugin.manifest.name.as_str();
        let asked = self.shared.asks.ask(name, move |caller| async move {
            let (host, about) = (account.domain().to_string(), account.to_string());
            let call = Ask { account, question };
            caller
                .ask_provider(&plugin, &host, About::Account(&about), call)
                .await
        });
        match asked.await {
            Some(Ok(answer)) => answer,
            // The log has the fault already.
            Some(Err(_)) | None => Err(failure()),
        }
    }
}

impl Caller {
    /// Asks a provider, within the time that it may take, and commits what it stored. Past that time nothing of it has
    /// happened.
    pub(crate) async fn ask_provider<C: Call>(
        &self,
        plugin: &Arc<Plugin>,
        host: &str,
        about: About<'_>,
        call: C,
    ) -> Result<C::Answer, Fault> {
        let scope = plugin.scope(host);
        let called = timeout(LATE, self.call(plugin, scope, about, call)).await;
        let Ok(called) = called else {
            let name = plugin.manifest.name.as_str();
            tracing::warn!(plugin = name, "took too long over an answer");
            return Err(Fault::Busy);
        };
        let (answer, effects) = called?;
        match self.commit(plugin, scope, effects).await {
            Ok(after) => {
                self.shared.services.follow(after);
                Ok(answer)
            }
            Err(refusal) => Err(Fault::Host(refusal.to_string())),
        }
    }
}
