//! What a shard of the server calls: its own instances of every plugin, so that a call takes no lock.

use std::rc::Rc;
use std::sync::Arc;

use arc_swap::Guard;
use waxwing_xml::Element;
use waxwing_xmpp::jid::{BareJid, FullJid};
use waxwing_xmpp::sasl::{Failure, Hash, ScramKeys};
use waxwing_xmpp::stanza::{IqType, Stanza};

use crate::accounting::trace::About;
use crate::calls::answering::IqAnswer;
use crate::calls::caller::Caller;
use crate::calls::context::Shared;
use crate::calls::hook_chain::{Judged, Judging, Way};
use crate::dispatch::auth_provider::{Asker, AuthStream, Seats};
use crate::exports::auth_provider::Unavailable;
use crate::exports::judgement::Judgement;
use crate::exports::pre_auth::{self, PreAuthStream};
use crate::exports::{Call, component, deliver, inbound, iq_handler, presence};
use crate::imports::stanzas::HostStanza;
use crate::model::filter::{Classes, PresenceStep, Recipient, Sender};
use crate::registry::Snapshot;
use crate::registry::hooks::StanzaHooks;

/// The plugins as one shard sees them. Not for other threads.
pub struct Shard {
    caller: Rc<Caller>,
    seats: Seats,
}

/// The hooks of one point.
type Point<C> = fn(&Snapshot) -> &StanzaHooks<C>;

impl Shard {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            caller: Rc::new(Caller::new(shared)),
            seats: Seats::default(),
        }
    }

    /// Whether any inbound hook wants the stanza. Cheap, and false for nearly all where no hook is installed.
    #[must_use]
    pub fn wants_inbound(&self, stanza: &Stanza, recipient: Recipient) -> bool {
        let now = self.caller.shared.registry.now();
        now.inbound.want(stanza, recipient.flag())
    }

    /// Takes a stanza of a local client through the inbound hooks. `from` is stamped already.
    pub fn inbound(&self, stanza: Stanza, recipient: Recipient) -> Judging {
        let host = self.host_of(&stanza, recipient);
        let way = Way::new(HostStanza::new(stanza, host), inbound::Filter);
        self.judging(|now| &now.inbound, recipient.flag(), way)
    }

    /// Takes a stanza through the hooks of a point, of one and the same set of plugins.
    fn judging<C, F, M>(&self, hooks: Point<C>, class: C, way: Way<F, M>) -> Judging
    where
        C: Classes + 'static,
        F: Call<Answer = Judgement>,
        M: Fn(HostStanza) -> F + 'static,
    {
        let now = self.caller.shared.registry.now();
        match self.caller.judge_now(hooks(&now), class, way) {
            Ok(judged) => Judging::Over(judged),
            Err(way) => {
                let (caller, now) = (Rc::clone(&self.caller), Guard::into_inner(now));
                let rest = async move { caller.judge(hooks(&now), class, way).await };
                Judging::Waits(Box::pin(rest))
            }
        }
    }

    /// Whether there is any deliver hook. A few nanoseconds.
    #[must_use]
    pub fn has_deliver(&self) -> bool {
        !self.caller.shared.registry.now().deliver.is_empty()
    }

    /// Whether any deliver hook wants a stanza.
    #[must_use]
    pub fn wants_deliver(&self, stanza: &Stanza, sender: Sender) -> bool {
        let now = self.caller.shared.registry.now();
        now.deliver.want(stanza, sender.flag())
    }

    /// Takes a stanza for one session of this shard through the deliver hooks.
    pub fn deliver(&self, stanza: Stanza, session: &FullJid, sender: Sender) -> Judging {
        let host = self.caller.shared.host(session.domain().as_str());
        let session = session.to_string();
        let ask = move |stanza| deliver::Filter {
            stanza,
            session: session.clone(),
        };
        let way = Way::new(HostStanza::new(stanza, host), ask);
        self.judging(|now| &now.deliver, sender.flag(), way)
    }

    /// Whether any presence hook wants what a session says of itself. Cheap.
    #[must_use]
    pub fn wants_presence(&self, presence: &Stanza, step: PresenceStep) -> bool {
        let now = self.caller.shared.registry.now();
        !now.presence.is_empty() && now.presence.want(presence, step.flag())
    }

    /// Takes what the session of that id says of itself through the presence hooks. Only where they fail closed it bounces.
    pub async fn presence(&self, presence: Stanza, id: u64, step: PresenceStep) -> Judged {
        let snapshot = self.caller.shared.registry.keep();
        let host = self.host_of(&presence, Recipient::OwnAccount);
        let lent = HostStanza::new(presence, host);
        let call = |presence| presence::Filter { presence, id, step };
        let (hooks, class) = (&snapshot.presence, step.flag());
        self.caller.judge(hooks, class, Way::new(lent, call)).await
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
        let lent = HostStanza::new(request.clone(), self.host_of(request, recipient));
        let scope = plugin.scope(lent.host());
        let token = self.caller.shared.tokens.next();
        let call = iq_handler::Handle {
            request: lent,
            token,
        };
        let about = About::Stanza(request);
        self.caller
            .ask_handler(&plugin, scope, about, call, request)
            .await
    }

    /// Whether a plugin serves the domain as a component.
    #[must_use]
    pub fn is_component(&self, domain: &str) -> bool {
        let snapshot = self.caller.shared.registry.now();
        snapshot.component(domain).is_some()
    }

    /// Takes a stanza to the plugin that serves its domain as a component, if there is one.
    pub async fn component(&self, stanza: &Stanza) -> IqAnswer {
        let snapshot = self.caller.shared.registry.keep();
        let domain = stanza.to().map(|to| to.domain().as_str());
        let Some(component) = domain.and_then(|domain| snapshot.component(domain)) else {
            return IqAnswer::Unhandled;
        };
        let call = component::Handle {
            stanza: HostStanza::new(stanza.clone(), Arc::clone(&component.host)),
            token: self.caller.shared.tokens.next(),
        };
        let scope = component.plugin.scope(&component.host);
        let about = About::Stanza(stanza);
        self.caller
            .ask_handler(&component.plugin, scope, about, call, stanza)
            .await
    }

    /// The stream features that plugins offer before authentication.
    pub async fn stream_features(&self, stream: &PreAuthStream) -> Vec<Element> {
        let mut features = Vec::new();
        for plugin in self.caller.shared.registry.keep().pre_auth_plugins() {
            let on = pre_auth::record(stream, &plugin);
            let scope = plugin.scope(&stream.host);
            let about = About::Stream(stream, None);
            let call = pre_auth::Features(on);
            let call = self.caller.call(&plugin, scope, about, call);
            if let Ok((offered, effects)) = call.await
                && let Ok(after) = self.caller.commit(&plugin, scope, effects).await
            {
                self.caller.shared.services.follow(after);
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
        let lent = HostStanza::new(request.clone(), self.caller.shared.host(&stream.host));
        let scope = plugin.scope(&stream.host);
        let about = About::Stream(stream, Some(request));
        let call = pre_auth::Handle(on, lent);
        self.caller
            .ask_handler(&plugin, scope, about, call, request)
            .await
    }

    /// The provider of logins for a stream; none where the server's own accounts serve. Asks nobody anything.
    #[must_use]
    pub fn auth_stream(&self, stream: &PreAuthStream) -> Option<AuthStream> {
        self.asker().stream(stream)
    }

    /// Asks the provider which account a client is, by what PLAIN brought. The account is one of the stream's host. A
    /// provider that fails has refused for now.
    pub async fn check_login(
        &self,
        stream: &mut AuthStream,
        username: String,
        password: String,
    ) -> Result<BareJid, Failure> {
        self.asker().check(stream, username, password).await
    }

    /// Asks the provider for the SCRAM keys of a user; none if there is no such user or it may not log in.
    pub async fn scram_keys(
        &self,
        stream: &mut AuthStream,
        username: String,
        hash: Hash,
    ) -> Result<Option<(BareJid, ScramKeys)>, Unavailable> {
        self.asker().scram(stream, username, hash).await
    }

    /// Tells the provider that the stream has logged in as that account.
    pub async fn bind_auth(
        &self,
        stream: &mut AuthStream,
        account: &BareJid,
    ) -> Result<(), Unavailable> {
        self.asker().bind(stream, account).await
    }

    /// Asks the provider whether the stream's account may ask that one for its presence.
    pub async fn is_valid_contact(
        &self,
        stream: &mut AuthStream,
        contact: &BareJid,
    ) -> Result<bool, Unavailable> {
        self.asker().valid_contact(stream, contact).await
    }

    /// Ends a stream, after everything else of it.
    pub async fn end_auth(&self, stream: AuthStream) {
        self.asker().end(stream).await;
    }

    fn asker(&self) -> Asker<'_> {
        Asker {
            caller: &self.caller,
            seats: &self.seats,
        }
    }

    /// The served domain on whose behalf a stanza is handled.
    fn host_of(&self, stanza: &Stanza, recipient: Recipient) -> Arc<str> {
        let addressed = match recipient {
            Recipient::OwnServer | Recipient::OtherServer => stanza.to(),
            _ => stanza.from(),
        };
        let domain = addressed.map(|jid| jid.domain().as_str());
        self.caller.shared.host(domain.unwrap_or_default())
    }
}
