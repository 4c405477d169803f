//! The task of roster jobs: changes that plugins ask for, and the change of a host's roster provider. Jobs are done in order.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use waxwing_plugins::{ContactLabel, FollowUp, RosterChange, RosterEntry};
use waxwing_xmpp::{
    jid::BareJid,
    subscription::{Availability, State},
};

use super::{RosterError, RosterService, hooks::Push};
use crate::delivery::roster_job::RosterJob;

impl RosterService {
    /// Works off the queue until `last`.
    pub(crate) async fn work(
        &self,
        mut roster_jobs: mpsc::Receiver<RosterJob>,
        last: CancellationToken,
    ) {
        loop {
            let job = tokio::select! {
                () = last.cancelled() => return,
                job = roster_jobs.recv() => job,
            };
            match job {
                Some(job) => self.do_one(job).await,
                None => return,
            }
        }
    }

    async fn do_one(&self, job: RosterJob) {
        let done = match job {
            RosterJob::ProviderChanged(hosts) => {
                self.see_again(&hosts).await;
                Ok(())
            }
            RosterJob::FollowUp(FollowUp::UpdateContact {
                account,
                contact,
                name,
                groups,
            }) => {
                let label = ContactLabel { name, groups };
                self.update(&account, &contact, label, || ()).await
            }
            RosterJob::FollowUp(FollowUp::RemoveContact { account, contact }) => {
                self.remove(&account, &contact, || ()).await
            }
            RosterJob::FollowUp(FollowUp::ContactChanged { account, contact }) => {
                self.look_again(&account, &contact).await
            }
            // Sessions are ended elsewhere.
            RosterJob::FollowUp(_) => Ok(()),
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
    async fn look_again(&self, account: &BareJid, contact: &BareJid) -> Result<(), RosterError> {
        if !self.router.is_connected(account.as_str()) {
            return Ok(());
        }
        let (was_seen, is_seen) = {
            let _lock = self.locks.lock(account).await;
            let item = self.store(account).item(account, contact).await?;
            let was_seen = self.router.is_seen_by(account, contact);
            let state = item.as_ref().map_or_else(State::default, |item| item.state);
            self.router.update_subscription(account, contact, state);
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
        for account in self.router.accounts_with_subscriptions() {
            if !hosts.iter().any(|host| host == account.domain().as_str()) {
                continue;
            }
            let _lock = self.locks.lock(&account).await;
            match self.view(&account).await {
                Ok(view) if self.router.knows_subscriptions_of(account.as_str()) => {
                    self.router.set_subscriptions(&account, view);
                }
                Ok(_) => {}
                Err(error) => {
                    // Nobody is shown to whom it may be that nothing is granted.
                    self.router.forget_subscriptions(&account);
                    let error = error.reply();
                    tracing::warn!(%account, condition = error.condition.name(), "a roster cannot be read");
                }
            }
        }
    }
}
