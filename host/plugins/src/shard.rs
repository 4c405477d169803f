//! What a shard of the server calls: its own instances of every plugin, so that a call takes no lock.

use std::sync::Arc;

use waxwing_xml::Element;
use waxwing_xmpp::error::{Condition, ErrorType, StanzaError};
use waxwing_xmpp::stanza::{IqType, Stanza};

use crate::caller::Caller;
use crate::effects::After;
use crate::exports::inbound::{self, Judgement};
use crate::exports::pre_auth::{self, PreAuthStream};
use crate::exports::{Reply, iq_handler};
use crate::fault::Fault;
use crate::filter::Recipient;
use crate::imports::stanzas::HostStanza;
use crate::plugin::Plugin;
use crate::services::ServiceError;
use crate::shared::Shared;
use crate::state::Call;

/// The plugins as one shard sees them. Not for other threads.
pub struct Shard {
    caller: Caller,
}

/// What becomes of a stanza after the inbound hooks.
#[must_use]
#[derive(Debug)]
pub enum Inbound {
    /// It goes on to the router, perhaps changed.
    Pass(Stanza),
    /// It ends here; an iq request is to be answered `service-unavailable`.
    Drop,
    /// It ends here, and the sender gets this error.
    Bounce(StanzaError),
    /// The request is answered with this payload.
    Answer(Option<Element>),
}

/// What a handler answers to a request.
#[must_use]
#[derive(Debug)]
pub enum IqAnswer {
    /// No plugin serves it.
    Unhandled,
    /// A result with this payload, committed; then the server does what stands in the list.
    Result(Option<Element>, Vec<After>),
    /// An error.
    Error(StanzaError),
}

impl Shard {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            caller: Caller::new(shared),
        }
    }

    /// Whether any inbound hook wants the stanza. Cheap, and false for nearly all where no hook is installed.
    #[must_use]
    pub fn wants_inbound(&self, stanza: &Stanza, recipient: Recipient) -> bool {
        self.caller
            .shared
            .registry
            .now()
            .next_hook(0, stanza, recipient)
            .is_some()
    }

    /// Takes a stanza of a local client through the inbound hooks. `from` is stamped already.
    pub async fn inbound(&self, stanza: Stanza, recipient: Recipient) -> Inbound {
        let snapshot = self.caller.shared.registry.keep();
        let mut lent = HostStanza {
            host: self.host_of(&stanza, recipient),
            stanza,
        };
        let mut position = 0;
        while let Some((found, hook)) = snapshot.next_hook(position, &lent.stanza, recipient) {
            position = found.saturating_add(1);
            match self.judge(&hook.plugin, &lent).await {
                Ok(Judgement::Pass) => {}
                Ok(Judgement::Replace(stanza)) => lent.stanza = stanza,
                Ok(Judgement::Drop) => return Inbound::Drop,
                Ok(Judgement::Bounce(error)) => return Inbound::Bounce(error),
                Ok(Judgement::Answer(payload)) => return Inbound::Answer(payload),
                Err(_) if hook.fails_open() => {}
                Err(_) => return Inbound::Bounce(failure()),
            }
        }
        Inbound::Pass(lent.stanza)
    }

    /// Asks the plugin that serves this iq request, if there is one.
    pub async fn iq(&self, request: &Stanza, recipient: Recipient) -> IqAnswer {
        let Some(payload) = request.element().children().next() else {
            return IqAnswer::Unhandled;
        };
        let is_set = request.iq_type() == Some(IqType::Set);
        let handler = self
            .caller
            .shared
            .registry
            .now()
            .iq_handler(payload, is_set, recipient)
            .cloned();
        let Some(plugin) = handler else {
            return IqAnswer::Unhandled;
        };
        let lent = HostStanza {
            stanza: request.clone(),
            host: self.host_of(request, recipient),
        };
        let scope = scope_of(&plugin, &lent.host);
        let call = self.caller.call(&plugin, scope, iq_handler::Handle(lent));
        self.answer(&plugin, call.await).await
    }

    /// The stream features that plugins offer before authentication.
    pub async fn stream_features(&self, stream: &PreAuthStream) -> Vec<Element> {
        let mut features = Vec::new();
        for plugin in self.caller.shared.registry.keep().pre_auth_plugins() {
            let on = pre_auth::record(stream, &plugin);
            let scope = scope_of(&plugin, &stream.host);
            let call = self.caller.call(&plugin, scope, pre_auth::Features(on));
            if let Ok((offered, mut effects)) = call.await {
                effects.apply_memory(&plugin);
                features.extend(offered);
            }
        }
        features
    }

    /// Asks the plugin that serves this iq request before authentication, if there is one.
    pub async fn pre_auth_iq(&self, stream: &PreAuthStream, request: &Stanza) -> IqAnswer {
        let Some(payload) = request.element().children().next() else {
            return IqAnswer::Unhandled;
        };
        let handler = self.caller.shared.registry.now().pre_auth(payload).cloned();
        let Some(plugin) = handler else {
            return IqAnswer::Unhandled;
        };
        let on = pre_auth::record(stream, &plugin);
        let lent = HostStanza {
            stanza: request.clone(),
            host: self.caller.shared.host(&stream.host),
        };
        let scope = scope_of(&plugin, &stream.host);
        let call = self.caller.call(&plugin, scope, pre_auth::Handle(on, lent));
        self.answer(&plugin, call.await).await
    }

    /// The served domain on whose behalf a stanza is handled.
    fn host_of(&self, stanza: &Stanza, recipient: Recipient) -> Arc<str> {
        let addressed = match recipient {
            Recipient::Server => stanza.to(),
            _ => stanza.from(),
        };
        let domain = addressed.map(|jid| jid.domain().as_str());
        self.caller.shared.host(domain.unwrap_or_default())
    }

    async fn judge(&self, plugin: &Arc<Plugin>, stanza: &HostStanza) -> Result<Judgement, Fault> {
        let (scope, stanza) = (scope_of(plugin, &stanza.host), stanza.clone());
        let call = self.caller.call(plugin, scope, inbound::Filter(stanza));
        let (judgement, effects) = call.await?;
        match self.caller.commit(plugin, effects).await {
            Ok(_) => Ok(judgement),
            Err(error) => Err(Fault::Host(error.to_string())),
        }
    }

    /// Commits what a handler caused, then gives its answer.
    async fn answer(&self, plugin: &Plugin, outcome: Result<(Reply, Call), Fault>) -> IqAnswer {
        let Ok((reply, effects)) = outcome else {
            return IqAnswer::Error(failure());
        };
        match (self.caller.commit(plugin, effects).await, reply) {
            (Ok(after), Ok(payload)) => IqAnswer::Result(payload, after),
            (Ok(_), Err(error)) => IqAnswer::Error(error),
            (Err(ServiceError::Taken), _) => IqAnswer::Error(StanzaError::new(Condition::Conflict)),
            (Err(ServiceError::NoSuchAccount), _) => {
                IqAnswer::Error(StanzaError::new(Condition::ItemNotFound))
            }
            (Err(ServiceError::Unavailable), _) => IqAnswer::Error(failure()),
        }
    }
}

/// The answer where a plugin failed: `internal-server-error`, worth another try.
fn failure() -> StanzaError {
    let mut error = StanzaError::new(Condition::InternalServerError);
    error.kind = ErrorType::Wait;
    error
}

fn scope_of(plugin: &Plugin, host: &str) -> usize {
    plugin.scope_of.get(host).copied().unwrap_or(0)
}
