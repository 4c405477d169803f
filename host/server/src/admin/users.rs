//! The commands on accounts, alike for a running server and a stopped one.

use futures_util::{StreamExt, stream};
use serde_json::Value;
use waxwing_plugins::AccountEvent;
use waxwing_xmpp::jid::{self, BareJid};

use super::protocol::{MAX_IMPORT, NewUser, Request, User};
use crate::accounts::{AccountError, Accounts};
use crate::roster::RosterService;

/// Accounts of an import that are made at once: enough to keep the hashing threads busy and to share commits.
const AT_ONCE: usize = 16;

/// How a command went. Errors are one line for the operator.
pub(super) struct Outcome {
    pub(super) answer: Value,
    /// The account whose sessions must end.
    pub(super) ended: Option<BareJid>,
}

impl From<Value> for Outcome {
    fn from(answer: Value) -> Self {
        Self {
            answer,
            ended: None,
        }
    }
}

/// Carries out a command on accounts; `None` if it is about something else.
pub(super) async fn execute(
    contacts: &RosterService,
    domains: &[String],
    request: &Request,
) -> Option<Result<Outcome, String>> {
    let accounts = contacts.accounts();
    let users = Users {
        contacts,
        accounts,
        domains,
    };
    Some(match request {
        Request::UserAdd(user) => users.add(user).await.map(|()| Value::Null.into()),
        Request::UserImport { users: new } => users.import(new).await.map(Outcome::from),
        Request::UserPasswd(user) => users.passwd(user).await.map(|()| Value::Null.into()),
        Request::UserRemove { jid } => users.remove(jid).await.map(ended),
        Request::UserDisable { jid } => users.set_disabled(jid, true).await.map(ended),
        Request::UserEnable { jid } => users
            .set_disabled(jid, false)
            .await
            .map(|_| Value::Null.into()),
        Request::UserList {} => users.list().await.map(Outcome::from),
        Request::UserBehind { .. }
        | Request::UserOfSite { .. }
        | Request::PluginList {}
        | Request::PluginStats { .. }
        | Request::PluginTrace { .. }
        | Request::PluginReload { .. }
        | Request::PluginEnable { .. }
        | Request::PluginDisable { .. }
        | Request::PluginGrant { .. } => return None,
    })
}

fn ended(account: BareJid) -> Outcome {
    Outcome {
        answer: Value::Null,
        ended: Some(account),
    }
}

struct Users<'a> {
    contacts: &'a RosterService,
    accounts: &'a Accounts,
    domains: &'a [String],
}

impl Users<'_> {
    async fn add(&self, user: &NewUser) -> Result<(), String> {
        let jid = self.account(&user.jid)?;
        if !self
            .domains
            .iter()
            .any(|domain| domain == jid.domain().as_str())
        {
            let domains = self.domains.join(", ");
            return Err(format!(
                "{jid}: the domain is not served here; these are: {domains}"
            ));
        }
        let created = self.accounts.create(&jid, &user.password).await;
        self.done(AccountEvent::Registered, &jid, created)
    }

    async fn import(&self, users: &[NewUser]) -> Result<Value, String> {
        if users.len() > MAX_IMPORT {
            return Err(format!(
                "{} accounts at once are more than {MAX_IMPORT}",
                users.len()
            ));
        }
        let results: Vec<_> = users.iter().map(|user| self.add(user)).collect();
        let results = stream::iter(results).buffered(AT_ONCE);
        let results = results.map(|result| result.map_or_else(Value::String, |()| Value::Null));
        let results: Vec<Value> = results.collect().await;
        Ok(Value::Array(results))
    }

    async fn passwd(&self, user: &NewUser) -> Result<(), String> {
        let jid = self.account(&user.jid)?;
        let changed = self.accounts.set_password(&jid, &user.password).await;
        self.done(AccountEvent::PasswordChanged, &jid, changed)
    }

    async fn remove(&self, jid: &str) -> Result<BareJid, String> {
        let jid = self.account(jid)?;
        let removed = self.contacts.remove_account(&jid).await;
        self.done(AccountEvent::Removed, &jid, removed)?;
        Ok(jid)
    }

    fn done(
        &self,
        event: AccountEvent,
        jid: &BareJid,
        result: Result<(), AccountError>,
    ) -> Result<(), String> {
        result.map_err(|error| about(jid, &error))?;
        self.accounts.announce(event, jid);
        Ok(())
    }

    async fn set_disabled(&self, jid: &str, disabled: bool) -> Result<BareJid, String> {
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

    async fn list(&self) -> Result<Value, String> {
        let accounts = self
            .accounts
            .list(None)
            .await
            .map_err(|error| error.to_string())?;
        let user = |account: waxwing_storage::AccountSummary| User {
            jid: format!("{}@{}", account.localpart, account.domain),
            disabled: account.disabled,
            created_at: account.created_at,
        };
        let users: Vec<User> = accounts.into_iter().map(user).collect();
        serde_json::to_value(users).map_err(|error| error.to_string())
    }

    /// The address of an account, served here or not: accounts of a domain that is served no more can still be removed.
    fn account(&self, text: &str) -> Result<BareJid, String> {
        let jid = jid::parse_bare(text)
            .ok()
            .filter(|jid| jid.node().is_some());
        let example = self.domains.first().map_or("localhost", String::as_str);
        jid.ok_or_else(|| format!("`{text}` is not an account such as alice@{example}"))
    }
}

fn about(jid: &BareJid, error: &AccountError) -> String {
    format!("{jid}: {error}")
}
