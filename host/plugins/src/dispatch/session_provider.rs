//! Sessions as their providers know them: who bound one, or was told that one came, is told once that it is gone.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use waxwing_xmpp::error::StanzaError;
use waxwing_xmpp::jid::{BareJid, FullJid};

use crate::accounting::trace::{About, account_of};
use crate::calls::caller::Caller;
use crate::calls::context::Shared;
use crate::dispatch::server_events::Inlet;
use crate::exports::roster_provider::Tell;
use crate::exports::session_provider::{Ask, Resources, What};
use crate::instance::plugin::Plugin;
use crate::model::effects::failure;
use crate::registry::providers::Role;

/// The sessions that providers were told of, by the sessions' ids.
#[derive(Default)]
pub(crate) struct Tenants {
    known: Mutex<HashMap<u64, Tenant>>,
    /// One of them has gone, and its providers know.
    gone: Notify,
}

/// The names of the plugins that were told of a session.
#[derive(Clone, Default)]
struct Tenant {
    sessions: Option<String>,
    rosters: Option<String>,
    /// Its provider of sessions was not there when it said something: from then on the server's own record counts.
    strayed: bool,
    /// It has ended, and they are being told.
    leaves: bool,
}

/// What became of a claim to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Claim {
    /// It is the session's.
    Bound,
    /// Somebody has it.
    InUse,
}

/// A session as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedSession {
    /// The resource.
    pub resource: String,
    /// The priority of its presence, if it is an available resource.
    pub priority: Option<i8>,
}

impl Tenants {
    /// Waits until no provider is left to be told of an end.
    pub(crate) async fn all_gone(&self) {
        loop {
            let told = self.gone.notified();
            if !self.known.lock().values().any(|tenant| tenant.leaves) {
                return;
            }
            told.await;
        }
    }

    fn note(&self, id: u64, note: impl FnOnce(&mut Tenant)) {
        note(self.known.lock().entry(id).or_default());
    }

    /// Who bound a session, and has its record.
    fn bound_by(&self, id: u64) -> Option<String> {
        let known = self.known.lock();
        let tenant = known.get(&id)?;
        let has_record = !tenant.leaves && !tenant.strayed;
        tenant.sessions.clone().filter(|_| has_record)
    }

    /// Notes that what a session says of itself is not recorded by who bound it.
    fn stray(&self, id: u64) {
        if let Some(tenant) = self.known.lock().get_mut(&id) {
            tenant.strayed = true;
        }
    }

    /// Notes that a session ends. True once, if anybody may have to be told.
    fn leave(&self, id: u64) -> bool {
        let mut known = self.known.lock();
        if known.is_empty() {
            return false;
        }
        let tenant = known.get_mut(&id).filter(|tenant| !tenant.leaves);
        tenant.is_some_and(|tenant| {
            tenant.leaves = true;
            true
        })
    }

    fn of(&self, id: u64) -> Tenant {
        self.known.lock().get(&id).cloned().unwrap_or_default()
    }

    fn forget(&self, id: u64) {
        self.known.lock().remove(&id);
        self.gone.notify_waiters();
    }
}

/// The plugin that records the sessions of a host.
#[derive(Clone)]
pub struct SessionProvider {
    shared: Arc<Shared>,
    name: String,
}

impl std::fmt::Debug for SessionProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SessionProvider").field(&self.name).finish()
    }
}

/// Each gives the error for whoever waits; a provider that fails has recorded nothing.
impl SessionProvider {
    /// A session claims its address. Whatever comes of it, the session has to depart: [`Inlet::departed`].
    pub async fn claim(&self, session: &FullJid, id: u64) -> Result<Claim, StanzaError> {
        // Who gives up waiting may be bound all the same, and its departure ends that.
        self.shared.tenants.note(id, |_| ());
        let (name, jid) = (self.name.clone(), session.to_string());
        let account = account_of(&jid).to_owned();
        let asks = &self.shared.asks;
        let asked = asks.in_turn(&account, &name.clone(), async move |caller| {
            let claim = caller.ask_of(&name, jid, id, What::Bind).await;
            if let Ok(Claim::Bound) = claim {
                let bound = |tenant: &mut Tenant| tenant.sessions = Some(name);
                caller.shared.tenants.note(id, bound);
            }
            claim
        });
        asked.await.unwrap_or_else(|_| Err(failure()))
    }

    /// Frees an address of whoever has it.
    pub async fn release(&self, session: &FullJid) -> Result<(), StanzaError> {
        self.ask(session, 0, What::Release).await
    }

    /// A session is available with that priority and presence, or is not.
    pub async fn presence(
        &self,
        session: &FullJid,
        id: u64,
        available: Option<(i8, String)>,
    ) -> Result<(), StanzaError> {
        self.ask(session, id, What::Presence(available)).await
    }

    /// The sessions of an account.
    pub async fn resources(&self, account: &BareJid) -> Result<Vec<RecordedSession>, StanzaError> {
        let (name, account) = (self.name.clone(), account.to_string());
        let asks = &self.shared.asks;
        let asked = asks.in_turn(&account.clone(), &name.clone(), async move |caller| {
            let Some(plugin) = caller.shared.provider(&name, Role::Sessions) else {
                return Err(failure());
            };
            let call = Resources(account.clone());
            let about = About::Account(&account);
            let asked = caller.ask_provider(&plugin, domain(&account), about, call);
            asked.await.unwrap_or_else(|_| Err(failure()))
        });
        asked.await.unwrap_or_else(|_| Err(failure()))
    }

    async fn ask(&self, session: &FullJid, id: u64, what: What) -> Result<(), StanzaError> {
        let (name, jid) = (self.name.clone(), session.to_string());
        let account = account_of(&jid).to_owned();
        let asks = &self.shared.asks;
        let asked = asks.in_turn(&account, &name.clone(), async move |caller| {
            caller.ask_of(&name, jid, id, what).await
        });
        asked.await.unwrap_or_else(|_| Err(failure())).map(drop)
    }
}

impl Inlet {
    /// The plugin that records the sessions of a host; none where the server alone does.
    #[must_use]
    pub fn session_provider(&self, host: &str) -> Option<SessionProvider> {
        let shared = self.shared()?;
        let name = {
            let now = shared.registry.now();
            now.providers
                .at(Role::Sessions, host)?
                .manifest
                .name
                .clone()
        };
        Some(SessionProvider { shared, name })
    }

    /// Whether a plugin records the sessions of a host. A few nanoseconds.
    #[must_use]
    pub fn has_session_provider(&self, host: &str) -> bool {
        self.shared().is_some_and(|shared| {
            let now = shared.registry.now();
            now.providers.at(Role::Sessions, host).is_some()
        })
    }

    /// Whether a provider bound a session, and has its record.
    #[must_use]
    pub fn has_record(&self, provider: &SessionProvider, id: u64) -> bool {
        self.shared().is_some_and(|shared| {
            shared.tenants.bound_by(id).as_deref() == Some(provider.name.as_str())
        })
    }

    /// The plugin that bound a session, and has its record; none if none has.
    #[must_use]
    pub fn bound_by(&self, id: u64) -> Option<SessionProvider> {
        let shared = self.shared()?;
        let name = shared.tenants.bound_by(id)?;
        Some(SessionProvider { shared, name })
    }

    /// Tells the provider of the host's rosters, if there is one, that a session is bound; returns when it knows.
    pub async fn arrived(&self, session: &FullJid, id: u64) {
        let Some(shared) = self.shared() else { return };
        let provider = {
            let now = shared.registry.now();
            let provider = now.providers.at(Role::Rosters, session.domain().as_str());
            provider.map(|plugin| plugin.manifest.name.clone())
        };
        let Some(name) = provider else { return };
        let jid = session.to_string();
        let account = account_of(&jid).to_owned();
        shared
            .tenants
            .note(id, |tenant| tenant.rosters = Some(name.clone()));
        let told = shared
            .asks
            .in_turn(&account, &name.clone(), async move |caller| {
                caller.tell_rosters(&name, jid, id, true).await;
            });
        // Only a platform that stops answers nothing.
        drop(told.await);
    }

    /// Tells the providers that know a session that it has ended, after everybody else was told.
    pub fn departed(&self, session: &FullJid, id: u64) {
        let Some(shared) = self.shared() else { return };
        if !shared.tenants.leave(id) {
            return;
        }
        let jid = session.to_string();
        let account = account_of(&jid).to_owned();
        let told = shared
            .asks
            .in_turn(&account, "unbind", async move |caller| {
                let tenant = caller.shared.tenants.of(id);
                if let Some(name) = &tenant.rosters {
                    caller.tell_rosters(name, jid.clone(), id, false).await;
                }
                if let Some(name) = &tenant.sessions {
                    drop(caller.ask_of(name, jid, id, What::Unbind).await);
                }
                caller.shared.tenants.forget(id);
            });
        drop(told);
    }

    /// Waits until the providers know of all ends of this account's sessions so far.
    pub async fn all_departed(&self, account: &str) {
        let Some(shared) = self.shared() else { return };
        if shared.tenants.known.lock().is_empty() {
            return;
        }
        let passed = shared.asks.in_turn(account, "unbind", async |_| ());
        drop(passed.await);
    }
}

impl Caller {
    /// Tells a provider of rosters that a session came or went; one that is gone itself need not know.
    async fn tell_rosters(&self, name: &str, jid: String, id: u64, is_bound: bool) {
        let Some(plugin) = self.shared.provider(name, Role::Rosters) else {
            return;
        };
        let about = jid.clone();
        let call = Tell { jid, id, is_bound };
        let told = self.ask_provider(&plugin, domain(&about), About::Account(&about), call);
        // The log has the fault.
        drop(told.await);
    }

    /// Asks or tells a provider of sessions something of one session. The log has the fault, if there is one.
    async fn ask_of(
        &self,
        name: &str,
        jid: String,
        id: u64,
        what: What,
    ) -> Result<Claim, StanzaError> {
        let Some(plugin) = self.shared.provider(name, Role::Sessions) else {
            return match what {
                What::Presence(_) => {
                    self.shared.tenants.stray(id);
                    Ok(Claim::Bound)
                }
                What::Bind | What::Unbind | What::Release => Err(failure()),
            };
        };
        let about = jid.clone();
        let call = Ask { jid, id, what };
        let asked = self.ask_provider(&plugin, domain(&about), About::Account(&about), call);
        asked.await.unwrap_or_else(|_| Err(failure()))
    }
}

/// The domain in a JID's text.
fn domain(jid: &str) -> &str {
    let account = account_of(jid);
    account
        .split_once('@')
        .map_or(account, |(_, domain)| domain)
}

impl Shared {
    /// A plugin that may serve in that role, in the version that serves now.
    fn provider(&self, name: &str, role: Role) -> Option<Arc<Plugin>> {
        let now = self.registry.now();
        let plugin = now.plugin(name)?;
        plugin.priority_as(role).map(|_| Arc::clone(plugin))
    }
}
