//! The export `presence`.

use std::time::Duration;

use super::judgement::{Judgement, replaced};
use super::{Call, Export, Now, Outcome};
use crate::accounting::trace::account_of;
use crate::engine::limits::HOOK_CPU;
use crate::fault::Fault;
use crate::imports::stanzas::HostStanza;
use crate::instance::Instance;
use crate::model::filter::{PresenceStep, subtype};
use crate::wit::bindings::exports::waxwing::plugin::presence::{Step, Verdict};

/// `filter`.
pub(crate) struct Filter {
    pub(crate) presence: HostStanza,
    /// The session's.
    pub(crate) id: u64,
    pub(crate) step: PresenceStep,
}

impl Call for Filter {
    type Answer = Judgement;

    const BUDGET: Duration = HOOK_CPU;
    const NOW: Option<Now<Self>> = Some(Self::now);

    fn key(&self) -> Option<String> {
        self.presence.account()
    }

    fn export(&self) -> Export {
        Export::presence
    }

    fn outcome(judgement: &Judgement) -> Outcome {
        judgement.outcome()
    }

    async fn make(self, instance: &mut Instance) -> Result<Judgement, Fault> {
        let presence = self.presence.clone();
        let step = step(self.step);
        let handle = instance.lend(self.presence);
        let guest = instance.guests.presence()?;
        let store = &mut instance.store;
        let verdict = guest.call_filter(store, handle, self.id, step).await?;
        judgement(verdict, &presence, instance)
    }
}

impl Filter {
    fn now(&self, instance: &mut Instance) -> Result<Judgement, Fault> {
        let handle = instance.lend(self.presence.clone());
        let filter = instance.guests.presence()?.func_filter();
        let about = (handle, self.id, step(self.step));
        let (verdict,) = filter.call(&mut instance.store, about)?;
        judgement(verdict, &self.presence, instance)
    }
}

fn judgement(
    verdict: Verdict,
    presence: &HostStanza,
    instance: &mut Instance,
) -> Result<Judgement, Fault> {
    match verdict {
        Verdict::Pass => Ok(Judgement::Pass),
        Verdict::Drop => Ok(Judgement::Drop),
        Verdict::Replace(draft) => match replaced(draft, instance)? {
            Judgement::Replace(stanza) if subtype(&stanza) != subtype(presence.stanza()) => Err(
                Fault::Answer("the draft is presence of another type".to_owned()),
            ),
            judgement => Ok(judgement),
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
