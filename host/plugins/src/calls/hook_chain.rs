//! The way of a stanza through the hooks of one point, and what comes of it.
//!
//! It goes on without a wait, and without what waiting takes, for as long as hooks answer at once and cause nothing that is to be
//! committed. Whoever asks for that gets the way back where it has to wait, to go it to its end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use waxwing_xml::Element;
use waxwing_xmpp::error::StanzaError;
use waxwing_xmpp::stanza::Stanza;

use crate::accounting::trace::About;
use crate::calls::caller::Caller;
use crate::exports::Call;
use crate::exports::judgement::Judgement;
use crate::fault::Fault;
use crate::imports::stanzas::HostStanza;
use crate::model::effects::{Effects, failure};
use crate::model::filter::{Classes, StanzaFilter};
use crate::registry::hooks::{Hook, StanzaHooks};

/// What becomes of a stanza after the hooks of one point.
#[must_use]
#[derive(Debug)]
pub enum Judged {
    /// It goes on, perhaps changed.
    Pass(Stanza),
    /// It ends here; an iq request is to be answered `service-unavailable`.
    Drop,
    /// It ends here, and the sender gets this error.
    Bounce(StanzaError),
    /// The request is answered with this payload.
    Answer(Option<Element>),
}

/// What the hooks of one point say, if they have said it already.
#[must_use]
pub enum Judging {
    /// They have.
    Over(Judged),
    /// A guest or the database has to be waited for.
    Waits(Pin<Box<dyn Future<Output = Judged>>>),
}

/// A stanza on its way through the hooks of a point.
pub(crate) struct Way<F, M> {
    lent: HostStanza,
    /// What each hook is asked.
    asked: F,
    /// Makes that of a stanza.
    ask: M,
    /// Where the next hook is looked for.
    position: usize,
    /// What the hook there said, with effects that are to be committed.
    said: Option<Result<(Judgement, Effects), Fault>>,
}

impl<F: Call<Answer = Judgement>, M: Fn(HostStanza) -> F> Way<F, M> {
    /// At its beginning; each hook is asked what `ask` makes of the stanza.
    pub(crate) fn new(lent: HostStanza, ask: M) -> Self {
        Self {
            asked: ask(lent.clone()),
            lent,
            ask,
            position: 0,
            said: None,
        }
    }

    /// Follows what a hook said. The end of the way, if that is it.
    fn follow<C: Classes>(
        &mut self,
        hook: &Hook<StanzaFilter<C>>,
        said: Result<Judgement, Fault>,
    ) -> Option<Judged> {
        match said {
            Ok(Judgement::Pass) => None,
            Ok(Judgement::Replace(stanza)) => {
                self.lent = HostStanza::new(*stanza, Arc::clone(self.lent.host()));
                self.asked = (self.ask)(self.lent.clone());
                None
            }
            Ok(Judgement::Drop | Judgement::Handled) => Some(Judged::Drop),
            Ok(Judgement::Bounce(error)) => Some(Judged::Bounce(*error)),
            Ok(Judgement::Answer(payload)) => Some(Judged::Answer(payload)),
            Err(_) if hook.fails_open() => None,
            Err(_) => Some(Judged::Bounce(failure())),
        }
    }

    /// No hook is left.
    fn end(self) -> Judged {
        let Self { lent, asked, .. } = self;
        drop(asked);
        Judged::Pass(lent.into_stanza())
    }
}

impl Caller {
    /// Takes a stanza as far as it goes without a wait. Gives it back where it has to wait, for [`Self::judge`].
    pub(crate) fn judge_now<C: Classes, F: Call<Answer = Judgement>, M: Fn(HostStanza) -> F>(
        &self,
        hooks: &StanzaHooks<C>,
        class: C,
        mut way: Way<F, M>,
    ) -> Result<Judged, Way<F, M>> {
        while let Some((found, hook)) = hooks.next(way.position, way.lent.stanza(), class) {
            way.position = found;
            let (plugin, about) = (&hook.plugin, About::Stanza(way.lent.stanza()));
            let scope = plugin.scope(way.lent.host());
            let judgement = match self.now(plugin, scope, about, &way.asked) {
                Some(Ok((judgement, mut effects))) if effects.is_local() => {
                    effects.apply_memory(plugin);
                    Ok(judgement)
                }
                Some(Err(fault)) => Err(fault),
                said => {
                    way.said = said;
                    return Err(way);
                }
            };
            way.position = found.saturating_add(1);
            if let Some(judged) = way.follow(hook, judgement) {
                return Ok(judged);
            }
        }
        Ok(way.end())
    }

    /// Takes a stanza to the end of its way.
    pub(crate) async fn judge<C: Classes, F: Call<Answer = Judgement>, M: Fn(HostStanza) -> F>(
        &self,
        hooks: &StanzaHooks<C>,
        class: C,
        mut way: Way<F, M>,
    ) -> Judged {
        while let Some((found, hook)) = hooks.next(way.position, way.lent.stanza(), class) {
            way.position = found.saturating_add(1);
            let (plugin, about) = (&hook.plugin, About::Stanza(way.lent.stanza()));
            let judgement = if let Some(said) = way.said.take() {
                let scope = plugin.scope(way.lent.host());
                self.carry_out(plugin, scope, said).await
            } else {
                let call = (way.ask)(way.lent.clone());
                self.one(plugin, way.lent.host(), about, call).await
            };
            if let Some(judged) = way.follow(hook, judgement) {
                return judged;
            }
        }
        way.end()
    }
}
