//! What plugins want done to rosters, and what follows when a plugin begins or ceases to keep them: done by one task, in order.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use waxwing_plugins::{After, ContactLabel, RosterChange, RosterEntry};
use waxwing_xmpp::{
    jid::BareJid,
    subscription::{Availability, State},
};

use super::{ContactError, Contacts, hooks::Push};

/// Chores that may wait. What comes beyond is not done, and the log says so.
pub(crate) const MAX_CHORES: usize = 10_000;

/// Something to do about rosters.
#[derive(Debug)]
pub(crate) enum Chore {
    /// What a plugin's call caused.
    After(After),
    /// Somebody else keeps the rosters of these domains.
    Moved(Vec<String>),
}

impl Contacts {
    /// Does what comes by that way, until `last`.
    pub(crate) async fn work(&self, mut chores: mpsc::Receiver<Chore>, last: CancellationToken) {
        loop {
            let chore = tokio::select! {
                () = last.cancelled() => return,
                chore = chores.recv() => chore,
            };
            match chore {
                Some(chore) => self.do_one(chore).await,
                None => return,
            }
        }
    }

    async fn do_one(&self, chore: Chore) {
        let done = match chore {
            Chore::Moved(hosts) => {
                self.see_again(&hosts).await;
                Ok(())
            }
            Chore::After(After::UpdateContact {
                account,
                contact,
                name,
                groups,
            }) => {
                let label = ContactLabel { name, groups };
                self.update(&account, &contact, label, || ()).await
            }
            Chore::After(After::RemoveContact { account, contact }) => {
                self.remove(&account, &contact, || ()).await
            }
            Chore::After(After::ContactChanged { account, contact }) => {
                self.look_again(&account, &contact).await
            }
            // Sessions are ended elsewhere.
            Chore::After(_) => Ok(()),
        };
        if let Err(error) = done {
            let error = error.reply();
            tracing::info!(
                condition = error.condition.name(),
                "a plugin's change of a roster was refused"
            );
        }
    }

    /// The provider has changed what an account has about a contact. Who is online hears of it.
    async fn look_again(&self, account: &BareJid, contact: &BareJid) -> Result<(), ContactError> {
        if !self.router.is_connected(account.as_str()) {
            return Ok(());
        }
        let (was_seen, is_seen) = {
            let _turn = self.turns.of(account).await;
            let item = self.keeper(account).item(account, contact).await?;
            let was_seen = self.router.is_seen_by(account, contact);
            let state = item.as_ref().map_or_else(State::default, |item| item.state);
            self.router.note_view(account, contact, state);
            let change = RosterChange {
                before: RosterEntry::default(),
                after: RosterEntry {
                    item,
                    requested: false,
                },
                version: None,
            };
            self.push(account, contact, &change, Push::Unknown).await;
            (was_seen, state.from)
        };
        let shown = match (was_seen, is_seen) {
            (false, true) => Availability::Current,
            (true, false) => Availability::Unavailable,
            _ => return Ok(()),
        };
        self.router.send_presence(account, contact, shown);
        Ok(())
    }

    /// Makes the router's views those of whoever keeps the rosters now.
    async fn see_again(&self, hosts: &[String]) {
        for account in self.router.viewed() {
            if !hosts.iter().any(|host| host == account.domain().as_str()) {
                continue;
            }
            let _turn = self.turns.of(&account).await;
            match self.view(&account).await {
                Ok(view) if self.router.has_view(account.as_str()) => {
                    self.router.put_view(&account, view);
                }
                Ok(_) => {}
                Err(error) => {
                    // Nobody is shown to whom it may be that nothing is granted.
                    self.router.drop_view(&account);
                    let error = error.reply();
                    tracing::warn!(%account, condition = error.condition.name(), "a roster cannot be read");
                }
            }
        }
    }
}
