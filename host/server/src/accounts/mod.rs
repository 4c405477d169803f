//! Accounts: what is stored of them, with the hashing that comes before.

pub(crate) mod account_locks;
pub(crate) mod administrators;
pub(crate) mod password_hashing;
pub(crate) mod secret;

use std::sync::Arc;

use waxwing_plugins::{AccountEvent, PluginEvents};
use waxwing_storage::{
    Account, AccountId, AccountKeys, AccountSummary, Creation, NewAccount, PluginData, Rosters,
    Spool, Storage, StorageError, Streams,
};
use waxwing_xmpp::{
    jid::BareJid,
    sasl::{self, Credentials, Hash, PasswordError},
};

use self::password_hashing::{Busy, HashPool};

/// Why an account could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    /// The address has no localpart: it is that of a server.
    #[error("the address has no user name; write it as name@domain")]
    NotAnAccount,
    /// There is such an account already.
    #[error("the account exists already")]
    Taken,
    /// There is no such account.
    #[error("there is no such account")]
    Unknown,
    /// The password cannot be one.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The operating system has no random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl AccountError {
    /// Tells the operator. That the database does not answer it says itself, once.
    pub(crate) fn log(&self, what: &str) {
        if let Self::Storage(StorageError::Late | StorageError::Overloaded) = self {
            tracing::debug!(error = %self, "{what}");
        } else {
            tracing::error!(error = %self, "{what}");
        }
    }
}

/// Whether an account that a provider has let in may use this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Admission {
    /// It may. Its id.
    Admitted(u64),
    /// The operator has disabled it here.
    Disabled,
}

impl Admission {
    fn of(account: &Account) -> Self {
        if account.disabled {
            Self::Disabled
        } else {
            Self::Admitted(opaque(account.id))
        }
    }
}

/// The accounts of all domains. Every change is durable when its call returns.
#[derive(Clone)]
pub(crate) struct Accounts {
    storage: Arc<dyn Storage>,
    hashing: HashPool,
    inlet: PluginEvents,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").finish_non_exhaustive()
    }
}

impl Accounts {
    /// Accounts kept there, their passwords hashed on that pool.
    pub(crate) fn new(storage: Arc<dyn Storage>, hashing: HashPool) -> Self {
        Self {
            storage,
            hashing,
            inlet: PluginEvents::default(),
        }
    }

    /// The same, whose changes by the operator are told to plugins.
    pub(crate) fn with_inlet(self, inlet: PluginEvents) -> Self {
        Self { inlet, ..self }
    }

    /// Tells plugins what the operator did to an account; what plugins do the platform tells itself.
    pub(crate) fn announce(&self, event: AccountEvent, jid: &BareJid) {
        self.inlet.account(event, jid);
    }

    /// What plugins keep.
    pub(crate) fn plugin_data(&self) -> &dyn PluginData {
        self.storage.plugin_data()
    }

    /// Rosters and subscriptions.
    pub(crate) fn rosters(&self) -> &dyn Rosters {
        self.storage.rosters()
    }

    /// Messages that wait.
    pub(crate) fn spool(&self) -> &dyn Spool {
        self.storage.spool()
    }

    /// How far resumable streams are.
    pub(crate) fn streams(&self) -> &dyn Streams {
        self.storage.streams()
    }

    /// The id of an account, disabled or not.
    pub(crate) async fn id(&self, jid: &BareJid) -> Result<Option<AccountId>, AccountError> {
        Ok(self.find(jid).await?.map(|account| account.id))
    }

    /// The pool that passwords are hashed on.
    pub(crate) fn hashing(&self) -> &HashPool {
        &self.hashing
    }

    /// Whether there is such an account, disabled or not.
    pub(crate) async fn exists(&self, jid: &BareJid) -> Result<bool, AccountError> {
        Ok(self.find(jid).await?.is_some())
    }

    /// Whether this very account is still there and may be used: a name may have been removed and made again.
    pub(crate) async fn is_active(&self, jid: &BareJid, id: u64) -> Result<bool, AccountError> {
        let account = self.find(jid).await?;
        Ok(account.is_some_and(|account| !account.disabled && opaque(account.id) == id))
    }

    /// What a login is checked against; `None` if there is no such account or it is disabled.
    pub(crate) async fn credentials(
        &self,
        jid: &BareJid,
    ) -> Result<Option<Credentials>, AccountError> {
        let account = self.find(jid).await?.filter(|account| !account.disabled);
        // An external account has none: without its provider nobody can log in to it.
        Ok(account.and_then(|account| {
            let keys = account.keys?;
            Some(Credentials {
                account: opaque(account.id),
                // A hash that this version does not know is of no use to it.
                keys: keys
                    .into_iter()
                    .filter_map(|(hash, keys)| Some((Hash::from_name(&hash)?, loaded(keys))))
                    .collect(),
            })
        }))
    }

    /// The id of an account that a provider has let in. One that is not there is made, without keys; one that is
    /// disabled here stays out, whatever the provider says.
    pub(crate) async fn admit(&self, jid: &BareJid) -> Result<Admission, AccountError> {
        let (localpart, domain) = parts(jid)?;
        if let Some(account) = self.find(jid).await? {
            return Ok(Admission::of(&account));
        }
        match self
            .storage
            .accounts()
            .create_external(localpart, domain)
            .await?
        {
            Creation::Created(id) => Ok(Admission::Admitted(opaque(id))),
            // Another login was faster.
            Creation::Taken => Ok(Admission::of(&self.known(jid).await?)),
        }
    }

    /// Makes an account.
    pub(crate) async fn create(&self, jid: &BareJid, password: &str) -> Result<(), AccountError> {
        let (localpart, domain) = parts(jid)?;
        // Asked first, so that a name that is taken costs no hashing; storage decides.
        if self.exists(jid).await? {
            return Err(AccountError::Taken);
        }
        let account = NewAccount {
            localpart: localpart.to_owned(),
            domain: domain.to_owned(),
            keys: self.derive(password).await?,
        };
        match self.storage.accounts().create(account).await? {
            Creation::Created(_) => Ok(()),
            Creation::Taken => Err(AccountError::Taken),
        }
    }

    /// Gives an account a new password.
    pub(crate) async fn set_password(
        &self,
        jid: &BareJid,
        password: &str,
    ) -> Result<(), AccountError> {
        let account = self.known(jid).await?;
        let keys = self.derive(password).await?;
        let found = self.storage.accounts().set_keys(account.id, keys);
        affected(found.await?)
    }

    /// Removes an account.
    pub(crate) async fn remove(&self, jid: &BareJid) -> Result<(), AccountError> {
        let account = self.known(jid).await?;
        affected(self.storage.accounts().remove(account.id).await?)
    }

    /// Forbids or allows logging in. False: it was so already.
    pub(crate) async fn set_disabled(
        &self,
        jid: &BareJid,
        disabled: bool,
    ) -> Result<bool, AccountError> {
        let account = self.known(jid).await?;
        if account.disabled == disabled {
            return Ok(false);
        }
        let found = self.storage.accounts().set_disabled(account.id, disabled);
        affected(found.await?)?;
        Ok(true)
    }

    /// The accounts of one domain or of all.
    pub(crate) async fn list(
        &self,
        domain: Option<&str>,
    ) -> Result<Vec<AccountSummary>, AccountError> {
        Ok(self.storage.accounts().list(domain).await?)
    }

    async fn find(&self, jid: &BareJid) -> Result<Option<Account>, AccountError> {
        let (localpart, domain) = parts(jid)?;
        Ok(self.storage.accounts().find(localpart, domain).await?)
    }

    async fn known(&self, jid: &BareJid) -> Result<Account, AccountError> {
        self.find(jid).await?.ok_or(AccountError::Unknown)
    }

    /// The keys of a password, for every hash.
    async fn derive(&self, password: &str) -> Result<AccountKeys, AccountError> {
        let password = password.to_owned();
        let derived = self.hashing.run(move || {
            let keys = |hash: Hash| -> Result<(String, Stored), AccountError> {
                let mut salt = [0; sasl::SALT_BYTES];
                getrandom::fill(&mut salt).map_err(AccountError::Random)?;
                let rounds = sasl::NEW_ACCOUNT_ITERATIONS;
                let derived = sasl::derive(&password, &salt, rounds, hash)?;
                Ok((hash.name().to_owned(), stored(derived)))
            };
            Hash::ALL.into_iter().map(keys).collect()
        });
        derived.await?
    }
}

type Stored = waxwing_storage::ScramKeys;

fn stored(keys: sasl::ScramKeys) -> Stored {
    Stored {
        salt: keys.salt,
        iterations: keys.iterations,
        stored_key: keys.stored_key,
        server_key: keys.server_key,
    }
}

fn loaded(keys: Stored) -> sasl::ScramKeys {
    sasl::ScramKeys {
        salt: keys.salt,
        iterations: keys.iterations,
        stored_key: keys.stored_key,
        server_key: keys.server_key,
    }
}

/// An id as the protocol's room carries it: the same bits.
fn opaque(id: AccountId) -> u64 {
    id.0.cast_unsigned()
}

fn affected(found: bool) -> Result<(), AccountError> {
    if found {
        Ok(())
    } else {
        Err(AccountError::Unknown)
    }
}

fn parts(jid: &BareJid) -> Result<(&str, &str), AccountError> {
    let localpart = jid.node().ok_or(AccountError::NotAnAccount)?;
    Ok((localpart.as_str(), jid.domain().as_str()))
}
