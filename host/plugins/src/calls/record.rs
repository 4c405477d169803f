//! One call, from permission to outcome: where the caller meets the counters, the quarantine and the traces.

use std::time::Instant;

use crate::accounting::counters::PluginCounters;
use crate::accounting::quarantine::{CallOutcome, CallPermit, Change, Why};
use crate::accounting::trace::{About, Traced};
use crate::accounting::units::nanos;
use crate::engine::cpu_clock::CpuClock;
use crate::exports::Call;
use crate::fault::{Fault, FaultKind};
use crate::instance::plugin::Plugin;
use crate::model::call_cost::CallCost;
use crate::model::effects::Effects;
use crate::model::interfaces::Export;

/// A call under way. A call that is cancelled counts as made, without an outcome.
pub(crate) struct Record<'a> {
    plugin: &'a Plugin,
    permit: CallPermit<'a>,
    export: Export,
    /// This call is the one to be measured, for itself and for those before it.
    in_turn: bool,
    /// When it began, if the plugin is traced.
    watched: Option<Instant>,
    cost: CallCost,
    /// No instance could be initialised for it.
    no_instance: bool,
}

impl<'a> Record<'a> {
    /// Begins a call in the engine's tick `tick`. A fault if the plugin is in quarantine.
    pub(crate) fn begin(plugin: &'a Plugin, export: Export, tick: u64) -> Result<Self, Fault> {
        let counters = &*plugin.counters;
        let Some(permit) = plugin.quarantine.permit(Instant::now) else {
            counters.refused.add(1);
            return Err(Fault::Quarantined);
        };
        let span = || counters.span(Instant::now());
        Ok(Self {
            plugin,
            permit,
            export,
            in_turn: counters.lane().begin(export, tick, span),
            watched: counters.tracers.is_any().then(Instant::now),
            cost: CallCost::default(),
            no_instance: false,
        })
    }

    /// Prepares the clock of the instance that serves the call.
    pub(crate) fn prepare(&self, clock: &CpuClock) {
        clock.measure_exactly(self.in_turn || self.watched.is_some());
    }

    /// What the call took.
    pub(crate) const fn cost(&mut self, cost: CallCost) {
        self.cost = cost;
    }

    /// No instance could be made. Returns the fault.
    pub(crate) fn no_instance(&mut self, fault: Fault) -> Fault {
        self.no_instance = fault.kind().is_some_and(FaultKind::is_plugins);
        fault
    }

    /// Ends the call.
    pub(crate) fn end<C: Call>(
        self,
        result: &Result<(C::Answer, Effects), Fault>,
        about: About<'_>,
    ) {
        let counters = &*self.plugin.counters;
        let lane = counters.lane();
        if self.cost.waits > 0 {
            lane.waited(self.cost);
        }
        match (self.cost.measured, self.in_turn) {
            (false, _) => {}
            (true, true) if !self.cost.long => lane.measured(self.cost.cpu),
            (true, in_turn) => lane.measured_alone(self.cost.cpu, in_turn),
        }
        let outcome = match result {
            Ok((answer, _)) => {
                lane.ended(C::outcome(answer));
                CallOutcome::Succeeded
            }
            Err(fault) => self.outcome(fault, about),
        };
        if let Some(began) = self.watched {
            self.trace::<C>(result, about, began);
        }
        self.judge(outcome);
    }

    fn outcome(&self, fault: &Fault, about: About<'_>) -> CallOutcome {
        let Some(kind) = fault.kind() else {
            return CallOutcome::Succeeded;
        };
        let counters = &*self.plugin.counters;
        counters.fault(kind);
        let name = self.plugin.manifest.name.as_str();
        match counters.fault_log.admits(Instant::now()) {
            Some(0) => tracing::warn!(plugin = name, "a call {fault}"),
            Some(suppressed) => tracing::warn!(plugin = name, suppressed, "a call {fault}"),
            None => {}
        }
        match (self.no_instance, kind.is_plugins()) {
            (true, _) => CallOutcome::NoInstance,
            (false, true) => CallOutcome::Fault(about.peer(&self.plugin.quarantine)),
            (false, false) => CallOutcome::Succeeded,
        }
    }

    fn judge(self, outcome: CallOutcome) {
        let Self { plugin, permit, .. } = self;
        let counters = &*plugin.counters;
        let calls = || (counters.calls(), counters.recent_calls(Instant::now()));
        let change = plugin
            .quarantine
            .note(&permit, outcome, calls, Instant::now);
        if let Some(change) = change {
            announce(counters, &plugin.manifest.name, &change);
        }
    }

    fn trace<C: Call>(
        &self,
        result: &Result<(C::Answer, Effects), Fault>,
        about: About<'_>,
        began: Instant,
    ) {
        let traced = Traced {
            export: self.export,
            about,
            outcome: result
                .as_ref()
                .map(|(answer, _)| C::outcome(answer))
                .map_err(Fault::to_string),
            effects: result.as_ref().ok().map(|(_, effects)| effects),
            cpu: self.cost.cpu,
            waited: self.cost.waited,
            wall: began.elapsed(),
        };
        self.plugin
            .counters
            .tracers
            .tell(&self.plugin.manifest, &traced);
    }
}

/// One line of the log for each change.
fn announce(counters: &PluginCounters, plugin: &str, change: &Change) {
    match change {
        Change::Quarantined { span, why } => {
            counters.quarantines.add(1);
            let seconds = nanos(*span) / 1_000_000_000;
            match why {
                Why::Faults { faults, calls } => tracing::error!(
                    plugin,
                    "in quarantine for {seconds} s: {faults} of its last {calls} calls failed, for several peers; until then its subscriptions' fault policies answer"
                ),
                Why::Init => tracing::error!(
                    plugin,
                    "in quarantine for {seconds} s: a new instance of it cannot be initialised; until then its subscriptions' fault policies answer"
                ),
            }
        }
        Change::Recovered => tracing::info!(plugin, "serves again after its quarantine"),
    }
}
