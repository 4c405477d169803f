//! The import `accounts`, for plugins granted it. Reads wait for the storage; changes are effects.

use std::sync::Arc;
use std::time::Duration;

use waxwing_xmpp::jid::{self, BareJid};

use crate::instance::host_services::HostServices;
use crate::instance::state::State;
use crate::model::effects::AccountEffect;
use crate::model::interfaces::Level;
use crate::wit::bindings::waxwing::plugin::accounts::{AccountError, AccountPage, Host};

/// How long a call may wait for the storage. Past it the plugin gets an error value: waiting is no fault.
const WAIT: Duration = Duration::from_secs(5);

/// The longest page of accounts.
const MAX_PAGE: u32 = 1_000;

impl Host for State {
    async fn list(
        &mut self,
        host: String,
        after: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<Result<AccountPage, AccountError>> {
        self.charge()?;
        // Providers may call this too: it calls no other plugin.
        if !self.is_granted("accounts") {
            return Ok(Err(AccountError::NotGranted));
        }
        if !self.services.serves(&host) {
            return Ok(Err(AccountError::UnknownHost));
        }
        let limit = usize::try_from(limit.min(MAX_PAGE)).unwrap_or(0);
        let services = Arc::clone(&self.services);
        let page = services.server.accounts(&host, after.as_deref(), limit);
        Ok(match tokio::time::timeout(WAIT, page).await {
            Ok(Ok((accounts, more))) => Ok(AccountPage {
                accounts: accounts.iter().map(ToString::to_string).collect(),
                more,
            }),
            Ok(Err(_)) | Err(_) => Err(AccountError::Unavailable),
        })
    }

    async fn exists(
        &mut self,
        host: String,
        username: String,
    ) -> wasmtime::Result<Result<bool, AccountError>> {
        self.charge()?;
        let account = match self.named(&host, &username) {
            Ok(account) => account,
            Err(error) => return Ok(Err(error)),
        };
        let services = Arc::clone(&self.services);
        Ok(is_there(&services, &account).await)
    }

    async fn create(
        &mut self,
        host: String,
        username: String,
        password: String,
    ) -> wasmtime::Result<Result<String, AccountError>> {
        self.charge()?;
        let account = match self
            .may_change()
            .and_then(|()| self.named(&host, &username))
            .and_then(|account| self.acceptable(&password).map(|()| account))
        {
            Ok(account) => account,
            Err(error) => return Ok(Err(error)),
        };
        let services = Arc::clone(&self.services);
        let Some(reservation) = services.reservations.take(&account) else {
            return Ok(Err(AccountError::Taken));
        };
        match is_there(&services, &account).await {
            Ok(false) => {}
            Ok(true) => return Ok(Err(AccountError::Taken)),
            Err(error) => return Ok(Err(error)),
        }
        let text = account.to_string();
        self.call.reservations.push(reservation);
        self.call
            .accounts
            .push(AccountEffect::Create { account, password });
        Ok(Ok(text))
    }

    async fn set_password(
        &mut self,
        account: String,
        password: String,
    ) -> wasmtime::Result<Result<(), AccountError>> {
        self.charge()?;
        let account = match self
            .may_change()
            .and_then(|()| self.addressed(&account))
            .and_then(|account| self.acceptable(&password).map(|()| account))
        {
            Ok(account) => account,
            Err(error) => return Ok(Err(error)),
        };
        let services = Arc::clone(&self.services);
        Ok(must_be_there(&services, &account).await.map(|()| {
            self.call
                .accounts
                .push(AccountEffect::SetPassword { account, password });
        }))
    }

    async fn remove(&mut self, account: String) -> wasmtime::Result<Result<(), AccountError>> {
        self.charge()?;
        let account = match self.may_change().and_then(|()| self.addressed(&account)) {
            Ok(account) => account,
            Err(error) => return Ok(Err(error)),
        };
        let services = Arc::clone(&self.services);
        Ok(must_be_there(&services, &account).await.map(|()| {
            self.call.accounts.push(AccountEffect::Remove { account });
        }))
    }
}

impl State {
    /// The account of a user name at a host served here, if the plugin may ask.
    fn named(&self, host: &str, username: &str) -> Result<BareJid, AccountError> {
        self.granted()?;
        let account = jid::bare(username, host).map_err(|_| AccountError::InvalidName)?;
        self.served(account)
    }

    /// The account of a bare JID at a host served here, if the plugin may ask.
    fn addressed(&self, account: &str) -> Result<BareJid, AccountError> {
        self.granted()?;
        let account = jid::parse_bare(account).map_err(|_| AccountError::NoSuchAccount)?;
        self.served(account)
    }

    /// What may be denied is caused by those only who are not asked about it.
    fn may_change(&self) -> Result<(), AccountError> {
        if self.level == Level::Hook {
            Ok(())
        } else {
            Err(AccountError::NotAllowedInThisCall)
        }
    }

    fn granted(&self) -> Result<(), AccountError> {
        // A provider must not cause calls of providers.
        if self.is_granted("accounts") && self.level != Level::Provider {
            Ok(())
        } else {
            Err(AccountError::NotGranted)
        }
    }

    fn served(&self, account: BareJid) -> Result<BareJid, AccountError> {
        if self.services.serves(account.domain().as_str()) {
            Ok(account)
        } else {
            Err(AccountError::UnknownHost)
        }
    }

    fn acceptable(&self, password: &str) -> Result<(), AccountError> {
        if self.services.server.is_valid_password(password) {
            Ok(())
        } else {
            Err(AccountError::InvalidPassword)
        }
    }
}

async fn is_there(services: &HostServices, account: &BareJid) -> Result<bool, AccountError> {
    match tokio::time::timeout(WAIT, services.server.account_exists(account)).await {
        Ok(Ok(exists)) => Ok(exists),
        Ok(Err(_)) | Err(_) => Err(AccountError::Unavailable),
    }
}

async fn must_be_there(services: &HostServices, account: &BareJid) -> Result<(), AccountError> {
    if is_there(services, account).await? {
        Ok(())
    } else {
        Err(AccountError::NoSuchAccount)
    }
}
