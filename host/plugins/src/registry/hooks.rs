//! Who judges what at one point, and in which order.

use std::cmp::Reverse;
use std::sync::Arc;

use waxwing_xmpp::stanza::Stanza;

use crate::instance::loaded::Loaded;
use crate::model::filter::{Classes, Ranked, StanzaFilter};
use crate::wit::bindings::waxwing::plugin::manifest::FaultPolicy;

/// One subscription of a plugin to what happens at one point.
pub(crate) struct Hook<F> {
    pub(crate) plugin: Arc<Loaded>,
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
    pub(crate) fn add(&mut self, plugin: &Arc<Loaded>, filters: &[F]) {
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
