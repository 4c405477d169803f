//! Who judges what at one point, and in which order.

use std::cmp::Reverse;
use std::sync::Arc;

use waxwing_xmpp::stanza::Stanza;

use crate::accounting::trace::About;
use crate::calls::caller::Caller;
use crate::exports::Call;
use crate::fault::Fault;
use crate::instance::plugin::Plugin;
use crate::model::effects::Effects;
use crate::model::filter::{Classes, Ranked, StanzaFilter};
use crate::wit::bindings::waxwing::plugin::manifest::FaultPolicy;

/// One subscription of a plugin to what happens at one point.
pub(crate) struct Hook<F> {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) filter: F,
}

/// All hooks of one point: highest priority first, ties by the plugins' names.
pub(crate) struct Hooks<F>(Vec<Hook<F>>);

/// Those that judge stanzas.
pub(crate) type StanzaHooks<C> = Hooks<StanzaFilter<C>>;

impl<F> Default for Hooks<F> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<F: Ranked> Hooks<F> {
    /// Adds a plugin's hooks; plugins come in the order of their names.
    pub(crate) fn add(&mut self, plugin: &Arc<Plugin>, filters: &[F]) {
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

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Hook<F>> {
        self.0.iter()
    }
}

impl<C: Classes> StanzaHooks<C> {
    /// Whether any wants the stanza.
    pub(crate) fn want(&self, stanza: &Stanza, class: C) -> bool {
        self.next(0, stanza, class).is_some()
    }

    /// The first hook at or after a position that wants the stanza, and its position.
    pub(crate) fn next(
        &self,
        from: usize,
        stanza: &Stanza,
        class: C,
    ) -> Option<(usize, &Hook<StanzaFilter<C>>)> {
        let hooks = self.0.iter().enumerate().skip(from);
        hooks
            .into_iter()
            .find(|(_, hook)| hook.filter.matches(stanza, class))
    }
}

impl<F: Ranked> Hook<F> {
    fn priority(&self) -> i32 {
        let operators = self.plugin.settings.priority;
        self.filter.priority().saturating_add(operators)
    }

    /// Whether what it should judge goes on if it fails.
    pub(crate) fn fails_open(&self) -> bool {
        self.filter.on_fault() == FaultPolicy::Open
    }
}

impl Caller {
    /// One hook's word, with what it causes committed.
    pub(crate) async fn one<C: Call>(
        &self,
        plugin: &Arc<Plugin>,
        host: &str,
        about: About<'_>,
        call: C,
    ) -> Result<C::Answer, Fault> {
        let scope = plugin.scope(host);
        let made = self.call(plugin, scope, about, call).await;
        self.carry_out(plugin, scope, made).await
    }

    /// The word that a call came to, with what it causes committed.
    pub(crate) async fn carry_out<A>(
        &self,
        plugin: &Arc<Plugin>,
        scope: usize,
        made: Result<(A, Effects), Fault>,
    ) -> Result<A, Fault> {
        let (answer, effects) = made?;
        match self.commit(plugin, scope, effects).await {
            Ok(after) => {
                self.shared.services.follow(after);
                Ok(answer)
            }
            Err(refusal) => Err(Fault::Host(refusal.to_string())),
        }
    }
}
