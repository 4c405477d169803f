//! What a client asks of its roster (RFC 6121 §2).

use std::sync::Arc;

use waxwing_plugins::{ContactLabel, RosterAct};
use waxwing_xml::Element;
use waxwing_xmpp::content::ContentNamespace;
use waxwing_xmpp::{
    error::Condition,
    jid::BareJid,
    ns,
    roster::{self, Item, Request},
    stanza::Stanza,
    subscription::{Availability, State, SubscriptionAction},
};

use super::{RosterError, RosterService, hooks::Push, store::Step, told};
use crate::delivery::session_handle::SessionHandle;

impl RosterService {
    /// Answers a request about the asker's own roster, and tells whoever is to know what it changed: the answer goes before
    /// the push.
    pub(crate) async fn serve(
        &self,
        asker: &Arc<SessionHandle>,
        stanza: &Stanza,
        request: Request,
    ) {
        let account = asker.jid.to_bare();
        let served = match request {
            Request::Get { version } => self.get(asker, &account, stanza, version).await,
            Request::Set {
                contact,
                name,
                groups,
            } => {
                self.set(asker, &account, stanza, contact, name, groups)
                    .await
            }
            Request::Remove { contact } => self.take_out(asker, &account, stanza, &contact).await,
        };
        if let Err(error) = served {
            self.router.refuse(stanza, &error.reply());
        }
    }

    async fn get(
        &self,
        asker: &SessionHandle,
        account: &BareJid,
        stanza: &Stanza,
        version: Option<String>,
    ) -> Result<(), RosterError> {
        let _lock = self.locks.lock(account).await;
        let store = self.store(account);
        let is_judged = self.router.inlet().wants_roster(RosterAct::Show);
        // What was shown of an older roster is not known.
        let steps = match version.as_deref().filter(|_| !is_judged) {
            Some(version) => store.since(account, version).await?,
            None => None,
        };
        if let Some(steps) = steps {
            self.router.answer(&asker.jid, stanza.result_reply(None));
            self.push_steps(asker, steps);
        } else {
            let roster = self.shown(account, store.load(account).await?).await?;
            let is_known = version.is_some() && version == roster.version;
            let items = roster.items.iter().map(Item::to_element);
            let whole = (!is_known).then(|| roster::query(roster.version.as_deref(), items));
            self.router.answer(&asker.jid, stanza.result_reply(whole));
        }
        asker.become_interested();
        Ok(())
    }

    /// Tells one session what became of the roster since it last knew it, before anything newer (§2.6.3).
    fn push_steps(&self, asker: &SessionHandle, steps: Vec<Step>) {
        for step in steps {
            let query = told(Some(&step.version), &step.contact, step.item.as_ref());
            self.router.push_roster_to(asker, &query);
        }
    }

    async fn set(
        &self,
        asker: &SessionHandle,
        account: &BareJid,
        stanza: &Stanza,
        contact: BareJid,
        name: Option<String>,
        groups: Vec<String>,
    ) -> Result<(), RosterError> {
        if contact == *account {
            return Err(Condition::NotAllowed.into());
        }
        let wish = ContactLabel { name, groups };
        let label = self.may_update(account, &contact, wish).await?;
        let answer = || {
            self.router.answer(&asker.jid, stanza.result_reply(None));
        };
        self.update(account, &contact, label, answer).await
    }

    async fn take_out(
        &self,
        asker: &SessionHandle,
        account: &BareJid,
        stanza: &Stanza,
        contact: &BareJid,
    ) -> Result<(), RosterError> {
        self.may_remove(account, contact).await?;
        let answer = || {
            self.router.answer(&asker.jid, stanza.result_reply(None));
        };
        self.remove(account, contact, answer).await
    }

    /// Gives a contact a name and groups. Who asked is answered before anybody is told, and those who are told are so of what
    /// was as it is now, too (§2.4.2).
    pub(super) async fn update(
        &self,
        account: &BareJid,
        contact: &BareJid,
        label: ContactLabel,
        answer: impl FnOnce(),
    ) -> Result<(), RosterError> {
        let _lock = self.locks.lock(account).await;
        let store = self.store(account);
        let updating = store.update(account, contact, label.name, label.groups);
        let change = updating.await?;
        answer();
        self.tell(account, contact, &change).await;
        if change.before.item == change.after.item {
            self.push(account, contact, &change, Push::Anyway).await;
        }
        Ok(())
    }

    /// Removes a contact, and ends what there was between the two. Who asked is answered before anybody is told.
    pub(super) async fn remove(
        &self,
        account: &BareJid,
        contact: &BareJid,
        answer: impl FnOnce(),
    ) -> Result<(), RosterError> {
        let words = self.subscription_locks.lock(account).await;
        let change = {
            let _lock = self.locks.lock(account).await;
            let change = self.store(account).remove(account, contact).await?;
            if change.before.item.is_some() {
                answer();
                if change.before.item == change.after.item {
                    // It stays: the user is told so.
                    self.push(account, contact, &change, Push::Anyway).await;
                }
                self.tell(account, contact, &change).await;
            }
            change
        };
        if change.before.item.is_none() {
            drop(words);
            self.end_subscriptions_again(account, contact, change.before.state())
                .await?;
            return Err(Condition::ItemNotFound.into());
        }
        let (before, after) = (change.before.state(), change.after.state());
        let ended = State {
            from: before.from && !after.from,
            to: before.to && !after.to,
            pending_out: before.pending_out && !after.pending_out,
            ..State::default()
        };
        self.end_subscriptions(account, contact, ended).await;
        Ok(())
    }

    /// Tells a contact that is not in the roster so, as long as that stands: it may be gone since the server was killed before the contact
    /// heard of it. Where both agree nobody notices. A request of the contact's that is on its way is waited for.
    async fn end_subscriptions_again(
        &self,
        account: &BareJid,
        contact: &BareJid,
        found: State,
    ) -> Result<(), RosterError> {
        let _words = self.subscription_locks.lock_both(account, contact).await;
        if self.state(account, contact).await? == found {
            let over = State {
                to: true,
                pending_in: !found.pending_in,
                ..State::default()
            };
            self.end_subscriptions(account, contact, over).await;
        }
        Ok(())
    }

    /// Tells a contact that there is nothing any more between it and the account (RFC 6121 §2.5.2).
    pub(super) async fn end_subscriptions(
        &self,
        account: &BareJid,
        contact: &BareJid,
        before: State,
    ) {
        if before.from {
            self.router
                .send_presence(account, contact, Availability::Unavailable);
        }
        if before.to || before.pending_out {
            let word = subscription_stanza(account, contact, "unsubscribe");
            drop(
                self.receive_subscription(contact, account, SubscriptionAction::Unsubscribe, word)
                    .await,
            );
        }
        if before.from || before.pending_in {
            let word = subscription_stanza(account, contact, "unsubscribed");
            drop(
                self.receive_subscription(contact, account, SubscriptionAction::Unsubscribed, word)
                    .await,
            );
        }
    }
}

/// A word of one account to another.
pub(super) fn subscription_stanza(from: &BareJid, to: &BareJid, kind: &str) -> Option<Stanza> {
    let presence = Element::builder("presence", ns::CLIENT)
        .attr("from", from.as_str())
        .attr("to", to.as_str())
        .attr("type", kind)
        .build();
    Stanza::parse(presence, ContentNamespace::Client).ok()
}
