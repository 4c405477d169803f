//! Chains of hooks: who judges a stanza at one point, in which order, and what comes of it.

use std::cmp::Reverse;
use std::sync::Arc;

use waxwing_xml::Element;
use waxwing_xmpp::error::StanzaError;
use waxwing_xmpp::stanza::Stanza;

use crate::bindings::waxwing::plugin::manifest::FaultPolicy;
use crate::caller::Caller;
use crate::effects::failure;
use crate::exports::Call;
use crate::exports::judgement::Judgement;
use crate::fault::Fault;
use crate::filter::{Classes, StanzaFilter};
use crate::imports::stanzas::HostStanza;
use crate::plugin::Plugin;
use crate::trace::About;

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

/// One subscription of a plugin to the stanzas at one point.
pub(crate) struct Hook<C> {
    plugin: Arc<Plugin>,
    filter: StanzaFilter<C>,
}

/// All hooks of one point: highest priority first, ties by the plugins' names.
pub(crate) struct Hooks<C>(Vec<Hook<C>>);

impl<C> Default for Hooks<C> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<C: Classes> Hooks<C> {
    /// Adds a plugin's hooks; plugins come in the order of their names.
    pub(crate) fn add(&mut self, plugin: &Arc<Plugin>, filters: &[StanzaFilter<C>]) {
        self.0.extend(filters.iter().map(|filter| Hook {
            plugin: Arc::clone(plugin),
            filter: filter.clone(),
        }));
    }

    /// Puts them in order, when all are there.
    pub(crate) fn sort(&mut self) {
        // A stable sort.
        self.0.sort_by_key(|hook| Reverse(hook.priority()));
    }

    /// Whether there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any wants the stanza.
    pub(crate) fn want(&self, stanza: &Stanza, class: C) -> bool {
        self.next(0, stanza, class).is_some()
    }

    /// The first hook at or after a position that wants the stanza, and its position.
    fn next(&self, from: usize, stanza: &Stanza, class: C) -> Option<(usize, &Hook<C>)> {
        let hooks = self.0.iter().enumerate().skip(from);
        hooks
            .into_iter()
            .find(|(_, hook)| hook.filter.matches(stanza, class))
    }
}

impl<C> Hook<C> {
    fn priority(&self) -> i32 {
        let operators = self.plugin.settings.priority;
        self.filter.priority.saturating_add(operators)
    }

    /// Whether the stanza goes on if the hook fails.
    fn fails_open(&self) -> bool {
        self.filter.on_fault == FaultPolicy::Open
    }
}

impl Caller {
    /// Takes a stanza through the hooks of a point, one call of `call` for each that wants it.
    pub(crate) async fn judge<C: Classes, F: Call<Answer = Judgement>>(
        &self,
        hooks: &Hooks<C>,
        class: C,
        mut lent: HostStanza,
        call: impl Fn(HostStanza) -> F,
    ) -> Judged {
        let mut position = 0;
        while let Some((found, hook)) = hooks.next(position, &lent.stanza, class) {
            position = found.saturating_add(1);
            match self.one(&hook.plugin, &lent, call(lent.clone())).await {
                Ok(Judgement::Pass) => {}
                Ok(Judgement::Replace(stanza)) => lent.stanza = stanza,
                Ok(Judgement::Drop | Judgement::Handled) => return Judged::Drop,
                Ok(Judgement::Bounce(error)) => return Judged::Bounce(error),
                Ok(Judgement::Answer(payload)) => return Judged::Answer(payload),
                Err(_) if hook.fails_open() => {}
                Err(_) => return Judged::Bounce(failure()),
            }
        }
        Judged::Pass(lent.stanza)
    }

    /// One hook's word, with what it causes committed.
    async fn one(
        &self,
        plugin: &Arc<Plugin>,
        lent: &HostStanza,
        call: impl Call<Answer = Judgement>,
    ) -> Result<Judgement, Fault> {
        let scope = plugin.scope(&lent.host);
        let about = About::Stanza(&lent.stanza);
        let (judgement, effects) = self.call(plugin, scope, about, call).await?;
        match self.commit(plugin, scope, effects).await {
            Ok(after) => {
                self.shared.services.follow(after);
                Ok(judgement)
            }
            Err(refusal) => Err(Fault::Host(refusal.to_string())),
        }
    }
}
