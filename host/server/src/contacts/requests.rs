//! What a client asks of its roster (RFC 6121 §2).

use std::sync::Arc;

use waxwing_storage::RosterEntry;
use waxwing_xml::Element;
use waxwing_xmpp::{
    error::Condition,
    jid::BareJid,
    ns, roster,
    roster::Request,
    stanza::Stanza,
    subscription::{Availability, State, Word},
};

use super::{ContactError, Contacts, convert, version_text};
use crate::router::Handle;

impl Contacts {
    /// Answers a request about the asker's own roster, and tells whoever is to know what it changed: the answer goes before
    /// the push.
    pub(crate) async fn serve(&self, asker: &Arc<Handle>, stanza: &Stanza, request: Request) {
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
            Request::Remove { contact } => self.remove(asker, &account, stanza, contact).await,
        };
        if let Err(error) = served {
            self.router.refuse(stanza, &error.reply());
        }
    }

    async fn get(
        &self,
        asker: &Handle,
        account: &BareJid,
        stanza: &Stanza,
        version: Option<String>,
    ) -> Result<(), ContactError> {
        let _turn = self.turns.of(account).await;
        let id = self.id(account).await?.ok_or(Condition::ItemNotFound)?;
        let stored = self.accounts.rosters().load(id).await?;
        let now = version_text(id, stored.version);
        let payload = if version.as_ref() == Some(&now) {
            None
        } else {
            let items = stored.items.into_iter().filter_map(|item| {
                let contact = convert::contact(&item.contact)?;
                let entry = RosterEntry {
                    item: Some(item),
                    request: None,
                };
                Some(convert::item(&contact, &entry).to_element())
            });
            Some(roster::query(&now, items))
        };
        self.router.answer(&asker.jid, stanza.result_reply(payload));
        asker.become_interested();
        Ok(())
    }

    async fn set(
        &self,
        asker: &Handle,
        account: &BareJid,
        stanza: &Stanza,
        contact: BareJid,
        name: Option<String>,
        groups: Vec<String>,
    ) -> Result<(), ContactError> {
        if contact == *account {
            return Err(Condition::NotAllowed.into());
        }
        let _turn = self.turns.of(account).await;
        let id = self.id(account).await?.ok_or(Condition::ItemNotFound)?;
        let about = contact.as_str().to_owned();
        let edited = self.edit(account, id, &contact, move |entry| {
            let mut entry = entry.clone();
            let item = entry.item.get_or_insert_with(|| convert::new_item(&about));
            item.name.clone_from(&name);
            item.groups.clone_from(&groups);
            Some(entry)
        });
        let change = edited.await?;
        self.router.answer(&asker.jid, stanza.result_reply(None));
        if let Some(change) = change {
            self.push(account, &contact, &change);
        }
        Ok(())
    }

    async fn remove(
        &self,
        asker: &Handle,
        account: &BareJid,
        stanza: &Stanza,
        contact: BareJid,
    ) -> Result<(), ContactError> {
        let before = {
            let _turn = self.turns.of(account).await;
            let id = self.id(account).await?.ok_or(Condition::ItemNotFound)?;
            let edited = self.edit(account, id, &contact, |entry| {
                entry.item.as_ref()?;
                Some(RosterEntry {
                    item: None,
                    request: entry.request.clone(),
                })
            });
            let change = edited.await?.ok_or(Condition::ItemNotFound)?;
            self.router.answer(&asker.jid, stanza.result_reply(None));
            self.push(account, &contact, &change);
            State {
                // A request that waits goes on waiting.
                pending_in: false,
                ..convert::state(&change.before)
            }
        };
        self.part(account, &contact, before).await;
        Ok(())
    }

    /// Tells a contact that there is nothing any more between it and the account (RFC 6121 §2.5.2).
    pub(super) async fn part(&self, account: &BareJid, contact: &BareJid, before: State) {
        if before.from {
            self.router
                .send_presence(account, contact, Availability::Unavailable);
        }
        if before.to || before.pending_out {
            let word = said(account, contact, "unsubscribe");
            self.hear(contact, account, Word::Unsubscribe, word).await;
        }
        if before.from || before.pending_in {
            let word = said(account, contact, "unsubscribed");
            self.hear(contact, account, Word::Unsubscribed, word).await;
        }
    }
}

/// A word of one account to another.
pub(super) fn said(from: &BareJid, to: &BareJid, kind: &str) -> Option<Stanza> {
    let presence = Element::builder("presence", ns::CLIENT)
        .attr("from", from.as_str())
        .attr("to", to.as_str())
        .attr("type", kind)
        .build();
    Stanza::parse(presence).ok()
}
