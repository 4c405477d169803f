//! The export `presence`.

use std::time::Duration;

use crate::exports::decision::{Decision, replaced};
use crate::exports::{Call, SyncCall};
use crate::fault::Fault;
use crate::instance::store::Instance;
use crate::model::asked_limits::HOOK_CPU;
use crate::model::filter::{PresenceStep, subtype};
use crate::model::interfaces::Export;
use crate::model::names::account_of;
use crate::model::outcome::Outcome;
use crate::wit::bindings::exports::waxwing::plugin::presence::{Step, Verdict};
use crate::wit::resources::HostStanza;

/// `filter`.
pub(crate) struct Filter {
    pub(crate) presence: HostStanza,
    /// The session's.
    pub(crate) id: u64,
    pub(crate) step: PresenceStep,
}

impl Call for Filter {
    type Answer = Decision;

    const BUDGET: Duration = HOOK_CPU;
    const SYNC: Option<SyncCall<Self>> = Some(Self::make_sync);

    fn key(&self) -> Option<String> {
        self.presence.account()
    }

    fn export(&self) -> Export {
        Export::presence
    }

    fn outcome(decision: &Decision) -> Outcome {
        decision.outcome()
    }

    async fn make(self, instance: &mut Instance) -> Result<Decision, Fault> {
        let presence = self.presence.clone();
        let step = step(self.step);
        let handle = instance.lend(self.presence);
        let guest = instance.guests.presence()?;
        let store = &mut instance.store;
        let verdict = guest.call_filter(store, handle, self.id, step).await?;
        decision(verdict, &presence, instance)
    }
}

impl Filter {
    fn make_sync(&self, instance: &mut Instance) -> Result<Decision, Fault> {
        let handle = instance.lend(self.presence.clone());
        let filter = instance.guests.presence()?.func_filter();
        let about = (handle, self.id, step(self.step));
        let (verdict,) = filter.call(&mut instance.store, about)?;
        decision(verdict, &self.presence, instance)
    }
}

fn decision(
    verdict: Verdict,
    presence: &HostStanza,
    instance: &mut Instance,
) -> Result<Decision, Fault> {
    match verdict {
        Verdict::Pass => Ok(Decision::Pass),
        Verdict::Drop => Ok(Decision::Drop),
        Verdict::Replace(draft) => match replaced(draft, instance)? {
            Decision::Replace(stanza) if subtype(&stanza) != subtype(presence.stanza()) => Err(
                Fault::Answer("the draft is presence of another type".to_owned()),
            ),
            decision => Ok(decision),
        },
    }
}

const fn step(step: PresenceStep) -> Step {
    match step {
        PresenceStep::Initial => Step::Initial,
        PresenceStep::Update => Step::Update,
        PresenceStep::Unavailable => Step::Unavailable,
    }
}

/// `ended`.
pub(crate) struct Ended {
    pub(crate) jid: String,
    pub(crate) id: u64,
}

impl Call for Ended {
    type Answer = ();

    const BUDGET: Duration = HOOK_CPU;

    fn key(&self) -> Option<String> {
        Some(account_of(&self.jid).to_owned())
    }

    fn export(&self) -> Export {
        Export::presence
    }

    async fn make(self, instance: &mut Instance) -> Result<(), Fault> {
        instance.begin();
        let guest = instance.guests.presence()?;
        let store = &mut instance.store;
        Ok(guest.call_ended(store, &self.jid, self.id).await?)
    }
}
