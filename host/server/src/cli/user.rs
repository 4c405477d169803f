//! `waxwing user`

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::Value;
use x509_cert::der::DateTime;

use super::{import, listing, password};
use crate::{
    admin::{AdminClient, NewUser, Request},
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
    /// Print the name that the user behind an account has on the site that keeps the accounts
    Behind {
        /// The account, as alice@example.org
        jid: String,
    },
    /// Print the account that a user of such a site has
    OfSite {
        /// The user's name on the site
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
        Command::Add(add) => Request::UserAdd(credentials(
            add.jid.as_deref().unwrap_or_default(),
            add.password_stdin,
        )?),
        Command::Passwd {
            jid,
            password_stdin,
        } => Request::UserPasswd(credentials(jid, *password_stdin)?),
        Command::Remove { jid } => Request::UserRemove { jid: jid.clone() },
        Command::Disable { jid } => Request::UserDisable { jid: jid.clone() },
        Command::Enable { jid } => Request::UserEnable { jid: jid.clone() },
        Command::Behind { jid } => {
            let request = Request::UserBehind { jid: jid.clone() };
            return name(&AdminClient::open(config)?.call(&request)?);
        }
        Command::OfSite { user, domain } => {
            let (user, domain) = (user.clone(), domain.clone());
            let request = Request::UserOfSite { domain, user };
            return name(&AdminClient::open(config)?.call(&request)?);
        }
        Command::List { json } => {
            let mut list = AdminClient::open(config)?.call(&Request::UserList {})?;
            if !json {
                add_dates(&mut list);
            }
            return listing::print(&list, *json, &["jid", "disabled", "created"]);
        }
    };
    AdminClient::open(config)?.call(&request)?;
    Ok(())
}

/// Prints a name; that there is none is an error.
fn name(answer: &Value) -> anyhow::Result<()> {
    let name = answer.as_str();
    super::say(name.context("no plugin that keeps accounts knows of such a user")?)?;
    Ok(())
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
