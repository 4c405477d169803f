//! Who stores which session has which address: the router, or the host's session provider. The router always owns the connections: a
//! session that is stored and not connected gets nothing.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use async_trait::async_trait;
use waxwing_plugins::{Claim, RecordedSession, SessionProvider};
use waxwing_xmpp::{
    error::{Condition, StanzaError},
    jid::{self, BareJid, FullJid, Jid},
    stanza::Stanza,
    stream::random_resource,
};

use super::{Registration, Router};
use crate::{
    accounts::secret,
    config::ResourceConflict,
    delivery::{address::account_of, mailbox::End, session_handle::SessionHandle},
};

/// Claims of one newcomer: as it wished, once more when the address was freed or with another name, and once with any.
const ATTEMPTS: u32 = 3;

/// Stores the bindings of sessions. An error has stored nothing, and is for the client that binds.
#[async_trait]
pub(crate) trait SessionStore: Send + Sync {
    /// A session claims its address.
    async fn claim(&self, session: &FullJid, id: u64) -> Result<Claim, StanzaError>;

    /// Frees an address of whoever has it, for a newcomer.
    async fn release(&self, session: &FullJid) -> Result<(), StanzaError>;

    /// A session is available with that priority and presence, or is not.
    async fn presence(
        &self,
        session: &FullJid,
        id: u64,
        available: Option<(i8, String)>,
    ) -> Result<(), StanzaError>;

    /// The sessions of an account.
    async fn resources(&self, account: &BareJid) -> Result<Vec<RecordedSession>, StanzaError>;
}

/// The registry records what it has itself: of a session that is there everything stands in its handle.
#[async_trait]
impl SessionStore for Arc<Router> {
    async fn claim(&self, session: &FullJid, _: u64) -> Result<Claim, StanzaError> {
        let is_there = self.find(&Jid::from(session.clone())).is_some();
        Ok(if is_there { Claim::InUse } else { Claim::Bound })
    }

    async fn release(&self, session: &FullJid) -> Result<(), StanzaError> {
        self.end_session(&Jid::from(session.clone()), End::Conflict);
        Ok(())
    }

    async fn presence(
        &self,
        _: &FullJid,
        _: u64,
        _: Option<(i8, String)>,
    ) -> Result<(), StanzaError> {
        Ok(())
    }

    async fn resources(&self, account: &BareJid) -> Result<Vec<RecordedSession>, StanzaError> {
        let sessions = self.sessions(account).into_iter();
        Ok(sessions
            .map(|(jid, priority)| RecordedSession {
                resource: jid.resource().to_string(),
                priority,
            })
            .collect())
    }
}

#[async_trait]
impl SessionStore for SessionProvider {
    async fn claim(&self, session: &FullJid, id: u64) -> Result<Claim, StanzaError> {
        Self::claim(self, session, id).await
    }

    async fn release(&self, session: &FullJid) -> Result<(), StanzaError> {
        Self::release(self, session).await
    }

    async fn presence(
        &self,
        session: &FullJid,
        id: u64,
        available: Option<(i8, String)>,
    ) -> Result<(), StanzaError> {
        Self::presence(self, session, id, available).await
    }

    async fn resources(&self, account: &BareJid) -> Result<Vec<RecordedSession>, StanzaError> {
        Self::resources(self, account).await
    }
}

/// The priorities of an account's sessions by resource, as its provider has them.
pub(crate) type RecordedPriorities = HashMap<String, Option<i8>>;

/// A session that claims its address. Unless it enters, its claim is given up.
struct Newcomer {
    router: Arc<Router>,
    handle: Option<Arc<SessionHandle>>,
}

impl Newcomer {
    /// Enters; `None`: another session has the address, and keeps it.
    fn enter(&mut self, replaces: bool) -> Result<Option<Registration>, StanzaError> {
        let Some(handle) = &self.handle else {
            return Ok(None);
        };
        let entered = self.router.enter(handle, replaces)?;
        if entered.is_some() {
            // The registration sees to its end.
            self.handle = None;
        }
        Ok(entered)
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            self.router.inlet.departed(&handle.jid, handle.id);
        }
    }
}

impl Router {
    /// Binds a resource, a random one if none is wished. What becomes of a session that has it is the host's to say (RFC 6120
    /// §7.7.2.2), whether the server or a plugin records who has what.
    pub(crate) async fn bind(
        self: &Arc<Self>,
        bare: &BareJid,
        wished: Option<&str>,
    ) -> Result<Registration, StanzaError> {
        let store: Box<dyn SessionStore> = match self.inlet.session_provider(bare.domain().as_str())
        {
            Some(provider) => Box::new(provider),
            None => Box::new(Arc::clone(self)),
        };
        let policy = self.policy(bare);
        let mut newcomer = self.newcomer(bare, wished)?;
        for attempt in 0..ATTEMPTS {
            let Some(handle) = newcomer.handle.clone() else {
                break;
            };
            let claim = store.claim(&handle.jid, handle.id).await?;
            if claim == Claim::Bound {
                let replaces = policy == ResourceConflict::ReplaceOld;
                if let Some(registration) = newcomer.enter(replaces)? {
                    return Ok(registration);
                }
            }
            match policy {
                ResourceConflict::ReplaceOld if attempt == 0 => {
                    store.release(&handle.jid).await?;
                }
                ResourceConflict::Refuse | ResourceConflict::ReplaceOld => break,
                ResourceConflict::Rename => {
                    let renamed = Self::renamed(bare, wished.filter(|_| attempt == 0));
                    newcomer = self.newcomer(bare, renamed.as_deref())?;
                }
            }
        }
        Err(StanzaError::new(Condition::Conflict))
    }

    fn newcomer(
        self: &Arc<Self>,
        bare: &BareJid,
        wished: Option<&str>,
    ) -> Result<Newcomer, StanzaError> {
        Ok(Newcomer {
            router: Arc::clone(self),
            handle: Some(self.handle_for(bare, wished)?),
        })
    }

    /// The wished resource with something random behind it; `None` for one that is all random.
    fn renamed(bare: &BareJid, wished: Option<&str>) -> Option<String> {
        let renamed = format!("{} {}", wished?, random_resource(secret::random));
        jid::with_resource(bare, &renamed)
            .is_ok()
            .then_some(renamed)
    }

    /// Has whoever bound a session record that it is available with a stanza, or is not.
    pub(crate) async fn record(
        &self,
        handle: &SessionHandle,
        available: Option<(i8, &Stanza)>,
    ) -> Result<(), StanzaError> {
        let Some(provider) = self.inlet.bound_by(handle.id) else {
            return Ok(());
        };
        let available = available.map(|(priority, stanza)| (priority, stanza.element().to_xml()));
        let store: &dyn SessionStore = &provider;
        store.presence(&handle.jid, handle.id, available).await
    }

    /// Whether a provider may have priorities for the account that a message is for. Cheap.
    pub(crate) fn has_recorded_priorities(&self, message: &Stanza) -> bool {
        let domain = message.to().map(|to| to.domain().as_str());
        domain.is_some_and(|domain| self.inlet.has_session_provider(domain))
    }

    /// The priorities that a provider has for the account that a message is for; `None` where the server's own count.
    pub(crate) async fn recorded_priorities(
        &self,
        message: &Stanza,
    ) -> Result<Option<RecordedPriorities>, StanzaError> {
        let Some(to) = message.to() else {
            return Ok(None);
        };
        let Some(provider) = self.inlet.session_provider(to.domain().as_str()) else {
            return Ok(None);
        };
        let is_for_account = to.node().is_some() && self.find(to).is_none();
        if !is_for_account || !self.is_connected(account_of(to)) {
            return Ok(None);
        }
        let store: &dyn SessionStore = &provider;
        let recorded = store.resources(&to.to_bare()).await?;
        // What it has of sessions that are not its own is out of date.
        let own: HashSet<String> = self.registry.look(account_of(to), |sessions| {
            let own = sessions
                .iter()
                .filter(|one| self.inlet.has_record(&provider, one.id));
            own.map(|one| one.resource().to_owned()).collect()
        });
        let recorded = recorded.into_iter();
        let own = recorded.filter(|session| own.contains(&session.resource));
        let recorded = own.map(|session| (session.resource, session.priority));
        Ok(Some(recorded.collect()))
    }
}
