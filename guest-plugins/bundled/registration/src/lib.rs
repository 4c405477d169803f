//! XEP-0077: In-Band Registration of accounts with the server: creating one before authentication, changing its password
//! and removing it afterwards. Closed until the configuration opens it.
use waxwing_plugin::prelude::*;

mod form;
mod limit;

use form::{Form, REGISTER};
use limit::{PerStream, RateLimit, Taken};

const FEATURE: &str = "http://jabber.org/features/iq-register";

struct Registration {
    open: bool,
    instructions: String,
    limit: Option<RateLimit>,
    per_stream: PerStream,
}

impl Plugin for Registration {
    fn manifest() -> Manifest {
        Manifest::new(
            "registration",
            env!("CARGO_PKG_VERSION"),
            "lets people make, change and remove their accounts",
        )
        .xep(77, "2.4")
        .feature(REGISTER)
        .ask("accounts")
        .ask("address")
        .setting(Setting::boolean("open", "whether anybody may make an account").default("false"))
        .setting(
            Setting::text("instructions", "what the form says to people")
                .default("'Choose a user name and a password for this server.'"),
        )
        .setting(
            Setting::boolean(
                "rate_limit",
                "whether accounts made from one address are limited",
            )
            .default("true"),
        )
        .setting(
            Setting::integer(
                "rate_limit.accounts",
                "accounts that one address may make in a period",
            )
            .default("5"),
        )
        .setting(Setting::integer("rate_limit.seconds", "length of the period").default("3600"))
        .setting(
            Setting::integer(
                "accounts_per_stream",
                "accounts that a client may make on one stream before it logs in",
            )
            .default("1"),
        )
        .pre_auth(REGISTER, "query")
        .iq(IqFilter::any(REGISTER, "query")
            .to_own_server()
            .to_own_account())
    }

    fn init(_: Scope) -> Result<Self, String> {
        Ok(Self {
            open: config::boolean("open").unwrap_or(false),
            instructions: config::text("instructions").unwrap_or_default(),
            limit: RateLimit::configured()?,
            per_stream: PerStream::configured()?,
        })
    }
}

impl PreAuth for Registration {
    fn features(&self, on: &PreAuthStream) -> Vec<Element> {
        if self.open && is_private(on) {
            vec![Element::new("register", FEATURE)]
        } else {
            Vec::new()
        }
    }

    fn handle(&self, on: &PreAuthStream, request: &Stanza) -> Answer {
        if !self.open {
            return Err(StanzaError::new(ErrorCondition::NotAllowed)
                .with_text("registration is closed on this server"));
        }
        if !is_private(on) {
            return Err(StanzaError::new(ErrorCondition::PolicyViolation)
                .of_type(ErrorType::Modify)
                .with_text("registration needs an encrypted stream"));
        }
        let form = Form::read(request)?;
        if request.subtype() == "get" {
            return Ok(Some(form::empty(&self.instructions)));
        }
        if form.remove {
            return Err(ErrorCondition::UnexpectedRequest.into());
        }
        let (username, password) = form.complete()?;
        self.create(on, username, password)
    }
}

impl Registration {
    fn create(&self, on: &PreAuthStream, username: &str, password: &str) -> Answer {
        let mut counted = vec![self.per_stream.take(on)?];
        let created = self.take_from_address(on).and_then(|taken| {
            counted.extend(taken);
            accounts::create(&on.host, username, password).map_err(account_error)
        });
        match created {
            Ok(_) => Ok(None),
            Err(error) => {
                counted.into_iter().for_each(Taken::give_back);
                Err(error)
            }
        }
    }

    fn take_from_address(&self, on: &PreAuthStream) -> Result<Option<Taken>, StanzaError> {
        self.limit.as_ref().map(|limit| limit.take(on)).transpose()
    }
}

impl IqHandler for Registration {
    fn handle(&self, request: &Stanza) -> Answer {
        let Some(account) = request.sender().as_deref().map(bare) else {
            return Err(ErrorCondition::UnexpectedRequest.into());
        };
        let username = account
            .split_once('@')
            .map(|(username, _)| username)
            .unwrap_or_default();
        let form = Form::read(request)?;
        if request.subtype() == "get" {
            return Ok(Some(form::registered(username)));
        }
        if form.remove {
            accounts::remove(&account).map_err(account_error)?;
            return Ok(None);
        }
        change_password(&account, username, &form)
    }
}

/// XEP-0077 §3.3: the user's own name and a new password.
fn change_password(account: &str, username: &str, form: &Form) -> Answer {
    let (Some(named), Some(password)) = (form.username.as_deref(), form.password.as_deref()) else {
        return Err(ErrorCondition::BadRequest.into());
    };
    if prepare::localpart(named.trim()).as_deref() != Some(username) {
        return Err(ErrorCondition::BadRequest.into());
    }
    if password.is_empty() {
        return Ok(None);
    }
    accounts::set_password(account, password).map_err(account_error)?;
    Ok(None)
}

/// Passwords go only over TLS, or stay on this machine.
fn is_private(on: &PreAuthStream) -> bool {
    on.tls.is_some() || on.loopback
}

fn bare(jid: &str) -> String {
    jid.split_once('/').map_or(jid, |(bare, _)| bare).to_owned()
}

/// The errors of XEP-0077 §3 and what other servers answer.
fn account_error(error: accounts::AccountError) -> StanzaError {
    use accounts::AccountError as E;
    match error {
        E::Taken => {
            StanzaError::new(ErrorCondition::Conflict).with_text("That username is already taken.")
        }
        E::InvalidName => {
            StanzaError::new(ErrorCondition::JidMalformed).with_text("this is no valid user name")
        }
        E::InvalidPassword => {
            StanzaError::new(ErrorCondition::NotAcceptable).with_text("this is no valid password")
        }
        E::UnknownHost | E::NoSuchAccount => ErrorCondition::ItemNotFound.into(),
        E::NotGranted | E::NotAllowedInThisCall => ErrorCondition::NotAllowed.into(),
        E::Unavailable => {
            StanzaError::new(ErrorCondition::InternalServerError).of_type(ErrorType::Wait)
        }
    }
}

waxwing_plugin::plugin!(Registration: PreAuth, IqHandler);

#[cfg(test)]
mod tests;
