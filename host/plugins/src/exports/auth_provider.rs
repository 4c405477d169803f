//! The export `auth-provider`: questions about a stream, put to its resource, and changes to accounts.

use std::future::Future;
use std::time::Duration;

use wasmtime::Store;
use wasmtime::component::ResourceAny;
use waxwing_xmpp::error::StanzaError;
use waxwing_xmpp::jid::{self, BareJid};
use waxwing_xmpp::sasl::{Failure, Hash, MAX_ITERATIONS, ScramKeys};

use crate::exports::Call;
use crate::fault::Fault;
use crate::instance::plugin::Plugin;
use crate::instance::state::State;
use crate::instance::store::Instance;
use crate::model::effects::AccountEffect;
use crate::model::interfaces::{Export, Level};
use crate::model::pre_auth_stream::{PreAuthStream, TlsVersion};
use crate::model::provided::Unavailable;
use crate::wit::bindings::exports::waxwing::plugin::auth_provider as wit;
use crate::wit::convert::stanza_error;

pub(crate) use wit::BindReason;

const MAX_SALT: usize = 64;

/// A question about a stream. Where its resource is not there, it is made first.
pub(crate) struct Ask<Q> {
    pub(crate) resource: Option<ResourceAny>,
    pub(crate) on: wit::AuthStream,
    /// The account of a stream that logged in before its resource was lost, and why it was lost.
    pub(crate) bound: Option<(String, BindReason)>,
    /// Resources of streams that ended without `unbind`.
    pub(crate) abandoned: Vec<ResourceAny>,
    pub(crate) question: Q,
}

/// What is asked of a stream's resource.
pub(crate) trait Question: Send + 'static {
    /// The answer, checked.
    type Answer: Send + 'static;

    /// CPU time, the making of the resource included.
    const BUDGET: Duration;

    /// Asks.
    fn ask(
        self,
        guest: wit::GuestStreamAuth<'_>,
        store: &mut Store<State>,
        of: ResourceAny,
    ) -> impl Future<Output = Result<Self::Answer, Fault>> + Send;
}

impl<Q: Question> Call for Ask<Q> {
    type Answer = (ResourceAny, Q::Answer);

    const BUDGET: Duration = Q::BUDGET;
    const LEVEL: Level = Level::Provider;

    fn export(&self) -> Export {
        Export::auth_provider
    }

    async fn make(self, instance: &mut Instance) -> Result<Self::Answer, Fault> {
        instance.begin();
        let Instance { guests, store, .. } = instance;
        for abandoned in self.abandoned {
            abandoned.resource_drop_async(&mut *store).await?;
        }
        let guest = guests.auth_provider()?.stream_auth();
        let resource = if let Some(resource) = self.resource {
            resource
        } else {
            let made = guest.call_constructor(&mut *store, &self.on).await?;
            if let Some((account, reason)) = self.bound {
                guest.call_bind(&mut *store, made, &account, reason).await?;
            }
            made
        };
        let answer = self.question.ask(guest, store, resource).await?;
        Ok((resource, answer))
    }
}

/// What PLAIN brought.
pub(crate) enum Proof {
    Password(String),
    Token(String),
    Cookie(String),
}

/// `check-password`, `check-token` or `check-cookie`.
pub(crate) struct Check {
    pub(crate) host: String,
    pub(crate) username: String,
    pub(crate) proof: Proof,
}

impl Question for Check {
    type Answer = Result<BareJid, Failure>;

    const BUDGET: Duration = Duration::from_millis(50);

    async fn ask(
        self,
        guest: wit::GuestStreamAuth<'_>,
        store: &mut Store<State>,
        of: ResourceAny,
    ) -> Result<Self::Answer, Fault> {
        let user = &self.username;
        let verdict = match &self.proof {
            Proof::Password(password) => guest.call_check_password(store, of, user, password).await,
            Proof::Token(token) => guest.call_check_token(store, of, user, token).await,
            Proof::Cookie(cookie) => guest.call_check_cookie(store, of, user, cookie).await,
        };
        Ok(match verdict? {
            wit::Verdict::Allow(account) => Ok(account_at(&account, &self.host)?),
            wit::Verdict::Refuse(wit::AuthError::NotAuthorized) => Err(Failure::NotAuthorized),
            wit::Verdict::Refuse(wit::AuthError::AccountDisabled) => Err(Failure::AccountDisabled),
            wit::Verdict::Refuse(wit::AuthError::CredentialsExpired) => {
                Err(Failure::CredentialsExpired)
            }
            wit::Verdict::Unavailable => Err(Failure::TemporaryAuthFailure),
        })
    }
}

/// `scram`. None: there is no such user.
pub(crate) struct Scram {
    pub(crate) host: String,
    pub(crate) username: String,
    pub(crate) hash: Hash,
}

impl Question for Scram {
    type Answer = Result<Option<(BareJid, ScramKeys)>, Unavailable>;

    const BUDGET: Duration = Duration::from_millis(50);

    async fn ask(
        self,
        guest: wit::GuestStreamAuth<'_>,
        store: &mut Store<State>,
        of: ResourceAny,
    ) -> Result<Self::Answer, Fault> {
        let hash = match self.hash {
            Hash::Sha1 => wit::ScramHash::Sha1,
            Hash::Sha256 => wit::ScramHash::Sha256,
        };
        let found = guest.call_scram(store, of, &self.username, hash).await?;
        let Ok(found) = found else {
            return Ok(Err(Unavailable));
        };
        let checked = |keys: wit::ScramKeys| {
            let account = account_at(&keys.account, &self.host)?;
            Ok::<_, Fault>((account, scram_keys(keys, self.hash)?))
        };
        Ok(Ok(found.map(checked).transpose()?))
    }
}

/// `bind`, of a stream that has just logged in.
pub(crate) struct Bind(pub(crate) String);

impl Question for Bind {
    type Answer = ();

    const BUDGET: Duration = Duration::from_millis(10);

    async fn ask(
        self,
        guest: wit::GuestStreamAuth<'_>,
        store: &mut Store<State>,
        of: ResourceAny,
    ) -> Result<(), Fault> {
        Ok(guest.call_bind(store, of, &self.0, BindReason::New).await?)
    }
}

/// `unbind`, after which the resource is gone.
pub(crate) struct Unbind;

impl Question for Unbind {
    type Answer = ();

    const BUDGET: Duration = Duration::from_millis(10);

    async fn ask(
        self,
        guest: wit::GuestStreamAuth<'_>,
        store: &mut Store<State>,
        of: ResourceAny,
    ) -> Result<(), Fault> {
        guest.call_unbind(&mut *store, of).await?;
        Ok(of.resource_drop_async(store).await?)
    }
}

/// `valid-contact`.
pub(crate) struct ValidContact(pub(crate) String);

impl Question for ValidContact {
    type Answer = Result<bool, Unavailable>;

    const BUDGET: Duration = Duration::from_millis(10);

    async fn ask(
        self,
        guest: wit::GuestStreamAuth<'_>,
        store: &mut Store<State>,
        of: ResourceAny,
    ) -> Result<Self::Answer, Fault> {
        let valid = guest.call_valid_contact(store, of, &self.0).await?;
        Ok(valid.map_err(|_| Unavailable))
    }
}

/// `create-user`, `change-password` or `delete-user`.
pub(crate) enum Change {
    Create {
        host: String,
        username: String,
        password: String,
    },
    Password {
        account: String,
        password: String,
    },
    Delete {
        account: String,
    },
}

impl From<&AccountEffect> for Change {
    /// The change as the provider of the account's host makes it.
    fn from(effect: &AccountEffect) -> Self {
        match effect {
            AccountEffect::Create { account, password } => Self::Create {
                host: account.domain().to_string(),
                username: account.node().map(ToString::to_string).unwrap_or_default(),
                password: password.clone(),
            },
            AccountEffect::SetPassword { account, password } => Self::Password {
                account: account.to_string(),
                password: password.clone(),
            },
            AccountEffect::Remove { account } => Self::Delete {
                account: account.to_string(),
            },
        }
    }
}

/// Why a provider did not make or change an account.
pub(crate) enum ChangeFailure {
    Taken,
    NoSuchAccount,
    Unavailable,
    Refused(StanzaError),
}

impl Call for Change {
    type Answer = Result<(), ChangeFailure>;

    const BUDGET: Duration = Duration::from_millis(50);
    const LEVEL: Level = Level::Provider;

    fn export(&self) -> Export {
        Export::auth_provider
    }

    async fn make(self, instance: &mut Instance) -> Result<Self::Answer, Fault> {
        instance.begin();
        let Instance { guests, store, .. } = instance;
        let guest = guests.auth_provider()?;
        let changed = match &self {
            Self::Create {
                host,
                username,
                password,
            } => {
                guest
                    .call_create_user(store, host, username, password)
                    .await
            }
            Self::Password { account, password } => {
                guest.call_change_password(store, account, password).await
            }
            Self::Delete { account } => guest.call_delete_user(store, account).await,
        };
        Ok(match changed? {
            Ok(()) => Ok(()),
            Err(wit::ChangeFailure::Taken) => Err(ChangeFailure::Taken),
            Err(wit::ChangeFailure::NoSuchAccount) => Err(ChangeFailure::NoSuchAccount),
            Err(wit::ChangeFailure::Unavailable) => Err(ChangeFailure::Unavailable),
            Err(wit::ChangeFailure::Refused(error)) => {
                Err(ChangeFailure::Refused(stanza_error(error)?))
            }
        })
    }
}

/// `account-of` or `user-of`: who is who.
pub(crate) enum Map {
    AccountOf { host: String, user: String },
    UserOf { account: String },
}

impl Call for Map {
    type Answer = Result<Option<String>, Unavailable>;

    const BUDGET: Duration = Duration::from_millis(10);
    const LEVEL: Level = Level::Provider;

    fn export(&self) -> Export {
        Export::auth_provider
    }

    async fn make(self, instance: &mut Instance) -> Result<Self::Answer, Fault> {
        instance.begin();
        let Instance { guests, store, .. } = instance;
        let guest = guests.auth_provider()?;
        Ok(match &self {
            Self::AccountOf { host, user } => {
                let found = guest.call_account_of(store, host, user).await?;
                let found = found.map_err(|_| Unavailable);
                match found {
                    Ok(Some(account)) => Ok(Some(account_at(&account, host)?.to_string())),
                    other => other,
                }
            }
            Self::UserOf { account } => {
                let found = guest.call_user_of(store, account).await?;
                found.map_err(|_| Unavailable)
            }
        })
    }
}

/// The record of a stream for a provider; the address only with the grant `address`.
pub(crate) fn record(stream: &PreAuthStream, plugin: &Plugin) -> wit::AuthStream {
    let granted = plugin.grants.contains("address");
    wit::AuthStream {
        id: stream.id.clone(),
        host: stream.host.clone(),
        tls: stream.tls.map(|version| match version {
            TlsVersion::Tls12 => wit::TlsVersion::Tls12,
            TlsVersion::Tls13 => wit::TlsVersion::Tls13,
        }),
        loopback: stream.address.is_loopback(),
        transport: if stream.direct_tls {
            wit::Transport::DirectTls
        } else {
            wit::Transport::Starttls
        },
        address: granted.then(|| stream.address.to_string()),
    }
}

/// An account that a provider names, which must be one of the stream's host.
fn account_at(account: &str, host: &str) -> Result<BareJid, Fault> {
    let jid = jid::parse_bare(account)
        .ok()
        .filter(|jid| jid.node().is_some() && jid.domain().as_str() == host);
    jid.ok_or_else(|| Fault::Answer("the account is no bare JID of the stream's host".to_owned()))
}

fn scram_keys(keys: wit::ScramKeys, hash: Hash) -> Result<ScramKeys, Fault> {
    let fits = (1..=MAX_SALT).contains(&keys.salt.len())
        && (1..=MAX_ITERATIONS).contains(&keys.iterations)
        && keys.stored_key.len() == hash.length()
        && keys.server_key.len() == hash.length();
    if !fits {
        return Err(Fault::Answer(
            "the SCRAM keys are not those of the hash".to_owned(),
        ));
    }
    Ok(ScramKeys {
        salt: keys.salt,
        iterations: keys.iterations,
        stored_key: keys.stored_key,
        server_key: keys.server_key,
    })
}
