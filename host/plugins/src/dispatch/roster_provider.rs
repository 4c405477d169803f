//! Calls of the provider of a host's rosters; answers are checked, and effects committed.

use std::rc::Rc;
use std::sync::Arc;

use waxwing_xmpp::error::StanzaError;
use waxwing_xmpp::jid::BareJid;
use waxwing_xmpp::roster::Item;
use waxwing_xmpp::subscription::SubscriptionAction;

use crate::accounting::trace::About;
use crate::calls::caller::Caller;
use crate::dispatch::dispatcher::Dispatcher;
use crate::exports::roster_provider::{
    Ask, Contact, Contacts, EditContact, Pending, Question, RosterEdit,
};
use crate::instance::loaded::Loaded;
use crate::model::effects::failure;
use crate::model::provided::{LATE, ProvidedRoster, RosterChange};

/// The plugin that keeps the rosters of a host.
#[derive(Clone)]
pub struct RosterProvider {
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) plugin: Arc<Loaded>,
}

impl std::fmt::Debug for RosterProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RosterProvider")
            .field(&self.plugin.manifest.name)
            .finish()
    }
}

/// Each method gives the error to answer the client with; a provider that fails has changed nothing.
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
        let edit = RosterEdit::Update { name, groups };
        self.edit(account, contact, edit).await
    }

    /// The user removes a contact.
    pub async fn remove(
        &self,
        account: &BareJid,
        contact: &BareJid,
    ) -> Result<RosterChange, StanzaError> {
        self.edit(account, contact, RosterEdit::Remove).await
    }

    /// The user sends a subscription stanza to a contact.
    pub async fn outbound(
        &self,
        account: &BareJid,
        contact: &BareJid,
        action: SubscriptionAction,
    ) -> Result<RosterChange, StanzaError> {
        self.edit(account, contact, RosterEdit::Outbound(action))
            .await
    }

    /// A contact sends the user that subscription stanza.
    pub async fn inbound(
        &self,
        account: &BareJid,
        contact: &BareJid,
        action: SubscriptionAction,
        stanza: String,
    ) -> Result<RosterChange, StanzaError> {
        let edit = RosterEdit::Inbound(action, stanza);
        self.edit(account, contact, edit).await
    }

    async fn edit(
        &self,
        account: &BareJid,
        contact: &BareJid,
        edit: RosterEdit,
    ) -> Result<RosterChange, StanzaError> {
        let contact = contact.clone();
        self.ask(account, EditContact { contact, edit }).await
    }

    async fn ask<Q: Question>(
        &self,
        account: &BareJid,
        question: Q,
    ) -> Result<Q::Answer, StanzaError> {
        let plugin = Arc::clone(&self.plugin);
        let account = account.clone();
        let name = self.plugin.manifest.name.as_str();
        let work = move |caller: Rc<Caller>| async move {
            let (host, about) = (account.domain().to_string(), account.to_string());
            let call = Ask { account, question };
            let about = About::Account(&about);
            caller.call_within(LATE, &plugin, &host, about, call).await
        };
        match self.dispatcher.background.call(name, work).await {
            Some(Ok(answer)) => answer,
            // The log has the fault already.
            Some(Err(_)) | None => Err(failure()),
        }
    }
}
