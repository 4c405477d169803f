//! A shard's door to plugins: it has instances of its own of every plugin, so that a call takes no lock.

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
use crate::calls::context::Context;
use crate::calls::hook_chain::{ChainRun, HookChain, HookVerdict};
use crate::dispatch::auth_provider::{AuthInstances, AuthProviderClient, AuthStream};
use crate::exports::decision::Decision;
use crate::exports::pre_auth;
use crate::exports::{Call, component, deliver, inbound, iq_handler, presence};
use crate::model::filter::{Classes, PresenceStep, Recipient, Sender};
use crate::model::pre_auth_stream::PreAuthStream;
use crate::model::provided::Unavailable;
use crate::registry::hooks::StanzaHooks;
use crate::registry::snapshot::Snapshot;
use crate::wit::resources::HostStanza;

/// The plugins as one shard sees them. Not for other threads.
pub struct Shard {
    caller: Rc<Caller>,
    auth_instances: AuthInstances,
}

/// The hooks of one point.
type Point<C> = fn(&Snapshot) -> &StanzaHooks<C>;

impl Shard {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self {
            caller: Rc::new(Caller::new(context)),
            auth_instances: AuthInstances::default(),
        }
    }

    /// Whether any inbound hook wants the stanza. Cheap, and false for nearly all where no hook is installed.
    #[must_use]
    pub fn wants_inbound(&self, stanza: &Stanza, recipient: Recipient) -> bool {
        let now = self.caller.context.registry.now();
        now.hooks.inbound.want(stanza, recipient.flag())
    }

    /// Takes a stanza of a local client through the inbound hooks. `from` is stamped already.
    pub fn inbound(&self, stanza: Stanza, recipient: Recipient) -> ChainRun {
        let host = self.host_of(&stanza, recipient);
        let chain = HookChain::new(HostStanza::new(stanza, host), inbound::Filter);
        self.run(|now| &now.hooks.inbound, recipient.flag(), chain)
    }

    /// Takes a stanza through the hooks of a point, all of one snapshot.
    fn run<C, F, M>(&self, hooks: Point<C>, class: C, chain: HookChain<F, M>) -> ChainRun
    where
        C: Classes + 'static,
        F: Call<Answer = Decision>,
        M: Fn(HostStanza) -> F + 'static,
    {
        let now = self.caller.context.registry.now();
        match chain.run_sync(&self.caller, hooks(&now), class) {
            Ok(verdict) => ChainRun::Ready(verdict),
            Err(chain) => {
                let (caller, now) = (Rc::clone(&self.caller), Guard::into_inner(now));
                let rest = async move { chain.run(&caller, hooks(&now), class).await };
                ChainRun::Pending(Box::pin(rest))
            }
        }
    }

    /// Whether there is any deliver hook. A few nanoseconds.
    #[must_use]
    pub fn has_deliver(&self) -> bool {
        !self.caller.context.registry.now().hooks.deliver.is_empty()
    }

    /// Whether any deliver hook wants a stanza.
    #[must_use]
    pub fn wants_deliver(&self, stanza: &Stanza, sender: Sender) -> bool {
        let now = self.caller.context.registry.now();
        now.hooks.deliver.want(stanza, sender.flag())
    }

    /// Takes a stanza for one session of this shard through the deliver hooks.
    pub fn deliver(&self, stanza: Stanza, session: &FullJid, sender: Sender) -> ChainRun {
        let host = self.caller.context.services.host(session.domain().as_str());
        let session = session.to_string();
        let ask = move |stanza| deliver::Filter {
            stanza,
            session: session.clone(),
        };
        let chain = HookChain::new(HostStanza::new(stanza, host), ask);
        self.run(|now| &now.hooks.deliver, sender.flag(), chain)
    }

    /// Whether any presence hook wants what a session says of itself. Cheap.
    #[must_use]
    pub fn wants_presence(&self, presence: &Stanza, step: PresenceStep) -> bool {
        let now = self.caller.context.registry.now();
        !now.hooks.presence.is_empty() && now.hooks.presence.want(presence, step.flag())
    }

    /// Takes what the session of that id says of itself through the presence hooks. Only where they fail closed it
    /// bounces.
    pub async fn presence(&self, presence: Stanza, id: u64, step: PresenceStep) -> HookVerdict {
        let snapshot = self.caller.context.registry.keep();
        let host = self.host_of(&presence, Recipient::OwnAccount);
        let lent = HostStanza::new(presence, host);
        let call = |presence| presence::Filter { presence, id, step };
        let (hooks, class) = (&snapshot.hooks.presence, step.flag());
        let chain = HookChain::new(lent, call);
        chain.run(&self.caller, hooks, class).await
    }

    /// Asks the plugin that serves this iq request, if there is one.
    pub async fn iq(&self, request: &Stanza, recipient: Recipient) -> IqAnswer {
        let Some(payload) = request.element().children().next() else {
            return IqAnswer::Unhandled;
        };
        let is_set = request.iq_type() == Some(IqType::Set);
        let handler = self
            .caller
            .context
            .registry
            .now()
            .iq_handler(payload, is_set, recipient)
            .cloned();
        let Some(plugin) = handler else {
            return IqAnswer::Unhandled;
        };
        let lent = HostStanza::new(request.clone(), self.host_of(request, recipient));
        let scope = plugin.scope(lent.host());
        let token = self.caller.context.services.tokens.next();
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
        let snapshot = self.caller.context.registry.now();
        snapshot.component(domain).is_some()
    }

    /// Takes a stanza to the plugin that serves its domain as a component, if there is one.
    pub async fn component(&self, stanza: &Stanza) -> IqAnswer {
        let snapshot = self.caller.context.registry.keep();
        let domain = stanza.to().map(|to| to.domain().as_str());
        let Some(component) = domain.and_then(|domain| snapshot.component(domain)) else {
            return IqAnswer::Unhandled;
        };
        let call = component::Handle {
            stanza: HostStanza::new(stanza.clone(), Arc::clone(&component.host)),
            token: self.caller.context.services.tokens.next(),
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
        for plugin in self.caller.context.registry.keep().pre_auth_plugins() {
            let on = pre_auth::record(stream, &plugin);
            let scope = plugin.scope(&stream.host);
            let about = About::Stream(stream, None);
            let call = pre_auth::Features(on);
            let call = self.caller.call(&plugin, scope, about, call);
            if let Ok((offered, effects)) = call.await
                && let Ok(follow_ups) = self.caller.commit(&plugin, scope, effects).await
            {
                self.caller.context.server().apply_follow_ups(follow_ups);
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
        let handler = self
            .caller
            .context
            .registry
            .now()
            .pre_auth(payload)
            .cloned();
        let Some(plugin) = handler else {
            return IqAnswer::Unhandled;
        };
        let on = pre_auth::record(stream, &plugin);
        let lent = HostStanza::new(
            request.clone(),
            self.caller.context.services.host(&stream.host),
        );
        let scope = plugin.scope(&stream.host);
        let about = About::Stream(stream, Some(request));
        let call = pre_auth::Handle(on, lent);
        self.caller
            .ask_handler(&plugin, scope, about, call, request)
            .await
    }

    /// The provider of logins for a stream; none where the server's own accounts serve. Calls no plugin.
    #[must_use]
    pub fn auth_stream(&self, stream: &PreAuthStream) -> Option<AuthStream> {
        self.auth_client().stream(stream)
    }

    /// Asks the provider which account a client is, by what PLAIN brought. The account is one of the stream's host. A
    /// provider that fails has refused for now.
    pub async fn check_login(
        &self,
        stream: &mut AuthStream,
        username: String,
        password: String,
    ) -> Result<BareJid, Failure> {
        self.auth_client().check(stream, username, password).await
    }

    /// Asks the provider for the SCRAM keys of a user; none if there is no such user or it may not log in.
    pub async fn scram_keys(
        &self,
        stream: &mut AuthStream,
        username: String,
        hash: Hash,
    ) -> Result<Option<(BareJid, ScramKeys)>, Unavailable> {
        self.auth_client().scram(stream, username, hash).await
    }

    /// Tells the provider that the stream has logged in as that account.
    pub async fn bind_auth(
        &self,
        stream: &mut AuthStream,
        account: &BareJid,
    ) -> Result<(), Unavailable> {
        self.auth_client().bind(stream, account).await
    }

    /// Asks the provider whether the stream's account may ask that one for its presence.
    pub async fn is_valid_contact(
        &self,
        stream: &mut AuthStream,
        contact: &BareJid,
    ) -> Result<bool, Unavailable> {
        self.auth_client().valid_contact(stream, contact).await
    }

    /// Ends a stream, after everything else of it.
    pub async fn end_auth(&self, stream: AuthStream) {
        self.auth_client().end(stream).await;
    }

    fn auth_client(&self) -> AuthProviderClient<'_> {
        AuthProviderClient {
            caller: &self.caller,
            instances: &self.auth_instances,
        }
    }

    /// The served domain on whose behalf a stanza is handled.
    fn host_of(&self, stanza: &Stanza, recipient: Recipient) -> Arc<str> {
        let addressed = match recipient {
            Recipient::OwnServer | Recipient::OtherServer => stanza.to(),
            Recipient::OwnAccount
            | Recipient::OtherAccount
            | Recipient::Full
            | Recipient::Remote
            | Recipient::Component => stanza.from(),
        };
        let domain = addressed.map(|jid| jid.domain().as_str());
        self.caller
            .context
            .services
            .host(domain.unwrap_or_default())
    }
}
