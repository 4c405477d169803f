//! The export `deliver`.

use std::time::Duration;

use super::judgement::{Judgement, answered, replaced};
use super::{Call, Export, Now, Outcome};
use crate::accounting::trace::account_of;
use crate::engine::limits::HOOK_CPU;
use crate::fault::Fault;
use crate::imports::stanzas::HostStanza;
use crate::instance::Instance;
use crate::wit::bindings::exports::waxwing::plugin::deliver::Verdict;
use crate::wit::convert::stanza_error;

/// `filter`.
pub(crate) struct Filter {
    pub(crate) stanza: HostStanza,
    /// The full JID of the session that is to get it.
    pub(crate) session: String,
}

impl Call for Filter {
    type Answer = Judgement;

    const BUDGET: Duration = HOOK_CPU;
    const SENDS_BYPASS_HOOKS: bool = true;
    const NOW: Option<Now<Self>> = Some(Self::now);

    fn key(&self) -> Option<String> {
        Some(account_of(&self.session).to_owned())
    }

    fn export(&self) -> Export {
        Export::deliver
    }

    fn outcome(judgement: &Judgement) -> Outcome {
        judgement.outcome()
    }

    async fn make(self, instance: &mut Instance) -> Result<Judgement, Fault> {
        let is_request = self.stanza.stanza().is_request();
        let handle = instance.lend(self.stanza);
        let guest = instance.guests.deliver()?;
        let store = &mut instance.store;
        let verdict = guest.call_filter(store, handle, &self.session).await?;
        judgement(verdict, is_request, instance)
    }
}

impl Filter {
    fn now(&self, instance: &mut Instance) -> Result<Judgement, Fault> {
        let is_request = self.stanza.stanza().is_request();
        let handle = instance.lend(self.stanza.clone());
        let filter = instance.guests.deliver()?.func_filter();
        let (verdict,) = filter.call(&mut instance.store, (handle, &self.session))?;
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
