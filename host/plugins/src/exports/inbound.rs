//! The export `inbound`.

use std::time::Duration;

use crate::exports::decision::{Decision, answered, replaced};
use crate::exports::{Call, SyncCall};
use crate::fault::Fault;
use crate::instance::store::Instance;
use crate::model::asked_limits::HOOK_CPU;
use crate::model::interfaces::Export;
use crate::model::outcome::Outcome;
use crate::wit::bindings::exports::waxwing::plugin::inbound::Verdict;
use crate::wit::convert::stanza_error;
use crate::wit::resources::HostStanza;

/// `filter`.
pub(crate) struct Filter(pub(crate) HostStanza);

impl Call for Filter {
    type Answer = Decision;

    const BUDGET: Duration = HOOK_CPU;
    const SYNC: Option<SyncCall<Self>> = Some(Self::make_sync);

    fn key(&self) -> Option<String> {
        self.0.account()
    }

    fn export(&self) -> Export {
        Export::inbound
    }

    fn outcome(decision: &Decision) -> Outcome {
        decision.outcome()
    }

    async fn make(self, instance: &mut Instance) -> Result<Decision, Fault> {
        let is_request = self.0.stanza().is_request();
        let handle = instance.lend(self.0);
        let guest = instance.guests.inbound()?;
        let verdict = guest.call_filter(&mut instance.store, handle).await?;
        decision(verdict, is_request, instance)
    }
}

impl Filter {
    fn make_sync(&self, instance: &mut Instance) -> Result<Decision, Fault> {
        let is_request = self.0.stanza().is_request();
        let handle = instance.lend(self.0.clone());
        let filter = instance.guests.inbound()?.func_filter();
        let (verdict,) = filter.call(&mut instance.store, (handle,))?;
        decision(verdict, is_request, instance)
    }
}

fn decision(
    verdict: Verdict,
    is_request: bool,
    instance: &mut Instance,
) -> Result<Decision, Fault> {
    Ok(match verdict {
        Verdict::Pass => Decision::Pass,
        Verdict::Drop => Decision::Drop,
        Verdict::Bounce(error) => Decision::Bounce(Box::new(stanza_error(error)?)),
        Verdict::Replace(draft) => replaced(draft, instance)?,
        Verdict::Answer(xml) => answered(xml.as_deref(), is_request)?,
    })
}
