//! What plugins have to say about rosters (the export `roster-hook`): what clients are shown of them, and what may become of what
//! users do. Where no plugin wants to, each of these is one look.

use waxwing_plugins::{ContactLabel, RosterAct, RosterChange, SubscriptionVerdict};
use waxwing_xmpp::{
    error::StanzaError, jid::BareJid, roster::Item, stanza::Stanza,
    subscription::SubscriptionAction,
};

use super::{RosterError, RosterService, store::Roster};

/// Whether sessions are told of a contact that looks as it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Push {
    /// Only if it looks otherwise.
    IfOther,
    /// Also then: a client believes that it has changed it.
    Anyway,
    /// Nobody knows how it looked.
    Unknown,
}

impl RosterService {
    /// The roster as the account's clients are shown it. A view has no version.
    pub(super) async fn shown(
        &self,
        account: &BareJid,
        roster: Roster,
    ) -> Result<Roster, StanzaError> {
        let inlet = self.router.inlet();
        if !inlet.wants_roster(RosterAct::Show) {
            return Ok(roster);
        }
        Ok(Roster {
            version: None,
            items: inlet.shown(account, roster.items).await?,
        })
    }

    /// What sessions that are shown views are told after a change: the contact as it is shown now, or that it is not (`Some(None)`);
    /// `None`: nothing. That a contact is not shown is told only where it was, or where there is none that could be hidden.
    pub(super) async fn difference(
        &self,
        account: &BareJid,
        contact: &BareJid,
        change: &RosterChange,
        push: Push,
    ) -> Result<Option<Option<Item>>, StanzaError> {
        let before = self.shown_of(account, contact, change.before.item.as_ref());
        let before = before.await?;
        let after = self.shown_of(account, contact, change.after.item.as_ref());
        let after = after.await?;
        let is_told = match push {
            Push::IfOther => before != after,
            Push::Anyway => before != after || after.is_some() || change.after.item.is_none(),
            Push::Unknown => after.is_some(),
        };
        Ok(is_told.then_some(after))
    }

    /// What is shown of a contact.
    async fn shown_of(
        &self,
        account: &BareJid,
        contact: &BareJid,
        item: Option<&Item>,
    ) -> Result<Option<Item>, StanzaError> {
        let items = item.into_iter().cloned().collect();
        let shown = self.router.inlet().shown(account, items).await?;
        Ok(shown.into_iter().find(|item| item.contact == *contact))
    }

    /// How a client's wish to give a contact a name and groups is to be done.
    pub(super) async fn may_update(
        &self,
        account: &BareJid,
        contact: &BareJid,
        label: ContactLabel,
    ) -> Result<ContactLabel, StanzaError> {
        let class = self.router.contact_class(account, contact);
        let inlet = self.router.inlet();
        if !inlet.wants_roster(RosterAct::Update(class)) {
            return Ok(label);
        }
        inlet.may_update(account, contact, class, label).await
    }

    /// Whether a client may remove a contact.
    pub(super) async fn may_remove(
        &self,
        account: &BareJid,
        contact: &BareJid,
    ) -> Result<(), StanzaError> {
        let class = self.router.contact_class(account, contact);
        let inlet = self.router.inlet();
        if !inlet.wants_roster(RosterAct::Remove(class)) {
            return Ok(());
        }
        inlet.may_remove(account, contact, class).await
    }

    /// What becomes of a word that a user says to a contact.
    pub(super) async fn may_send(
        &self,
        account: &BareJid,
        contact: &BareJid,
        word: SubscriptionAction,
        stanza: &Stanza,
    ) -> Result<SubscriptionVerdict, StanzaError> {
        let class = self.router.contact_class(account, contact);
        let act = RosterAct::Outbound(class, word);
        let inlet = self.router.inlet();
        if !inlet.wants_roster(act) {
            return Ok(SubscriptionVerdict::Pass);
        }
        inlet.may_say(act, account, contact, stanza.clone()).await
    }

    /// What becomes of a word that an account is told by a contact.
    pub(super) async fn may_receive(
        &self,
        account: &BareJid,
        contact: &BareJid,
        word: SubscriptionAction,
        stanza: &Stanza,
    ) -> Result<SubscriptionVerdict, RosterError> {
        let class = self.router.contact_class(account, contact);
        let act = RosterAct::Inbound(class, word);
        let inlet = self.router.inlet();
        // An account that does not exist has nobody to be asked for: what is said to it is lost further on.
        if !inlet.wants_roster(act) || self.accounts.id(account).await?.is_none() {
            return Ok(SubscriptionVerdict::Pass);
        }
        let judged = inlet.may_say(act, account, contact, stanza.clone());
        Ok(judged.await?)
    }
}
