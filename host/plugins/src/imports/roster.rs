//! The import `roster`, for plugins granted it. Reads wait for the database or the provider; changes are effects.

use std::sync::Arc;

use tokio::time::timeout;
use waxwing_xmpp::jid::{self, BareJid};

use crate::instance::state::State;
use crate::model::follow_up::FollowUp;
use crate::model::interfaces::Level;
use crate::model::provided::LATE;
use crate::wit::bindings::waxwing::plugin::roster::{Contact, Host, RosterError};
use crate::wit::contacts;

/// Changes of rosters that a call may cause.
const MAX_CHANGES: usize = 64;

impl Host for State {
    async fn get_contacts(
        &mut self,
        account: String,
    ) -> wasmtime::Result<Result<Vec<Contact>, RosterError>> {
        self.charge()?;
        if self.level == Level::Provider {
            return Ok(Err(RosterError::NotAllowedInThisCall));
        }
        let account = match self.of_roster(&account) {
            Ok(account) => account,
            Err(error) => return Ok(Err(error)),
        };
        let services = Arc::clone(&self.services);
        let roster = timeout(LATE, services.server.roster(&account)).await;
        Ok(match roster {
            Ok(Ok(items)) => Ok(items.iter().map(contacts::contact).collect()),
            Ok(Err(_)) | Err(_) => Err(RosterError::Unavailable),
        })
    }

    async fn shares_presence(
        &mut self,
        account: String,
        address: String,
    ) -> wasmtime::Result<Result<bool, RosterError>> {
        self.charge()?;
        if self.level == Level::Provider {
            return Ok(Err(RosterError::NotAllowedInThisCall));
        }
        let address = jid::parse(&address).map(|address| address.to_bare());
        let (account, address) = match (self.of_roster(&account), address) {
            (Ok(account), Ok(address)) => (account, address),
            (Err(error), _) => return Ok(Err(error)),
            (_, Err(_)) => return Ok(Err(RosterError::InvalidAddress)),
        };
        let services = Arc::clone(&self.services);
        let shares = timeout(LATE, services.server.shares_presence(&account, &address)).await;
        Ok(shares
            .ok()
            .and_then(Result::ok)
            .ok_or(RosterError::Unavailable))
    }

    async fn update_contact(
        &mut self,
        account: String,
        contact: String,
        name: Option<String>,
        groups: Vec<String>,
    ) -> wasmtime::Result<Result<(), RosterError>> {
        self.charge()?;
        let changed = self.may_edit(&account, &contact);
        let is_valid = contacts::is_name(name.as_deref()) && contacts::are_groups(&groups);
        Ok(changed.and_then(|(account, contact)| {
            if !is_valid || self.roster_changes() >= MAX_CHANGES {
                return Err(RosterError::Invalid);
            }
            self.call.follow_ups.push(FollowUp::UpdateContact {
                account,
                contact,
                name,
                groups,
            });
            Ok(())
        }))
    }

    async fn remove_contact(
        &mut self,
        account: String,
        contact: String,
    ) -> wasmtime::Result<Result<(), RosterError>> {
        self.charge()?;
        let changed = self.may_edit(&account, &contact);
        Ok(changed.and_then(|(account, contact)| {
            if self.roster_changes() >= MAX_CHANGES {
                return Err(RosterError::Invalid);
            }
            let remove = FollowUp::RemoveContact { account, contact };
            self.call.follow_ups.push(remove);
            Ok(())
        }))
    }

    async fn changed(
        &mut self,
        account: String,
        contact: String,
    ) -> wasmtime::Result<Result<(), RosterError>> {
        self.charge()?;
        Ok(self.of_roster(&account).and_then(|account| {
            let contact = jid::parse_bare(&contact).map_err(|_| RosterError::InvalidAddress)?;
            let changed = FollowUp::ContactChanged { account, contact };
            self.call.follow_ups.push(changed);
            Ok(())
        }))
    }
}

impl State {
    /// An account here, if the plugin may see its roster.
    fn of_roster(&self, account: &str) -> Result<BareJid, RosterError> {
        if !self.is_granted("roster") {
            return Err(RosterError::NotGranted);
        }
        let account = jid::parse_bare(account).ok();
        let account = account.filter(|account| {
            account.node().is_some() && self.services.serves(account.domain().as_str())
        });
        account.ok_or(RosterError::InvalidAddress)
    }

    fn may_edit(&self, account: &str, contact: &str) -> Result<(BareJid, BareJid), RosterError> {
        if self.level != Level::Hook {
            return Err(RosterError::NotAllowedInThisCall);
        }
        let account = self.of_roster(account)?;
        let contact = jid::parse_bare(contact).map_err(|_| RosterError::InvalidAddress)?;
        Ok((account, contact))
    }

    fn roster_changes(&self) -> usize {
        let follow_ups = self.call.follow_ups.iter();
        follow_ups
            .filter(|follow_ups| follow_ups.is_roster_change())
            .count()
    }
}
