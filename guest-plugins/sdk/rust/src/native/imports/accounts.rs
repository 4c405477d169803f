//! The accounts of the domains served (interface `accounts`).

use super::prepare;
use crate::jid;
use crate::native::world::{self, AccountEffect, World};

pub use crate::bindings::lifecycle::waxwing::plugin::accounts::{AccountError, AccountPage};

/// The longest page.
const MAX_PAGE: u32 = 1_000;

/// The accounts of a domain after that one.
pub fn list(host: &str, after: Option<&str>, limit: u32) -> Result<AccountPage, AccountError> {
    world::with(|world| {
        if !world.grants.contains("accounts") {
            return Err(AccountError::NotGranted);
        }
        if !world.serves(host) {
            return Err(AccountError::UnknownHost);
        }
        let limit = usize::try_from(limit.min(MAX_PAGE)).unwrap_or(0);
        let accounts = world.accounts.keys();
        let mut accounts = accounts.filter(|account| {
            jid::domain(account) == host
                && !world.disabled.contains(*account)
                && after.is_none_or(|after| account.as_str() > after)
        });
        let page = accounts.by_ref().take(limit).cloned().collect();
        Ok(AccountPage {
            accounts: page,
            more: accounts.next().is_some(),
        })
    })
}

/// Whether there is an account of that user name at that domain.
pub fn exists(host: &str, username: &str) -> Result<bool, AccountError> {
    world::with(|world| named(world, host, username).map(|account| is_there(world, &account)))
}

/// Takes the name at once, and makes the account when the call has returned. Gives its bare JID.
pub fn create(host: &str, username: &str, password: &str) -> Result<String, AccountError> {
    world::with(|world| {
        let account = named(world, host, username)?;
        acceptable(password)?;
        if is_there(world, &account) {
            return Err(AccountError::Taken);
        }
        let effect = AccountEffect::Put(account.clone(), password.to_owned());
        world.call.accounts.push(effect);
        Ok(account)
    })
}

/// Gives the account of that bare JID a new password when the call has returned.
pub fn set_password(account: &str, password: &str) -> Result<(), AccountError> {
    world::with(|world| {
        addressed(world, account)?;
        acceptable(password)?;
        let effect = AccountEffect::Put(account.to_owned(), password.to_owned());
        world.call.accounts.push(effect);
        Ok(())
    })
}

/// Removes the account of that bare JID with all its data when the call has returned.
pub fn remove(account: &str) -> Result<(), AccountError> {
    world::with(|world| {
        addressed(world, account)?;
        let effect = AccountEffect::Remove(account.to_owned());
        world.call.accounts.push(effect);
        Ok(())
    })
}

fn named(world: &World, host: &str, username: &str) -> Result<String, AccountError> {
    granted(world)?;
    let username = prepare::localpart(username).ok_or(AccountError::InvalidName)?;
    served(world, host)?;
    Ok([&username, "@", host].concat())
}

fn addressed(world: &World, account: &str) -> Result<(), AccountError> {
    granted(world)?;
    served(world, jid::domain(account))?;
    let there = is_there(world, account).then_some(());
    there.ok_or(AccountError::NoSuchAccount)
}

fn granted(world: &World) -> Result<(), AccountError> {
    let granted = world.grants.contains("accounts").then_some(());
    granted.ok_or(AccountError::NotGranted)
}

fn served(world: &World, host: &str) -> Result<(), AccountError> {
    let served = world.serves(host).then_some(());
    served.ok_or(AccountError::UnknownHost)
}

fn acceptable(password: &str) -> Result<(), AccountError> {
    let prepared = prepare::password(password).map(drop);
    prepared.ok_or(AccountError::InvalidPassword)
}

/// A name that this call has taken counts as there; one that it has removed is not free before the call has returned.
fn is_there(world: &World, account: &str) -> bool {
    let taken =
        |effect: &AccountEffect| matches!(effect, AccountEffect::Put(taken, _) if taken == account);
    world.accounts.contains_key(account) || world.call.accounts.iter().any(taken)
}
