//! The server that scripts are run against, and its accounts.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::sync::Mutex;

use super::script::AccountName;
use crate::client::login::{mechanisms, password_of};
use crate::client::sasl::{Binding, Mechanism};
use crate::peers::register_request;
use crate::server::Settings;
use crate::tls::Version;
use crate::{Client, Element, Login, PATIENCE, Server};

/// Where scripts get their accounts from.
#[derive(Debug)]
pub enum Accounts {
    /// Each is registered in-band (XEP-0077), under a name that nobody had.
    InBand,
    /// These, local part and password, on the first domain. What is in their rosters is removed first.
    Listed(Mutex<Vec<(String, String)>>),
}

/// A server.
#[derive(Debug)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its domain.
    pub domain: String,
    /// A second domain of the same server, by the same listener.
    pub other: Option<String>,
    /// With STARTTLS, by which version of TLS.
    pub starttls: Option<Version>,
    /// Its accounts.
    pub accounts: Accounts,
    /// How long it may take to send what is expected.
    pub patience: Duration,
}

/// An account for one script.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) user: String,
    pub(super) password: String,
    pub(super) domain: String,
}

impl Account {
    pub(super) fn jid(&self) -> String {
        format!("{}@{}", self.user, self.domain)
    }
}

/// Names are not used twice, in this run or, most likely, in another.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl Target {
    /// A server that a test has started with [`Target::settings`].
    pub fn started(server: &Server) -> Result<Self> {
        Ok(Self {
            address: server.address("c2s")?,
            domain: "localhost".to_owned(),
            other: Some("other.localhost".to_owned()),
            starttls: None,
            accounts: Accounts::InBand,
            patience: PATIENCE,
        })
    }

    /// How such a server is set up: plain TCP, open registration, a second domain.
    #[must_use]
    pub fn settings() -> Settings {
        let settings = Settings::new().plain();
        settings.config("[[host]]\ndomain = \"other.localhost\"")
    }

    /// An account for a script: a new one, or one from the list with an empty roster.
    pub(super) async fn account(&self, wanted: &AccountName) -> Result<Account> {
        let domain = match (&self.other, wanted.at_other) {
            (Some(other), true) => other.clone(),
            (None, true) => bail!("the server has no second domain"),
            (_, false) => self.domain.clone(),
        };
        match &self.accounts {
            Accounts::InBand => self.register(&wanted.name, domain).await,
            Accounts::Listed(free) => {
                ensure!(!wanted.at_other, "there are no accounts at a second domain");
                let taken = free.lock().await.pop();
                let (user, password) =
                    taken.context("the script needs more accounts than there are")?;
                let account = Account {
                    user,
                    password,
                    domain,
                };
                self.empty(&account).await?;
                Ok(account)
            }
        }
    }

    /// Takes accounts back that a script is done with.
    pub(super) async fn give_back(&self, accounts: impl Iterator<Item = Account>) {
        if let Accounts::Listed(free) = &self.accounts {
            let accounts = accounts.map(|account| (account.user, account.password));
            free.lock().await.extend(accounts);
        }
    }

    async fn register(&self, name: &str, domain: String) -> Result<Account> {
        let mut random = [0; 4];
        getrandom::fill(&mut random)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let user = format!("{name}-{:08x}-{number}", u32::from_be_bytes(random));
        let password = password_of(&user);
        let mut client = Client::connect(self.address).await?;
        client.open_secure(&domain, self.starttls).await?;
        let request = register_request(&user, &password);
        let answer = client.iq("set", &domain, &request).await?;
        ensure!(
            answer.attr("type") == Some("result"),
            "cannot register {user}: {answer}"
        );
        client.close().await?;
        Ok(Account {
            user,
            password,
            domain,
        })
    }

    /// Logs in, without a resource yet; returns the features that are offered then.
    pub(super) async fn log_in(&self, account: &Account) -> Result<(Client, Element)> {
        let mut client = Client::connect(self.address).await?;
        let features = client.open_secure(&account.domain, self.starttls).await?;
        let login = Login {
            user: account.user.clone(),
            password: account.password.clone(),
            domain: account.domain.clone(),
            resource: None,
            mechanism: best(&features)?,
            starttls: self.starttls,
        };
        client
            .authenticate(&login)
            .await?
            .map_err(|condition| anyhow::anyhow!("{} cannot log in: {condition}", account.user))?;
        let (_, features) = client.open(&account.domain).await?;
        Ok((client, features))
    }

    /// Removes every item of a roster, and lets messages that wait go by.
    async fn empty(&self, account: &Account) -> Result<()> {
        let (mut client, _) = self.log_in(account).await?;
        client.bind(None).await?;
        let roster = client
            .iq("get", "", "<query xmlns='jabber:iq:roster'/>")
            .await?;
        client.send("<presence/>").await?;
        let items = roster
            .children
            .first()
            .map(|query| query.children.as_slice());
        for item in items.unwrap_or_default() {
            let jid = crate::xml::escape(item.attr("jid").unwrap_or_default());
            let remove = format!(
                "<query xmlns='jabber:iq:roster'><item jid='{jid}' subscription='remove'/></query>"
            );
            client.iq("set", "", &remove).await?;
        }
        client.close().await.map(drop)
    }
}

/// The best mechanism that is offered and known here.
fn best(features: &Element) -> Result<Mechanism> {
    let offered = mechanisms(features);
    [
        Mechanism::ScramSha256(Binding::None),
        Mechanism::ScramSha1(Binding::None),
        Mechanism::Plain,
    ]
    .into_iter()
    .find(|mechanism| offered.iter().any(|name| name == mechanism.name()))
    .with_context(|| format!("no mechanism that is known here is offered: {features}"))
}
