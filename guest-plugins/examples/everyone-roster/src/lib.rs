//! Everybody has everybody else of the host in the roster, each seeing the other. The server's list of accounts is the roster, so
//! that nobody can change it: who tries is told how it is. An account that is registered or enabled
//! appears, one that is removed or disabled disappears.
use waxwing_plugin::prelude::*;

/// Accounts read at a time.
const PAGE: u32 = 1_000;

struct Everyone;

impl Plugin for Everyone {
    fn manifest() -> Manifest {
        manifest!("everybody has everybody else in the roster")
            .ask("accounts")
            .ask("roster")
            .rosters(AuthOffer::PRIORITY)
    }

    fn init(_: Scope) -> Result<Self, String> {
        Ok(Self)
    }
}

impl RosterProvider for Everyone {
    fn contacts(&self, account: &str) -> Result<Roster, RosterFailure> {
        let others = others(account)?.into_iter();
        Ok(Roster {
            version: None,
            contacts: others.map(|other| colleague(&other)).collect(),
        })
    }
}

impl AccountEvents for Everyone {
    fn registered(&self, account: &str) {
        tell_others(account);
    }

    fn removed(&self, account: &str) {
        tell_others(account);
    }

    fn disabled(&self, account: &str) {
        tell_others(account);
    }

    fn enabled(&self, account: &str) {
        tell_others(account);
    }
}

fn colleague(account: &str) -> Contact {
    let name = waxwing_plugin::jid::local(account).unwrap_or_default();
    Contact::new(account).named(name).both()
}

/// All accounts of an account's host but that one.
fn others(account: &str) -> Result<Vec<String>, RosterFailure> {
    let host = waxwing_plugin::jid::domain(account);
    let mut others: Vec<String> = Vec::new();
    let mut last = None;
    loop {
        let page = accounts::list(host, last.as_deref(), PAGE);
        let page = page.map_err(|_| RosterFailure::Unavailable)?;
        last = page.accounts.last().cloned();
        others.extend(page.accounts.into_iter().filter(|other| other != account));
        if !page.more {
            return Ok(others);
        }
    }
}

/// The rosters of all others are other than they were, about this account.
fn tell_others(account: &str) {
    for other in others(account).unwrap_or_default() {
        if let Err(error) = roster::changed(&other, account) {
            return log::write(
                log::Level::Warn,
                &format!("nobody hears of {account}: {error:?}"),
            );
        }
    }
}

waxwing_plugin::plugin!(Everyone: RosterProvider, AccountEvents);

#[cfg(test)]
mod tests;
