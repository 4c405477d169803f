//! Presence subscriptions between accounts (RFC 6121 §3).

use std::sync::Arc;

use waxwing_plugins::{RosterEntry, SubscriptionVerdict};
use waxwing_xml::{Element, Limits};
use waxwing_xmpp::content::ContentNamespace;
use waxwing_xmpp::{
    error::{Condition, ErrorType},
    jid::{BareJid, Jid},
    ns,
    stanza::{PresenceType, Stanza, Type},
    subscription::{Availability, Inbound, Outbound, State, SubscriptionAction},
};

use super::{RosterError, RosterService, iq::subscription_stanza};
use crate::{
    accounts::AccountError,
    delivery::{backpressure, session_handle::SessionHandle},
    router::{AddressKind, Audience},
};

/// A request as it is kept; of one that is longer than `most` bytes, who asks (§3.1.3, on exhaustion).
fn request(account: &BareJid, contact: &BareJid, stanza: &Stanza, most: usize) -> Vec<u8> {
    let whole = stanza.element().to_xml();
    if whole.len() <= most {
        return whole.into_bytes();
    }
    let short = subscription_stanza(contact, account, "subscribe");
    short.map_or_else(Vec::new, |short| short.element().to_xml().into_bytes())
}

/// The subscription action of a presence stanza, if it has one.
pub(crate) fn subscription_action(stanza: &Stanza) -> Option<SubscriptionAction> {
    match stanza.typed() {
        Type::Presence(PresenceType::Subscribe) => Some(SubscriptionAction::Subscribe),
        Type::Presence(PresenceType::Unsubscribe) => Some(SubscriptionAction::Unsubscribe),
        Type::Presence(PresenceType::Subscribed) => Some(SubscriptionAction::Subscribed),
        Type::Presence(PresenceType::Unsubscribed) => Some(SubscriptionAction::Unsubscribed),
        _ => None,
    }
}

/// Whether a word says what is so already. The contact may not have heard it: its side is kept by another commit, before which
/// the server may have been killed, and who had no ack says the word again. Where both sides agree nobody notices.
const fn is_repeated(word: SubscriptionAction, before: State) -> bool {
    match word {
        // These go on to the contact whatever stands here.
        SubscriptionAction::Subscribe | SubscriptionAction::Unsubscribe => false,
        SubscriptionAction::Subscribed => before.from,
        SubscriptionAction::Unsubscribed => !before.from && !before.pending_in,
    }
}

impl RosterService {
    /// Takes a subscription stanza that a session sends to a contact. A full JID is taken for its bare one (§3.1.2).
    pub(crate) async fn send_subscription(
        &self,
        sender: &Arc<SessionHandle>,
        stanza: Stanza,
        word: SubscriptionAction,
    ) {
        let Some(contact) = stanza.to().map(Jid::to_bare) else {
            return;
        };
        let account = sender.jid.to_bare();
        match self.router.address_kind(&Jid::from(contact.clone())) {
            AddressKind::Remote | AddressKind::Component => {
                self.router.bounce(&stanza, Condition::RemoteServerNotFound);
            }
            // Nobody subscribes to the server, nor to oneself: that one is seen is a matter of course.
            AddressKind::Server => {}
            AddressKind::Account | AddressKind::Resource if contact == account => {}
            AddressKind::Account | AddressKind::Resource => {
                if let Err(error) = self
                    .send_subscription_to(&account, &contact, stanza.clone(), word)
                    .await
                {
                    self.router.refuse(&stanza, &error.reply());
                }
            }
        }
    }

    async fn send_subscription_to(
        &self,
        account: &BareJid,
        contact: &BareJid,
        mut stanza: Stanza,
        word: SubscriptionAction,
    ) -> Result<(), RosterError> {
        stanza.stamp_from(Jid::from(account.clone()));
        stanza.set_to(Jid::from(contact.clone()));
        let verdict = self.may_send(account, contact, word, &stanza).await?;
        if verdict == SubscriptionVerdict::Drop {
            return Ok(());
        }
        let words = self.subscription_locks.lock(account).await;
        let (before, after) = {
            let _lock = self.locks.lock(account).await;
            let change = self.store(account).outbound(account, contact, word).await?;
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
            self.receive_from_user(contact, account, word, stanza).await
        } else if is_repeated(word, before) {
            drop(words);
            self.receive_again(contact, account, word, stanza, after)
                .await
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
    async fn receive_again(
        &self,
        account: &BareJid,
        contact: &BareJid,
        word: SubscriptionAction,
        stanza: Stanza,
        left: State,
    ) -> Result<(), RosterError> {
        let _words = self.subscription_locks.lock_both(account, contact).await;
        if self.state(contact, account).await? == left {
            return self.receive_from_user(account, contact, word, stanza).await;
        }
        Ok(())
    }

    /// What is between an account and a contact, as the account has it.
    pub(super) async fn state(
        &self,
        account: &BareJid,
        contact: &BareJid,
    ) -> Result<State, RosterError> {
        let store = self.store(account);
        let requests = store.requests(account).await?;
        let entry = RosterEntry {
            item: store.item(account, contact).await?,
            requested: requests.iter().any(|(asker, _)| asker == contact),
        };
        Ok(entry.state())
    }

    /// Delivers a user's subscription stanza to an account of this server, if the account's roster hooks let it pass.
    async fn receive_from_user(
        &self,
        account: &BareJid,
        contact: &BareJid,
        word: SubscriptionAction,
        stanza: Stanza,
    ) -> Result<(), RosterError> {
        match self.may_receive(account, contact, word, &stanza).await? {
            SubscriptionVerdict::Pass => {
                self.receive_subscription(account, contact, word, Some(stanza))
                    .await
            }
            SubscriptionVerdict::Drop => Ok(()),
        }
    }

    /// Takes a word of a contact to an account of this server; one that does not exist hears nothing, nor does anybody else
    /// (§8.5.1). An error says that the word is lost, and may be said again.
    pub(super) async fn receive_subscription(
        &self,
        account: &BareJid,
        contact: &BareJid,
        word: SubscriptionAction,
        stanza: Option<Stanza>,
    ) -> Result<(), RosterError> {
        let Some(stanza) = stanza else { return Ok(()) };
        match self
            .apply_subscription(account, contact, word, &stanza)
            .await
        {
            Ok(Some(inbound)) => {
                self.follow_up(account, contact, &inbound).await;
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(RosterError::Refused(error)) => {
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

    async fn apply_subscription(
        &self,
        account: &BareJid,
        contact: &BareJid,
        word: SubscriptionAction,
        stanza: &Stanza,
    ) -> Result<Option<Inbound>, RosterError> {
        let _lock = self.locks.lock(account).await;
        if self.accounts.id(account).await?.is_none() {
            return Ok(None);
        }
        let request = request(account, contact, stanza, self.request_bytes);
        let store = self.store(account);
        let Some(change) = store.inbound(account, contact, word, request).await? else {
            return Ok(None);
        };
        let inbound = Inbound::between(word, change.before.state(), change.after.state());
        if inbound.deliver {
            let whom = match word {
                SubscriptionAction::Subscribe => Audience::Available,
                _ => Audience::Interested,
            };
            self.router.tell_account(account, whom, stanza);
        }
        self.tell(account, contact, &change).await;
        Ok(Some(inbound))
    }

    /// Does what follows once an account has received a subscription stanza.
    async fn follow_up(&self, account: &BareJid, contact: &BareJid, inbound: &Inbound) {
        if inbound.presence == Some(Availability::Unavailable) {
            self.router
                .send_presence(account, contact, Availability::Unavailable);
        }
        if let Some(SubscriptionAction::Subscribed) = inbound.reply {
            let reply = subscription_stanza(account, contact, "subscribed");
            // What is granted is answered by nothing: this goes one step deep. Where it is lost, who asked may ask again.
            drop(
                Box::pin(self.receive_subscription(
                    contact,
                    account,
                    SubscriptionAction::Subscribed,
                    reply,
                ))
                .await,
            );
        }
        if inbound.presence == Some(Availability::Current) {
            self.router
                .send_presence(account, contact, Availability::Current);
        }
    }

    /// Shows a session that has become available the requests that wait for an answer (§3.1.3).
    pub(crate) async fn remind(&self, handle: &Arc<SessionHandle>) -> Result<(), RosterError> {
        let account = handle.jid.to_bare();
        for (contact, request) in self.store(&account).requests(&account).await? {
            let element = Element::parse(&request, ns::CLIENT, &Limits::own());
            let stanza = element
                .ok()
                .and_then(|element| Stanza::parse(element, ContentNamespace::Client).ok());
            let Some(stanza) = stanza else {
                tracing::error!(%contact, "a kept request is no stanza");
                continue;
            };
            if !backpressure::wait_for_room(handle, stanza.element().heap_bytes()).await {
                break;
            }
            self.router.give_to(handle, stanza);
        }
        Ok(())
    }

    /// What is between an account and its contacts, to be ended with the account. Nothing, where whoever keeps its roster fails.
    pub(super) async fn subscriptions_to_end(
        &self,
        account: &BareJid,
    ) -> Result<Vec<(BareJid, State)>, AccountError> {
        match self.connections(account).await {
            Err(RosterError::Account(error)) => Err(error),
            Err(RosterError::Refused(_)) => Ok(Vec::new()),
            Ok(connections) => Ok(connections),
        }
    }

    async fn connections(&self, account: &BareJid) -> Result<Vec<(BareJid, State)>, RosterError> {
        let mut parted = Vec::new();
        if self.accounts.id(account).await?.is_some() {
            let store = self.store(account);
            let items = store.load(account).await?.items;
            parted.extend(items.into_iter().map(|item| (item.contact, item.state)));
            for (asker, _) in store.requests(account).await? {
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
