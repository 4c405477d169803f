//! Words between accounts about who sees whom (RFC 6121 §3).

use std::sync::Arc;

use waxwing_plugins::{RosterEntry, WordVerdict};
use waxwing_xml::{Element, Limits};
use waxwing_xmpp::{
    error::{Condition, ErrorType},
    jid::{BareJid, Jid},
    ns,
    stanza::{PresenceType, Stanza, Type},
    subscription::{Availability, Inbound, Outbound, State, Word},
};

use super::{ContactError, Contacts, iq::said};
use crate::{
    accounts::AccountError,
    delivery::{backpressure, session_handle::Handle},
    router::{Place, Told},
};

/// A request as it is kept; of one that is longer than `most` bytes, who asks (§3.1.3, on exhaustion).
fn request(account: &BareJid, contact: &BareJid, stanza: &Stanza, most: usize) -> Vec<u8> {
    let whole = stanza.element().to_xml();
    if whole.len() <= most {
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

/// Whether a word says what is so already. The contact may not have heard it: its side is kept by another commit, before which
/// the server may have been killed, and who had no ack says the word again. Where both sides agree nobody notices.
const fn is_said_again(word: Word, before: State) -> bool {
    match word {
        // These go on to the contact whatever stands here.
        Word::Subscribe | Word::Unsubscribe => false,
        Word::Subscribed => before.from,
        Word::Unsubscribed => !before.from && !before.pending_in,
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
        let verdict = self.may_say(account, contact, word, &stanza).await?;
        if verdict == WordVerdict::Drop {
            return Ok(());
        }
        let words = self.words.of(account).await;
        let (before, after) = {
            let _turn = self.turns.of(account).await;
            let change = self
                .keeper(account)
                .outbound(account, contact, word)
                .await?;
            self.tell(account, contact, &change).await;
            (change.before.state(), change.after.state())
        };
        let outbound = Outbound::between(word, before, after);
        let presence = outbound.presence;
        if presence == Some(Availability::Unavailable) {
            self.router
                .send_presence(account, contact, Availability::Unavailable);
        }
        let heard = if outbound.route {
            self.hear_user(contact, account, word, stanza).await
        } else if is_said_again(word, before) {
            drop(words);
            self.hear_again(contact, account, word, stanza, after).await
        } else {
            Ok(())
        };
        if presence == Some(Availability::Current) {
            self.router
                .send_presence(account, contact, Availability::Current);
        }
        heard
    }

    /// Has an account hear a word that nothing follows from where it was said, as long as what it left there stands. A word of the account's own that is on
    /// its way there, such as a request, is newer, and waited for.
    async fn hear_again(
        &self,
        account: &BareJid,
        contact: &BareJid,
        word: Word,
        stanza: Stanza,
        left: State,
    ) -> Result<(), ContactError> {
        let _words = self.words.of_both(account, contact).await;
        if self.state(contact, account).await? == left {
            return self.hear_user(account, contact, word, stanza).await;
        }
        Ok(())
    }

    /// What is between an account and a contact, as the account has it.
    pub(super) async fn state(
        &self,
        account: &BareJid,
        contact: &BareJid,
    ) -> Result<State, ContactError> {
        let keeper = self.keeper(account);
        let requests = keeper.requests(account).await?;
        let entry = RosterEntry {
            item: keeper.item(account, contact).await?,
            requested: requests.iter().any(|(asker, _)| asker == contact),
        };
        Ok(entry.state())
    }

    /// Takes a word that a user said to an account of this server, if the account's roster hooks let it.
    async fn hear_user(
        &self,
        account: &BareJid,
        contact: &BareJid,
        word: Word,
        stanza: Stanza,
    ) -> Result<(), ContactError> {
        match self.may_hear(account, contact, word, &stanza).await? {
            WordVerdict::Pass => self.hear(account, contact, word, Some(stanza)).await,
            WordVerdict::Drop => Ok(()),
        }
    }

    /// Takes a word of a contact to an account of this server; one that does not exist hears nothing, nor does anybody else
    /// (§8.5.1). An error says that the word is lost, and may be said again.
    pub(super) async fn hear(
        &self,
        account: &BareJid,
        contact: &BareJid,
        word: Word,
        stanza: Option<Stanza>,
    ) -> Result<(), ContactError> {
        let Some(stanza) = stanza else { return Ok(()) };
        match self.hear_now(account, contact, word, &stanza).await {
            Ok(Some(inbound)) => {
                self.after(account, contact, &inbound).await;
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(ContactError::Refused(error)) => {
                tracing::debug!(%account, condition = error.condition.name(), "a word about a subscription is lost");
                if error.kind == ErrorType::Wait {
                    return Err(error.into());
                }
                // What an account may not keep is nobody else's business.
                Ok(())
            }
            Err(error) => Err(error),
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
        if self.accounts.id(account).await?.is_none() {
            return Ok(None);
        }
        let request = request(account, contact, stanza, self.request_bytes);
        let keeper = self.keeper(account);
        let Some(change) = keeper.inbound(account, contact, word, request).await? else {
            return Ok(None);
        };
        let inbound = Inbound::between(word, change.before.state(), change.after.state());
        if inbound.deliver {
            let whom = match word {
                Word::Subscribe => Told::Available,
                _ => Told::Interested,
            };
            self.router.tell_account(account, whom, stanza);
        }
        self.tell(account, contact, &change).await;
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
            // What is granted is answered by nothing: this goes one step deep. Where it is lost, who asked may ask again.
            drop(Box::pin(self.hear(contact, account, Word::Subscribed, reply)).await);
        }
        if inbound.presence == Some(Availability::Current) {
            self.router
                .send_presence(account, contact, Availability::Current);
        }
    }

    /// Shows a session that has become available the requests that wait for an answer (§3.1.3).
    pub(crate) async fn remind(&self, handle: &Arc<Handle>) -> Result<(), ContactError> {
        let account = handle.jid.to_bare();
        for (contact, request) in self.keeper(&account).requests(&account).await? {
            let element = Element::parse(&request, ns::CLIENT, &Limits::own());
            let stanza = element.ok().and_then(|element| Stanza::parse(element).ok());
            let Some(stanza) = stanza else {
                tracing::error!(%contact, "a kept request is no stanza");
                continue;
            };
            if !backpressure::room(handle, stanza.element().heap_bytes()).await {
                break;
            }
            self.router.give_to(handle, stanza);
        }
        Ok(())
    }

    /// What is between an account and its contacts, to be ended with the account. Nothing, where whoever keeps its roster fails.
    pub(super) async fn parting(
        &self,
        account: &BareJid,
    ) -> Result<Vec<(BareJid, State)>, AccountError> {
        match self.connections(account).await {
            Err(ContactError::Account(error)) => Err(error),
            Err(ContactError::Refused(_)) => Ok(Vec::new()),
            Ok(connections) => Ok(connections),
        }
    }

    async fn connections(&self, account: &BareJid) -> Result<Vec<(BareJid, State)>, ContactError> {
        let mut parted = Vec::new();
        if self.accounts.id(account).await?.is_some() {
            let keeper = self.keeper(account);
            let items = keeper.load(account).await?.items;
            parted.extend(items.into_iter().map(|item| (item.contact, item.state)));
            for (asker, _) in keeper.requests(account).await? {
                let asked = State {
                    pending_in: true,
                    ..State::default()
                };
                parted.push((asker, asked));
            }
        }
        Ok(parted)
    }
}
