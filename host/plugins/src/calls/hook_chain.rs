//! A stanza taken through the hooks of one point, in order.
//!
//! The chain runs without a wait, and without what waiting costs, while hooks answer at once and cause nothing that has
//! to be committed. Where it has to wait, the caller gets it back as a future.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use waxwing_xml::Element;
use waxwing_xmpp::error::StanzaError;
use waxwing_xmpp::stanza::Stanza;

use crate::accounting::trace::About;
use crate::calls::caller::Caller;
use crate::exports::Call;
use crate::exports::decision::Decision;
use crate::fault::Fault;
use crate::instance::local_effects::apply_local;
use crate::model::effects::{Effects, failure};
use crate::model::filter::{Classes, StanzaFilter};
use crate::registry::hooks::{Hook, StanzaHooks};
use crate::wit::resources::HostStanza;

/// What becomes of a stanza after the hooks of one point.
#[must_use]
#[derive(Debug)]
pub enum HookVerdict {
    /// It goes on, perhaps changed.
    Pass(Stanza),
    /// It ends here; an iq request is to be answered `service-unavailable`.
    Drop,
    /// It ends here, and the sender gets this error.
    Bounce(StanzaError),
    /// The request is answered with this payload.
    Answer(Option<Element>),
}

/// A chain that has ended, or has to wait.
#[must_use]
pub enum ChainRun {
    /// It has ended.
    Ready(HookVerdict),
    /// It waits for a guest or for the database.
    Pending(Pin<Box<dyn Future<Output = HookVerdict>>>),
}

/// A stanza between the hooks of a point.
pub(crate) struct HookChain<F, M> {
    lent: HostStanza,
    /// The call that the next hook gets.
    call: F,
    /// Makes the call about a stanza.
    to_call: M,
    /// Where the next hook is looked for.
    position: usize,
    /// What the hook there answered, with effects that have to be committed.
    made: Option<Result<(Decision, Effects), Fault>>,
}

impl<F: Call<Answer = Decision>, M: Fn(HostStanza) -> F> HookChain<F, M> {
    /// A chain before its first hook; each hook gets the call that `to_call` makes of the stanza.
    pub(crate) fn new(lent: HostStanza, to_call: M) -> Self {
        Self {
            call: to_call(lent.clone()),
            lent,
            to_call,
            position: 0,
            made: None,
        }
    }

    /// Applies a hook's verdict. What the chain ends with, if it ends here.
    fn follow<C: Classes>(
        &mut self,
        hook: &Hook<StanzaFilter<C>>,
        verdict: Result<Decision, Fault>,
    ) -> Option<HookVerdict> {
        match verdict {
            Ok(Decision::Pass) => None,
            Ok(Decision::Replace(stanza)) => {
                self.lent = HostStanza::new(*stanza, Arc::clone(self.lent.host()));
                self.call = (self.to_call)(self.lent.clone());
                None
            }
            Ok(Decision::Drop | Decision::Handled) => Some(HookVerdict::Drop),
            Ok(Decision::Bounce(error)) => Some(HookVerdict::Bounce(*error)),
            Ok(Decision::Answer(payload)) => Some(HookVerdict::Answer(payload)),
            Err(_) if hook.fails_open() => None,
            Err(_) => Some(HookVerdict::Bounce(failure())),
        }
    }

    /// No hook is left.
    fn end(self) -> HookVerdict {
        let Self { lent, call, .. } = self;
        drop(call);
        HookVerdict::Pass(lent.into_stanza())
    }
}

impl<F: Call<Answer = Decision>, M: Fn(HostStanza) -> F> HookChain<F, M> {
    /// Goes on for as long as nothing has to be waited for. Gives the chain back where something has, for
    /// [`Self::run`].
    pub(crate) fn run_sync<C: Classes>(
        mut self,
        caller: &Caller,
        hooks: &StanzaHooks<C>,
        class: C,
    ) -> Result<HookVerdict, Self> {
        while let Some((found, hook)) = hooks.next(self.position, self.lent.stanza(), class) {
            self.position = found;
            let (plugin, about) = (&hook.plugin, About::Stanza(self.lent.stanza()));
            let scope = plugin.scope(self.lent.host());
            let decision = match caller.try_call_sync(plugin, scope, about, &self.call) {
                Some(Ok((verdict, mut effects))) if effects.is_local() => {
                    apply_local(&mut effects, plugin);
                    Ok(verdict)
                }
                Some(Err(fault)) => Err(fault),
                made => {
                    self.made = made;
                    return Err(self);
                }
            };
            self.position = found.saturating_add(1);
            if let Some(end) = self.follow(hook, decision) {
                return Ok(end);
            }
        }
        Ok(self.end())
    }

    /// Goes on to the end.
    pub(crate) async fn run<C: Classes>(
        mut self,
        caller: &Caller,
        hooks: &StanzaHooks<C>,
        class: C,
    ) -> HookVerdict {
        while let Some((found, hook)) = hooks.next(self.position, self.lent.stanza(), class) {
            self.position = found.saturating_add(1);
            let (plugin, about) = (&hook.plugin, About::Stanza(self.lent.stanza()));
            let verdict = if let Some(made) = self.made.take() {
                let scope = plugin.scope(self.lent.host());
                caller.commit_result(plugin, scope, made).await
            } else {
                let call = (self.to_call)(self.lent.clone());
                let host = self.lent.host();
                caller.call_and_commit(plugin, host, about, call).await
            };
            if let Some(end) = self.follow(hook, verdict) {
                return end;
            }
        }
        self.end()
    }
}
