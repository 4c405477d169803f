//! Sessions as their providers record them: claims of addresses, presence, and ends.

use std::rc::Rc;
use std::sync::Arc;

use waxwing_xmpp::error::StanzaError;
use waxwing_xmpp::jid::{BareJid, FullJid};

use crate::accounting::trace::About;
use crate::calls::caller::Caller;
use crate::dispatch::dispatcher::Dispatcher;
use crate::dispatch::server_events::PluginEvents;
use crate::dispatch::session_leases::SessionLeases;
use crate::exports::roster_provider::Tell;
use crate::exports::session_provider::{Ask, Resources, What};
use crate::model::effects::failure;
use crate::model::interfaces::Role;
use crate::model::names::{account_of, domain_of};
use crate::model::provided::{Claim, LATE, RecordedSession};

/// The plugin that records the sessions of a host.
#[derive(Clone)]
pub struct SessionProvider {
    dispatcher: Arc<Dispatcher>,
    name: String,
}

impl std::fmt::Debug for SessionProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SessionProvider").field(&self.name).finish()
    }
}

/// Each method gives the error to answer the client with; a provider that fails has recorded nothing.
impl SessionProvider {
    /// A session claims its address. Whatever comes of it, the session has to depart: [`PluginEvents::departed`].
    pub async fn claim(&self, session: &FullJid, id: u64) -> Result<Claim, StanzaError> {
        // A caller that gives up waiting may be bound all the same, and its departure ends that.
        let leases = Arc::clone(&self.dispatcher.leases);
        leases.note(id, |_| ());
        let (name, jid) = (self.name.clone(), session.to_string());
        self.serialized(session, async move |caller| {
            let claim = call_about(&caller, &leases, &name, (jid, id), What::Bind).await;
            if let Ok(Claim::Bound) = claim {
                leases.note(id, |lease| lease.sessions = Some(name));
            }
            claim
        })
        .await
    }

    /// Frees an address of whatever session has it.
    pub async fn release(&self, session: &FullJid) -> Result<(), StanzaError> {
        self.tell(session, 0, What::Release).await
    }

    /// A session is available with that priority and presence, or is not.
    pub async fn presence(
        &self,
        session: &FullJid,
        id: u64,
        available: Option<(i8, String)>,
    ) -> Result<(), StanzaError> {
        self.tell(session, id, What::Presence(available)).await
    }

    /// The sessions of an account.
    pub async fn resources(&self, account: &BareJid) -> Result<Vec<RecordedSession>, StanzaError> {
        let (name, about) = (self.name.clone(), account.to_string());
        self.serialized_about(account.as_str(), async move |caller| {
            let plugin = {
                let now = caller.context.registry.now();
                now.provider(&name, Role::Session).cloned()
            };
            let plugin = plugin.ok_or_else(failure)?;
            let call = Resources(about.clone());
            let host = domain_of(&about);
            let asked = caller.call_within(LATE, &plugin, host, About::Account(&about), call);
            asked.await.unwrap_or_else(|_| Err(failure()))
        })
        .await
    }

    async fn tell(&self, session: &FullJid, id: u64, what: What) -> Result<(), StanzaError> {
        let leases = Arc::clone(&self.dispatcher.leases);
        let (name, jid) = (self.name.clone(), session.to_string());
        let told = self.serialized(session, async move |caller| {
            call_about(&caller, &leases, &name, (jid, id), what).await
        });
        told.await.map(drop)
    }

    async fn serialized<T: Send + 'static>(
        &self,
        session: &FullJid,
        work: impl AsyncFnOnce(Rc<Caller>) -> Result<T, StanzaError> + Send + 'static,
    ) -> Result<T, StanzaError> {
        let account = account_of(session.as_str());
        self.serialized_about(account, work).await
    }

    async fn serialized_about<T: Send + 'static>(
        &self,
        account: &str,
        work: impl AsyncFnOnce(Rc<Caller>) -> Result<T, StanzaError> + Send + 'static,
    ) -> Result<T, StanzaError> {
        let background = &self.dispatcher.background;
        let work = |caller| async move { work(caller).await };
        let queued = background.serialized_by_account(account, &self.name, work);
        match queued {
            Some(answer) => answer.await.unwrap_or_else(|_| Err(failure())),
            None => Err(failure()),
        }
    }
}

impl PluginEvents {
    /// The plugin that records the sessions of a host; none where the server alone does.
    #[must_use]
    pub fn session_provider(&self, host: &str) -> Option<SessionProvider> {
        let dispatcher = self.dispatcher()?;
        let name = {
            let now = dispatcher.context.registry.now();
            let provider = now.providers.at(Role::Session, host)?;
            provider.manifest.name.clone()
        };
        Some(SessionProvider { dispatcher, name })
    }

    /// Whether a plugin records the sessions of a host. A few nanoseconds.
    #[must_use]
    pub fn has_session_provider(&self, host: &str) -> bool {
        self.dispatcher().is_some_and(|dispatcher| {
            let now = dispatcher.context.registry.now();
            now.providers.at(Role::Session, host).is_some()
        })
    }

    /// Whether a provider bound a session, and has its record.
    #[must_use]
    pub fn has_record(&self, provider: &SessionProvider, id: u64) -> bool {
        self.dispatcher().is_some_and(|dispatcher| {
            dispatcher.leases.bound_by(id).as_deref() == Some(provider.name.as_str())
        })
    }

    /// The plugin that bound a session, and has its record; none if none has.
    #[must_use]
    pub fn bound_by(&self, id: u64) -> Option<SessionProvider> {
        let dispatcher = self.dispatcher()?;
        let name = dispatcher.leases.bound_by(id)?;
        Some(SessionProvider { dispatcher, name })
    }

    /// Tells the provider of the host's rosters, if there is one, that a session is bound; returns when it was told.
    pub async fn arrived(&self, session: &FullJid, id: u64) {
        let Some(dispatcher) = self.dispatcher() else {
            return;
        };
        let provider = {
            let now = dispatcher.context.registry.now();
            let provider = now.providers.at(Role::Roster, session.domain().as_str());
            provider.map(|plugin| plugin.manifest.name.clone())
        };
        let Some(name) = provider else { return };
        let jid = session.to_string();
        let account = account_of(&jid).to_owned();
        let lease = name.clone();
        dispatcher
            .leases
            .note(id, |known| known.rosters = Some(lease));
        let sort = name.clone();
        let work =
            async move |caller: Rc<Caller>| tell_rosters(&caller, &name, jid, id, true).await;
        let queued = dispatcher
            .background
            .serialized_by_account(&account, &sort, work);
        if let Some(told) = queued {
            // Only a platform that stops answers nothing.
            drop(told.await);
        }
    }

    /// Tells the providers that know a session that it has ended, after all others were told.
    pub fn departed(&self, session: &FullJid, id: u64) {
        let Some(dispatcher) = self.dispatcher() else {
            return;
        };
        if !dispatcher.leases.end(id) {
            return;
        }
        let jid = session.to_string();
        let account = account_of(&jid).to_owned();
        let leases = Arc::clone(&dispatcher.leases);
        let work = async move |caller: Rc<Caller>| {
            let lease = leases.of(id);
            if let Some(name) = &lease.rosters {
                tell_rosters(&caller, name, jid.clone(), id, false).await;
            }
            if let Some(name) = &lease.sessions {
                drop(call_about(&caller, &leases, name, (jid, id), What::Unbind).await);
            }
            leases.forget(id);
        };
        let queued = dispatcher
            .background
            .serialized_by_account(&account, UNBIND, work);
        if queued.is_none() {
            dispatcher.leases.forget(id);
        }
    }

    /// Waits until the providers know of all ends of this account's sessions so far.
    pub async fn all_departed(&self, account: &str) {
        let Some(dispatcher) = self.dispatcher() else {
            return;
        };
        if dispatcher.leases.is_empty() {
            return;
        }
        let background = &dispatcher.background;
        let passed = background.serialized_by_account(account, UNBIND, async |_| ());
        if let Some(passed) = passed {
            drop(passed.await);
        }
    }
}

/// The sort of background calls about ends of sessions.
const UNBIND: &str = "unbind";

/// Tells a provider of rosters that a session was bound or ended; a provider that does not serve any more is not told.
async fn tell_rosters(caller: &Caller, name: &str, jid: String, id: u64, is_bound: bool) {
    let plugin = {
        let now = caller.context.registry.now();
        now.provider(name, Role::Roster).cloned()
    };
    let Some(plugin) = plugin else { return };
    let about = jid.clone();
    let call = Tell { jid, id, is_bound };
    let told = caller.call_within(
        LATE,
        &plugin,
        domain_of(&about),
        About::Account(&about),
        call,
    );
    // The log has the fault.
    drop(told.await);
}

/// Makes a provider's call about one session. The log has the fault, if there is one.
async fn call_about(
    caller: &Caller,
    leases: &SessionLeases,
    name: &str,
    (jid, id): (String, u64),
    what: What,
) -> Result<Claim, StanzaError> {
    let plugin = {
        let now = caller.context.registry.now();
        now.provider(name, Role::Session).cloned()
    };
    let Some(plugin) = plugin else {
        return match what {
            What::Presence(_) => {
                leases.mark_unrecorded(id);
                Ok(Claim::Bound)
            }
            What::Bind | What::Unbind | What::Release => Err(failure()),
        };
    };
    let about = jid.clone();
    let call = Ask { jid, id, what };
    let host = domain_of(&about);
    let asked = caller.call_within(LATE, &plugin, host, About::Account(&about), call);
    asked.await.unwrap_or_else(|_| Err(failure()))
}
