//! One call, from the question whether it may be made to what became of it: the caller's one seam to the counters, the
//! quarantine and those who watch.

use std::time::Instant;

use crate::accounting::quarantine::{Change, Conduct, Leave, Why};
use crate::accounting::trace::{About, Traced};
use crate::accounting::{Ledger, nanos};
use crate::engine::cpu_clock::{Meter, Spent};
use crate::exports::{self, Export};
use crate::fault::{Fault, FaultKind};
use crate::instance::plugin::Plugin;
use crate::model::effects::Effects;

/// A call under way. One that is given up midway counts as made, and no more is known of it.
pub(crate) struct Record<'a> {
    plugin: &'a Plugin,
    leave: Leave<'a>,
    export: Export,
    /// It is this call's turn to be measured, for itself and for those before it.
    in_turn: bool,
    /// When it began, for those who watch.
    watched: Option<Instant>,
    spent: Spent,
    /// No instance could be initialised for it.
    no_instance: bool,
}

impl<'a> Record<'a> {
    /// Begins a call in the engine's tick `tick`. A fault if the plugin is in quarantine.
    pub(crate) fn begin(plugin: &'a Plugin, export: Export, tick: u64) -> Result<Self, Fault> {
        let ledger = &*plugin.ledger;
        let Some(leave) = plugin.quarantine.leave(Instant::now) else {
            ledger.refused.add(1);
            return Err(Fault::Quarantined);
        };
        let span = || ledger.span(Instant::now());
        Ok(Self {
            plugin,
            leave,
            export,
            in_turn: ledger.lane().begin(export, tick, span),
            watched: ledger.tracers.is_any().then(Instant::now),
            spent: Spent::default(),
            no_instance: false,
        })
    }

    /// Prepares the clock of the instance that serves the call.
    pub(crate) fn prepare(&self, meter: &Meter) {
        meter.measure(self.in_turn || self.watched.is_some());
    }

    /// What the call took.
    pub(crate) const fn spent(&mut self, spent: Spent) {
        self.spent = spent;
    }

    /// No instance could be made. Says it on.
    pub(crate) fn no_instance(&mut self, fault: Fault) -> Fault {
        self.no_instance = fault.kind().is_some_and(FaultKind::is_plugins);
        fault
    }

    /// Ends the call.
    pub(crate) fn end<C: exports::Call>(
        self,
        result: &Result<(C::Answer, Effects), Fault>,
        about: About<'_>,
    ) {
        let ledger = &*self.plugin.ledger;
        let lane = ledger.lane();
        if self.spent.waits > 0 {
            lane.waited(self.spent);
        }
        match (self.spent.measured, self.in_turn) {
            (false, _) => {}
            (true, true) if !self.spent.long => lane.measured(self.spent.cpu),
            (true, in_turn) => lane.measured_alone(self.spent.cpu, in_turn),
        }
        let conduct = match result {
            Ok((answer, _)) => {
                lane.ended(C::outcome(answer));
                Conduct::Fair
            }
            Err(fault) => self.conduct(fault, about),
        };
        if let Some(began) = self.watched {
            self.trace::<C>(result, about, began);
        }
        self.judge(conduct);
    }

    fn conduct(&self, fault: &Fault, about: About<'_>) -> Conduct {
        let Some(kind) = fault.kind() else {
            return Conduct::Fair;
        };
        let ledger = &*self.plugin.ledger;
        ledger.fault(kind);
        let name = self.plugin.manifest.name.as_str();
        match ledger.fault_log.admits(Instant::now()) {
            Some(0) => tracing::warn!(plugin = name, "a call {fault}"),
            Some(unsaid) => tracing::warn!(plugin = name, unsaid, "a call {fault}"),
            None => {}
        }
        match (self.no_instance, kind.is_plugins()) {
            (true, _) => Conduct::NoInstance,
            (false, true) => Conduct::Fault(about.peer(&self.plugin.quarantine)),
            (false, false) => Conduct::Fair,
        }
    }

    fn judge(self, conduct: Conduct) {
        let Self { plugin, leave, .. } = self;
        let ledger = &*plugin.ledger;
        let calls = || (ledger.calls(), ledger.recent_calls(Instant::now()));
        let change = plugin.quarantine.note(&leave, conduct, calls, Instant::now);
        if let Some(change) = change {
            announce(ledger, &plugin.manifest.name, &change);
        }
    }

    fn trace<C: exports::Call>(
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
            cpu: self.spent.cpu,
            waited: self.spent.waited,
            wall: began.elapsed(),
        };
        self.plugin
            .ledger
            .tracers
            .tell(&self.plugin.manifest, &traced);
    }
}

/// One line of the log for each change.
fn announce(ledger: &Ledger, plugin: &str, change: &Change) {
    match change {
        Change::Quarantined { span, why } => {
            ledger.quarantines.add(1);
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
        Change::Reformed => tracing::info!(plugin, "serves again after its quarantine"),
    }
}
