//! The rosters of the accounts here (interface `roster`).

use crate::jid;
use crate::native::world::{self, RosterEffect, World};

use crate::Subscription;
pub use crate::bindings::lifecycle::waxwing::plugin::contacts::Contact;
pub use crate::bindings::lifecycle::waxwing::plugin::roster::RosterError;

/// Changes of rosters that a call may cause.
const MAX_CHANGES: usize = 64;

/// All contacts of the account of a bare JID.
pub fn get_contacts(account: &str) -> Result<Vec<Contact>, RosterError> {
    world::with(|world| {
        check(world, account)?;
        if world.provides {
            return Err(RosterError::NotAllowedInThisCall);
        }
        let roster = world.rosters.get(account);
        Ok(roster
            .map(|roster| roster.values().cloned().collect())
            .unwrap_or_default())
    })
}

/// Whether an account shares its presence with an address, by the subscription `from` or `both`.
pub fn shares_presence(account: &str, address: &str) -> Result<bool, RosterError> {
    world::with(|world| {
        check(world, account)?;
        if world.provides {
            return Err(RosterError::NotAllowedInThisCall);
        }
        if !jid::is_valid(address) {
            return Err(RosterError::InvalidAddress);
        }
        let roster = world.rosters.get(account);
        let contact = roster.and_then(|roster| roster.get(jid::bare(address)));
        Ok(contact.is_some_and(|contact| {
            matches!(
                contact.subscription,
                Subscription::From | Subscription::Both
            )
        }))
    })
}

/// Adds a contact, or gives it another name and other groups, when the call has returned.
pub fn update_contact(
    account: &str,
    contact: &str,
    name: Option<&str>,
    groups: &[String],
) -> Result<(), RosterError> {
    let effect = RosterEffect::Update(
        account.to_owned(),
        contact.to_owned(),
        name.map(str::to_owned),
        groups.to_vec(),
    );
    change(account, contact, effect)
}

/// Removes a contact when the call has returned.
pub fn remove_contact(account: &str, contact: &str) -> Result<(), RosterError> {
    let effect = RosterEffect::Remove(account.to_owned(), contact.to_owned());
    change(account, contact, effect)
}

/// Has the server look again at what an account has about a contact when the call has returned.
pub fn changed(account: &str, contact: &str) -> Result<(), RosterError> {
    world::with(|world| {
        check(world, account)?;
        if !jid::is_valid(contact) {
            return Err(RosterError::InvalidAddress);
        }
        let effect = RosterEffect::Changed(account.to_owned(), contact.to_owned());
        world.call.rosters.push(effect);
        Ok(())
    })
}

fn change(account: &str, contact: &str, effect: RosterEffect) -> Result<(), RosterError> {
    world::with(|world| {
        if world.provides || world.shows {
            return Err(RosterError::NotAllowedInThisCall);
        }
        check(world, account)?;
        if !jid::is_valid(contact) {
            return Err(RosterError::InvalidAddress);
        }
        if world.call.rosters.len() >= MAX_CHANGES {
            return Err(RosterError::Invalid);
        }
        world.call.rosters.push(effect);
        Ok(())
    })
}

fn check(world: &World, account: &str) -> Result<(), RosterError> {
    if !world.grants.contains("roster") {
        return Err(RosterError::NotGranted);
    }
    let is_account = jid::is_valid(account)
        && jid::local(account).is_some()
        && jid::resource(account).is_none()
        && world.serves(jid::domain(account));
    is_account.then_some(()).ok_or(RosterError::InvalidAddress)
}
