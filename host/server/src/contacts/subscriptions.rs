//! Words between accounts about who sees whom (RFC 6121 §3).

use std::sync::Arc;

use waxwing_xml::{Element, Limits};
use waxwing_xmpp::{
    error::Condition,
    jid::{BareJid, Jid},
    ns,
    stanza::{PresenceType, Stanza, Type},
    subscription::{Availability, Inbound, Outbound, State, Word},
};

use super::{ContactError, Contacts, convert, requests::said};
use crate::{
    pacing,
    router::{Handle, Place, Told},
};

/// The longest request that is kept whole, in bytes: a thousand may wait for an account (§3.1.3, on exhaustion).
const MAX_REQUEST: usize = 16 * 1024;

/// A request as it is kept; of one that is too long, who asks.
fn request(account: &BareJid, contact: &BareJid, stanza: &Stanza) -> Vec<u8> {
    let whole = stanza.element().to_xml();
    if whole.len() <= MAX_REQUEST {
        return whole.into_bytes();
    }
    let short = said(contact, account, "subscribe");
    short.map_or_else(Vec::new, |short| short.element().to_xml().into_bytes())
}

/// The word that a presence stanza says, if it is about subscriptions.
pub(crate) fn word(stanza: &Stanza) -> Option<Word> {
    match stanza.typed() {
        Type::Presence(PresenceType::Subscribe) => Some(Word::Subscribe),
        Type::Presence(PresenceType::Unsubscribe) => Some(Word::Unsubscribe),
        Type::Presence(PresenceType::Subscribed) => Some(Word::Subscribed),
        Type::Presence(PresenceType::Unsubscribed) => Some(Word::Unsubscribed),
        _ => None,
    }
}

impl Contacts {
    /// Takes a word of a session's user to a contact. A full JID is taken for its bare one (§3.1.2).
    pub(crate) async fn say(&self, sender: &Arc<Handle>, stanza: Stanza, word: Word) {
        let Some(contact) = stanza.to().map(Jid::to_bare) else {
            return;
        };
        let account = sender.jid.to_bare();
        match self.router.place(&Jid::from(contact.clone())) {
            Place::Foreign => self.router.bounce(&stanza, Condition::RemoteServerNotFound),
            // Nobody subscribes to the server, nor to oneself: that one is seen is a matter of course.
            Place::Server => {}
            Place::Account | Place::Resource if contact == account => {}
            Place::Account | Place::Resource => {
                if let Err(error) = self.say_to(&account, &contact, stanza.clone(), word).await {
                    self.router.refuse(&stanza, &error.reply());
                }
            }
        }
    }

    async fn say_to(
        &self,
        account: &BareJid,
        contact: &BareJid,
        mut stanza: Stanza,
        word: Word,
    ) -> Result<(), ContactError> {
        stanza.stamp_from(Jid::from(account.clone()));
        stanza.set_to(Jid::from(contact.clone()));
        let Outbound {
            route, presence, ..
        } = {
            let _turn = self.turns.of(account).await;
            let id = self.id(account).await?.ok_or(Condition::ItemNotFound)?;
            let before = self.accounts.rosters().entry(id, contact.as_str()).await?;
            let about = contact.as_str().to_owned();
            let edited = self.edit(account, id, contact, move |entry| {
                let state = convert::state(entry).outbound(word).state;
                let after = convert::with_state(entry, &about, state, None);
                (after != *entry).then_some(after)
            });
            // The turn is ours: what was read is what was changed.
            let outbound = convert::state(&before).outbound(word);
            if let Some(change) = edited.await? {
                self.push(account, contact, &change);
            }
            outbound
        };
        if presence == Some(Availability::Unavailable) {
            self.router
                .send_presence(account, contact, Availability::Unavailable);
        }
        if route {
            self.hear(contact, account, word, Some(stanza)).await;
        }
        if presence == Some(Availability::Current) {
            self.router
                .send_presence(account, contact, Availability::Current);
        }
        Ok(())
    }

    /// Takes a word of a contact to an account of this server; one that does not exist hears nothing, nor does anybody else
    /// (§8.5.1).
    pub(super) async fn hear(
        &self,
        account: &BareJid,
        contact: &BareJid,
        word: Word,
        stanza: Option<Stanza>,
    ) {
        let Some(stanza) = stanza else { return };
        match self.hear_now(account, contact, word, &stanza).await {
            Ok(Some(inbound)) => self.after(account, contact, &inbound).await,
            Ok(None) => {}
            Err(ContactError::Refused(error)) => {
                tracing::debug!(%account, condition = error.condition.name(), "a word about a subscription is lost");
            }
            Err(error) => drop(error.reply()),
        }
    }

    async fn hear_now(
        &self,
        account: &BareJid,
        contact: &BareJid,
        word: Word,
        stanza: &Stanza,
    ) -> Result<Option<Inbound>, ContactError> {
        let _turn = self.turns.of(account).await;
        let Some(id) = self.id(account).await? else {
            return Ok(None);
        };
        let before = self.accounts.rosters().entry(id, contact.as_str()).await?;
        let inbound = convert::state(&before).inbound(word);
        let about = contact.as_str().to_owned();
        let request = request(account, contact, stanza);
        let edited = self.edit(account, id, contact, move |entry| {
            let state = convert::state(entry).inbound(word).state;
            let after = convert::with_state(entry, &about, state, Some(&request));
            (after != *entry).then_some(after)
        });
        let change = edited.await?;
        if inbound.deliver {
            let whom = match word {
                Word::Subscribe => Told::Available,
                _ => Told::Interested,
            };
            self.router.tell_account(account, whom, stanza);
        }
        if let Some(change) = change {
            self.push(account, contact, &change);
        }
        Ok(Some(inbound))
    }

    /// What follows from a word that an account has heard.
    async fn after(&self, account: &BareJid, contact: &BareJid, inbound: &Inbound) {
        if inbound.presence == Some(Availability::Unavailable) {
            self.router
                .send_presence(account, contact, Availability::Unavailable);
        }
        if let Some(Word::Subscribed) = inbound.reply {
            let reply = said(account, contact, "subscribed");
            // What is granted is answered by nothing: this goes one step deep.
            Box::pin(self.hear(contact, account, Word::Subscribed, reply)).await;
        }
        if inbound.presence == Some(Availability::Current) {
            self.router
                .send_presence(account, contact, Availability::Current);
        }
    }

    /// Shows a session that has become available the requests that wait for an answer (§3.1.3).
    pub(crate) async fn remind(&self, handle: &Arc<Handle>) -> Result<(), ContactError> {
        let Some(id) = self.id(&handle.jid.to_bare()).await? else {
            return Ok(());
        };
        for (contact, request) in self.accounts.rosters().requests(id).await? {
            let element = Element::parse(&request, ns::CLIENT, &Limits::own());
            let stanza = element.ok().and_then(|element| Stanza::parse(element).ok());
            let Some(stanza) = stanza else {
                tracing::error!(contact, "a stored request is no stanza");
                continue;
            };
            if !pacing::room(handle, stanza.element().heap_bytes()).await {
                break;
            }
            self.router.give_to(handle, stanza);
        }
        Ok(())
    }

    /// What is between an account and its contacts, to be ended when the account is gone.
    pub(super) async fn parting(
        &self,
        account: &BareJid,
    ) -> Result<Vec<(BareJid, State)>, ContactError> {
        let mut parted = Vec::new();
        if let Some(id) = self.id(account).await? {
            for item in self.accounts.rosters().load(id).await?.items {
                if let Some(contact) = convert::contact(&item.contact) {
                    parted.push((contact, convert::state_of_item(&item)));
                }
            }
            for (asker, _) in self.accounts.rosters().requests(id).await? {
                let asked = State {
                    pending_in: true,
                    ..State::default()
                };
                parted.extend(convert::contact(&asker).map(|asker| (asker, asked)));
            }
        }
        Ok(parted)
    }
}
