//! The export `deliver`.

use std::time::Duration;

use crate::exports::decision::{Decision, answered, replaced};
use crate::exports::{Call, SyncCall};
use crate::fault::Fault;
use crate::instance::store::Instance;
use crate::model::asked_limits::HOOK_CPU;
use crate::model::interfaces::Export;
use crate::model::names::account_of;
use crate::model::outcome::Outcome;
use crate::wit::bindings::exports::waxwing::plugin::deliver::Verdict;
use crate::wit::convert::stanza_error;
use crate::wit::resources::HostStanza;

/// `filter`.
pub(crate) struct Filter {
    pub(crate) stanza: HostStanza,
    /// The full JID of the session that is to get it.
    pub(crate) session: String,
}

impl Call for Filter {
    type Answer = Decision;

    const BUDGET: Duration = HOOK_CPU;
    const SENDS_BYPASS_HOOKS: bool = true;
    const SYNC: Option<SyncCall<Self>> = Some(Self::make_sync);

    fn key(&self) -> Option<String> {
        Some(account_of(&self.session).to_owned())
    }

    fn export(&self) -> Export {
        Export::deliver
    }

    fn outcome(decision: &Decision) -> Outcome {
        decision.outcome()
    }

    async fn make(self, instance: &mut Instance) -> Result<Decision, Fault> {
        let is_request = self.stanza.stanza().is_request();
        let handle = instance.lend(self.stanza);
        let guest = instance.guests.deliver()?;
        let store = &mut instance.store;
        let verdict = guest.call_filter(store, handle, &self.session).await?;
        decision(verdict, is_request, instance)
    }
}

impl Filter {
    fn make_sync(&self, instance: &mut Instance) -> Result<Decision, Fault> {
        let is_request = self.stanza.stanza().is_request();
        let handle = instance.lend(self.stanza.clone());
        let filter = instance.guests.deliver()?.func_filter();
        let (verdict,) = filter.call(&mut instance.store, (handle, &self.session))?;
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
