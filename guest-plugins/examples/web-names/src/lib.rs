//! Logs the users of a web site in under names of their own: the name in an address need not be the name on the site. The
//! client says the name of the address; the password is that of the site's user behind it.
use waxwing_plugin::prelude::*;

struct WebNames {
    users: Vec<User>,
}

struct User {
    /// On the site.
    site: String,
    /// In addresses.
    xmpp: String,
    password: String,
}

impl Plugin for WebNames {
    fn manifest() -> Manifest {
        manifest!("logs the users of a web site in under names of their own")
            .setting(Setting::texts(
                "users",
                "each `SITE-NAME XMPP-NAME PASSWORD`, parted by single spaces",
            ))
            .auth(AuthOffer::new().passwords())
    }

    fn init(_: Scope) -> Result<Self, String> {
        let users = config::texts("users").unwrap_or_default();
        let users = users.iter().enumerate().map(|(index, line)| {
            let mut words = line.splitn(3, ' ').map(str::to_owned);
            match (words.next(), words.next(), words.next()) {
                (Some(site), Some(xmpp), Some(password)) if !password.is_empty() => Ok(User {
                    site,
                    xmpp,
                    password,
                }),
                _ => Err(format!(
                    "users number {index} is not of the form `SITE-NAME XMPP-NAME PASSWORD`"
                )),
            }
        });
        Ok(Self {
            users: users.collect::<Result<_, _>>()?,
        })
    }
}

impl AuthProvider for WebNames {
    /// The host.
    type Stream = String;

    fn stream(&self, on: AuthStream) -> String {
        on.host
    }

    fn check_password(&self, host: &mut String, username: &str, password: &str) -> Login {
        match self.named(username) {
            Some(user) if same(&user.password, password) => {
                Login::Allow(format!("{}@{host}", user.xmpp))
            }
            _ => Login::WRONG,
        }
    }

    fn valid_contact(&self, _: &mut String, contact: &str) -> Result<bool, AuthFailure> {
        Ok(self.named(local(contact)).is_some())
    }

    fn account_of(&self, host: &str, user: &str) -> Result<Option<String>, AuthFailure> {
        let found = self.users.iter().find(|known| known.site == user);
        Ok(found.map(|user| format!("{}@{host}", user.xmpp)))
    }

    fn user_of(&self, account: &str) -> Result<Option<String>, AuthFailure> {
        Ok(self.named(local(account)).map(|user| user.site.clone()))
    }
}

impl WebNames {
    fn named(&self, xmpp: &str) -> Option<&User> {
        let xmpp = xmpp.to_lowercase();
        self.users.iter().find(|user| user.xmpp == xmpp)
    }
}

fn local(account: &str) -> &str {
    account.split('@').next().unwrap_or_default()
}

/// Takes as long however much is right.
fn same(one: &str, other: &str) -> bool {
    let different = one
        .bytes()
        .zip(other.bytes())
        .fold(0, |sum, (a, b)| sum | (a ^ b));
    one.len() == other.len() && different == 0
}

waxwing_plugin::plugin!(WebNames: AuthProvider);

#[cfg(test)]
mod tests;
