//! `waxwing user`

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::Value;
use x509_cert::der::DateTime;

use super::{import, listing, password};
use crate::{
    admin::{AccountCommand, AdminClient, AdminError, Lookup, NewUser, Reply, Request},
    config::Config,
};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make an account, or many
    Add(Add),
    /// Remove an account, with everything that is kept of it, and end its sessions
    Remove {
        /// The account, as alice@example.org
        jid: String,
    },
    /// Give an account a new password
    Passwd {
        /// The account, as alice@example.org
        jid: String,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Forbid an account to log in, and end its sessions
    Disable {
        /// The account, as alice@example.org
        jid: String,
    },
    /// Allow an account to log in again
    Enable {
        /// The account, as alice@example.org
        jid: String,
    },
    /// Print the id that an account's user has on the site that keeps the accounts
    ExternalId {
        /// The account, as alice@example.org
        jid: String,
    },
    /// Print the account that a user of such a site has
    Find {
        /// The user's id on the site
        #[arg(long, value_name = "ID")]
        external_id: String,
        /// The account's domain
        domain: String,
    },
    /// The old name of `external-id`
    #[command(hide = true)]
    Behind {
        /// The account, as alice@example.org
        jid: String,
    },
    /// The old name of `find`
    #[command(hide = true)]
    OfSite {
        /// The user's id on the site
        user: String,
        /// The account's domain
        domain: String,
    },
    /// List all accounts
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(super) struct Add {
    /// The account, as alice@example.org
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    jid: Option<String>,
    /// Read the password from standard input
    #[arg(long, conflicts_with = "from")]
    password_stdin: bool,
    /// Make an account for each line `jid<TAB>password` of a file
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

pub(super) fn execute(command: &Command, config: &Config) -> anyhow::Result<()> {
    let request = match command {
        Command::Add(Add {
            from: Some(file), ..
        }) => return import::execute(file, config),
        Command::Add(add) => AccountCommand::Add(credentials(
            add.jid.as_deref().unwrap_or_default(),
            add.password_stdin,
        )?),
        Command::Passwd {
            jid,
            password_stdin,
        } => AccountCommand::SetPassword(credentials(jid, *password_stdin)?),
        Command::Remove { jid } => AccountCommand::Remove { jid: jid.clone() },
        Command::Disable { jid } => AccountCommand::Disable { jid: jid.clone() },
        Command::Enable { jid } => AccountCommand::Enable { jid: jid.clone() },
        Command::ExternalId { jid } => return external_id(jid, config),
        Command::Behind { jid } => {
            super::warn("`user behind` is now `user external-id`");
            return external_id(jid, config);
        }
        Command::Find {
            external_id,
            domain,
        } => return find(external_id, domain, config),
        Command::OfSite { user, domain } => {
            super::warn("`user of-site` is now `user find --external-id`");
            return find(user, domain, config);
        }
        Command::List { json } => return list(*json, config),
    };
    AdminClient::open(config)?.call(Request::Account(request))?;
    Ok(())
}

fn external_id(jid: &str, config: &Config) -> anyhow::Result<()> {
    let jid = jid.to_owned();
    look_up(Lookup::ExternalId { jid }, config)
}

fn find(external_id: &str, domain: &str, config: &Config) -> anyhow::Result<()> {
    let (external_id, domain) = (external_id.to_owned(), domain.to_owned());
    let lookup = Lookup::ByExternalId {
        domain,
        external_id,
    };
    look_up(lookup, config)
}

/// Prints what was looked up; that there is nothing is an error.
fn look_up(lookup: Lookup, config: &Config) -> anyhow::Result<()> {
    let Reply::Found(found) = AdminClient::open(config)?.call(Request::Lookup(lookup))? else {
        return Err(AdminError::Unexpected.into());
    };
    super::say(&found.context("no plugin that keeps accounts knows of such a user")?)?;
    Ok(())
}

fn list(json: bool, config: &Config) -> anyhow::Result<()> {
    let command = Request::Account(AccountCommand::List);
    let Reply::Accounts(users) = AdminClient::open(config)?.call(command)? else {
        return Err(AdminError::Unexpected.into());
    };
    let mut list = serde_json::to_value(users)?;
    if !json {
        add_dates(&mut list);
    }
    listing::print(&list, json, &["jid", "disabled", "created"])
}

/// Adds to each account of a listing the time of its making as people write it.
fn add_dates(list: &mut Value) {
    for user in list
        .as_array_mut()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        let seconds = user.get("created_at").and_then(Value::as_u64).unwrap_or(0);
        if let Ok(date) = DateTime::from_unix_duration(Duration::from_secs(seconds)) {
            user.insert("created".to_owned(), date.to_string().into());
        }
    }
}

fn credentials(jid: &str, password_stdin: bool) -> anyhow::Result<NewUser> {
    Ok(NewUser {
        jid: jid.to_owned(),
        password: password::read(jid, password_stdin)?,
    })
}
