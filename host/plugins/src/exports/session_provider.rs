//! The export `session-provider`: who has which address, and with what priority.

use std::time::Duration;

use waxwing_xmpp::error::StanzaError;

use crate::exports::Call;
use crate::fault::Fault;
use crate::instance::store::Instance;
use crate::model::asked_limits::HOOK_CPU;
use crate::model::effects::failure;
use crate::model::interfaces::{Export, Level};
use crate::model::names::account_of;
use crate::model::outcome::Outcome;
use crate::model::provided::Claim;
use crate::model::provided::RecordedSession;
use crate::wit::bindings::exports::waxwing::plugin::session_provider as wit;
use crate::wit::convert::stanza_error;

/// Sessions that a provider may list for an account.
const MAX_LISTED: usize = 1_000;

/// What a provider is asked or told of one session.
pub(crate) struct Ask {
    pub(crate) jid: String,
    pub(crate) id: u64,
    pub(crate) what: What,
}

/// What about it.
pub(crate) enum What {
    Bind,
    Unbind,
    Release,
    /// The priority and the stanza of an available one.
    Presence(Option<(i8, String)>),
}

impl Call for Ask {
    type Answer = Result<Claim, StanzaError>;

    const BUDGET: Duration = HOOK_CPU;
    const LEVEL: Level = Level::Provider;

    fn key(&self) -> Option<String> {
        Some(account_of(&self.jid).to_owned())
    }

    fn export(&self) -> Export {
        Export::session_provider
    }

    fn outcome(answer: &Self::Answer) -> Outcome {
        match answer {
            Ok(_) => Outcome::Done,
            Err(error) => Outcome::Error(error.condition),
        }
    }

    async fn make(self, instance: &mut Instance) -> Result<Self::Answer, Fault> {
        instance.begin();
        let Instance { guests, store, .. } = instance;
        let guest = guests.session_provider()?;
        let session = wit::Session {
            jid: self.jid,
            id: self.id,
        };
        let done = match self.what {
            What::Bind => {
                return match guest.call_bind(store, &session).await? {
                    Ok(wit::Claim::Bound) => Ok(Ok(Claim::Bound)),
                    Ok(wit::Claim::InUse) => Ok(Ok(Claim::InUse)),
                    Ok(wit::Claim::Refused(error)) => Ok(Err(stanza_error(error)?)),
                    Err(wit::Failure::Unavailable) => Ok(Err(failure())),
                };
            }
            What::Unbind => {
                guest.call_unbind(store, &session).await?;
                Ok(())
            }
            What::Release => guest.call_release(store, &session.jid).await?,
            What::Presence(None) => guest.call_set_presence(store, &session, None, None).await?,
            What::Presence(Some((priority, stanza))) => {
                guest
                    .call_set_presence(store, &session, Some(priority), Some(stanza.as_str()))
                    .await?
            }
        };
        Ok(done
            .map(|()| Claim::Bound)
            .map_err(|wit::Failure::Unavailable| failure()))
    }
}

/// `resources`.
pub(crate) struct Resources(pub(crate) String);

impl Call for Resources {
    type Answer = Result<Vec<RecordedSession>, StanzaError>;

    const BUDGET: Duration = HOOK_CPU;
    const LEVEL: Level = Level::Provider;

    fn key(&self) -> Option<String> {
        Some(self.0.clone())
    }

    fn export(&self) -> Export {
        Export::session_provider
    }

    fn outcome(answer: &Self::Answer) -> Outcome {
        match answer {
            Ok(_) => Outcome::Done,
            Err(error) => Outcome::Error(error.condition),
        }
    }

    async fn make(self, instance: &mut Instance) -> Result<Self::Answer, Fault> {
        instance.begin();
        let Instance { guests, store, .. } = instance;
        let guest = guests.session_provider()?;
        let listed = match guest.call_resources(store, &self.0).await? {
            Ok(listed) => listed,
            Err(wit::Failure::Unavailable) => return Ok(Err(failure())),
        };
        if listed.len() > MAX_LISTED {
            let why = "more than 1,000 sessions of an account are listed";
            return Err(Fault::Answer(why.to_owned()));
        }
        let listed = listed.into_iter().map(|entry| RecordedSession {
            resource: entry.name,
            priority: entry.priority,
        });
        Ok(Ok(listed.collect()))
    }
}
