//! The commands on accounts, alike for a running server and a stopped one.

use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use waxwing_plugins::AccountEvent;
use waxwing_xmpp::jid::{self, BareJid};

use super::protocol::{Failure, Reply};
use crate::{
    accounts::{AccountError, Accounts},
    roster::RosterService,
};

/// Accounts of an import that are made at once: enough to keep the hashing threads busy and to share commits.
const AT_ONCE: usize = 16;

/// Most accounts in one [`AccountCommand::Import`].
const MAX_IMPORT: usize = 64;

/// A command on accounts.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum AccountCommand {
    /// Makes an account.
    Add(NewUser),
    /// Makes accounts, at most 64; the reply is [`Reply::Imported`].
    Import {
        /// The accounts.
        users: Vec<NewUser>,
    },
    /// Removes an account and ends its sessions.
    Remove {
        /// The account.
        jid: String,
    },
    /// Gives an account a new password.
    SetPassword(NewUser),
    /// Forbids an account to log in and ends its sessions.
    Disable {
        /// The account.
        jid: String,
    },
    /// Allows an account to log in again.
    Enable {
        /// The account.
        jid: String,
    },
    /// All accounts; the reply is [`Reply::Accounts`].
    List,
}

/// A question to the plugin that keeps the accounts of a host; the reply is [`Reply::Found`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Lookup {
    /// The id of an account's user at the site that keeps the accounts.
    ExternalId {
        /// The account.
        jid: String,
    },
    /// The account of a site's user.
    ByExternalId {
        /// The domain of the account.
        domain: String,
        /// The user's id on the site.
        external_id: String,
    },
}

/// An account to make, or its new password. Has no `Debug`: passwords do not belong in a log.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The account.
    pub jid: String,
    /// Its password.
    pub password: String,
}

/// An account in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The account.
    pub jid: String,
    /// True: may not log in.
    pub disabled: bool,
    /// When it was made, in seconds since 1970 UTC.
    pub created_at: i64,
}

/// How a command went.
pub(crate) struct Outcome {
    pub(crate) reply: Reply,
    /// The account whose sessions must end.
    pub(crate) ended: Option<BareJid>,
}

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Self {
        Self { reply, ended: None }
    }
}

/// Carries out a command on the accounts of these domains.
pub(crate) async fn execute(
    rosters: &RosterService,
    domains: &[String],
    command: AccountCommand,
) -> Result<Outcome, Failure> {
    let users = Users {
        rosters,
        accounts: rosters.accounts(),
        domains,
    };
    Ok(match command {
        AccountCommand::Add(user) => {
            users.add(&user).await?;
            Reply::Done.into()
        }
        AccountCommand::Import { users: new } => Reply::Imported(users.import(&new).await?).into(),
        AccountCommand::SetPassword(user) => {
            users.set_password(&user).await?;
            Reply::Done.into()
        }
        AccountCommand::Remove { jid } => ended(users.remove(&jid).await?),
        AccountCommand::Disable { jid } => ended(users.set_disabled(&jid, true).await?),
        AccountCommand::Enable { jid } => {
            users.set_disabled(&jid, false).await?;
            Reply::Done.into()
        }
        AccountCommand::List => Reply::Accounts(users.list().await?).into(),
    })
}

fn ended(account: BareJid) -> Outcome {
    Outcome {
        reply: Reply::Done,
        ended: Some(account),
    }
}

struct Users<'a> {
    rosters: &'a RosterService,
    accounts: &'a Accounts,
    domains: &'a [String],
}

impl Users<'_> {
    async fn add(&self, user: &NewUser) -> Result<(), Failure> {
        let jid = self.account(&user.jid)?;
        let domain = jid.domain().as_str();
        if !self.domains.iter().any(|served| served == domain) {
            return Err(Failure::DomainNotServed {
                jid: jid.to_string(),
                domains: self.domains.join(", "),
            });
        }
        let created = self.accounts.create(&jid, &user.password).await;
        self.done(AccountEvent::Registered, &jid, created)
    }

    async fn import(&self, users: &[NewUser]) -> Result<Vec<Option<Failure>>, Failure> {
        if users.len() > MAX_IMPORT {
            return Err(Failure::TooManyAccounts {
                number: users.len(),
                most: MAX_IMPORT,
            });
        }
        let results: Vec<_> = users.iter().map(|user| self.add(user)).collect();
        let results = stream::iter(results).buffered(AT_ONCE);
        Ok(results.map(Result::err).collect().await)
    }

    async fn set_password(&self, user: &NewUser) -> Result<(), Failure> {
        let jid = self.account(&user.jid)?;
        let changed = self.accounts.set_password(&jid, &user.password).await;
        self.done(AccountEvent::PasswordChanged, &jid, changed)
    }

    async fn remove(&self, jid: &str) -> Result<BareJid, Failure> {
        let jid = self.account(jid)?;
        let removed = self.rosters.remove_account(&jid).await;
        self.done(AccountEvent::Removed, &jid, removed)?;
        Ok(jid)
    }

    fn done(
        &self,
        event: AccountEvent,
        jid: &BareJid,
        result: Result<(), AccountError>,
    ) -> Result<(), Failure> {
        result.map_err(|error| about(jid, &error))?;
        self.accounts.announce(event, jid);
        Ok(())
    }

    async fn set_disabled(&self, jid: &str, disabled: bool) -> Result<BareJid, Failure> {
        let jid = self.account(jid)?;
        let changed = self.accounts.set_disabled(&jid, disabled).await;
        if changed.map_err(|error| about(&jid, &error))? {
            let event = if disabled {
                AccountEvent::Disabled
            } else {
                AccountEvent::Enabled
            };
            self.accounts.announce(event, &jid);
        }
        Ok(jid)
    }

    async fn list(&self) -> Result<Vec<User>, Failure> {
        let listed = self.accounts.list(None).await;
        let accounts = listed.map_err(|error| Failure::Unavailable(error.to_string()))?;
        let user = |account: waxwing_storage::AccountSummary| User {
            jid: format!("{}@{}", account.localpart, account.domain),
            disabled: account.disabled,
            created_at: account.created_at,
        };
        Ok(accounts.into_iter().map(user).collect())
    }

    /// The address of an account, served here or not: accounts of a domain that is served no more can still be removed.
    fn account(&self, text: &str) -> Result<BareJid, Failure> {
        let jid = jid::parse_bare(text)
            .ok()
            .filter(|jid| jid.node().is_some());
        let example = self.domains.first().map_or("localhost", String::as_str);
        jid.ok_or_else(|| Failure::NotAnAccount {
            text: text.to_owned(),
            domain: example.to_owned(),
        })
    }
}

fn about(jid: &BareJid, error: &AccountError) -> Failure {
    Failure::Account {
        jid: jid.to_string(),
        reason: error.to_string(),
    }
}
