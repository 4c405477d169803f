//! The export `inbound`.

use std::time::Duration;

use super::judgement::{Judgement, answered, replaced};
use super::{Call, Export, Now, Outcome};
use crate::engine::limits::HOOK_CPU;
use crate::fault::Fault;
use crate::imports::stanzas::HostStanza;
use crate::instance::Instance;
use crate::wit::bindings::exports::waxwing::plugin::inbound::Verdict;
use crate::wit::convert::stanza_error;

/// `filter`.
pub(crate) struct Filter(pub(crate) HostStanza);

impl Call for Filter {
    type Answer = Judgement;

    const BUDGET: Duration = HOOK_CPU;
    const NOW: Option<Now<Self>> = Some(Self::now);

    fn key(&self) -> Option<String> {
        self.0.account()
    }

    fn export(&self) -> Export {
        Export::inbound
    }

    fn outcome(judgement: &Judgement) -> Outcome {
        judgement.outcome()
    }

    async fn make(self, instance: &mut Instance) -> Result<Judgement, Fault> {
        let is_request = self.0.stanza().is_request();
        let handle = instance.lend(self.0);
        let guest = instance.guests.inbound()?;
        let verdict = guest.call_filter(&mut instance.store, handle).await?;
        judgement(verdict, is_request, instance)
    }
}

impl Filter {
    fn now(&self, instance: &mut Instance) -> Result<Judgement, Fault> {
        let is_request = self.0.stanza().is_request();
        let handle = instance.lend(self.0.clone());
        let filter = instance.guests.inbound()?.func_filter();
        let (verdict,) = filter.call(&mut instance.store, (handle,))?;
        judgement(verdict, is_request, instance)
    }
}

fn judgement(
    verdict: Verdict,
    is_request: bool,
    instance: &mut Instance,
) -> Result<Judgement, Fault> {
    Ok(match verdict {
        Verdict::Pass => Judgement::Pass,
        Verdict::Drop => Judgement::Drop,
        Verdict::Bounce(error) => Judgement::Bounce(Box::new(stanza_error(error)?)),
        Verdict::Replace(draft) => replaced(draft, instance)?,
        Verdict::Answer(xml) => answered(xml.as_deref(), is_request)?,
    })
}
