//! The export `offline`.

use std::time::Duration;

use crate::exports::Call;
use crate::exports::decision::{Decision, replaced};
use crate::fault::Fault;
use crate::instance::store::Instance;
use crate::model::asked_limits::HOOK_CPU;
use crate::model::interfaces::Export;
use crate::model::outcome::Outcome;
use crate::wit::bindings::exports::waxwing::plugin::offline::Verdict;
use crate::wit::convert::stanza_error;
use crate::wit::resources::HostStanza;

/// `filter`.
pub(crate) struct Filter {
    pub(crate) message: HostStanza,
    /// The bare JID of the account that it is for.
    pub(crate) account: String,
}

impl Call for Filter {
    type Answer = Decision;

    const BUDGET: Duration = HOOK_CPU;
    const SENDS_BYPASS_HOOKS: bool = true;

    fn key(&self) -> Option<String> {
        Some(self.account.clone())
    }

    fn export(&self) -> Export {
        Export::offline
    }

    fn outcome(decision: &Decision) -> Outcome {
        decision.outcome()
    }

    async fn make(self, instance: &mut Instance) -> Result<Decision, Fault> {
        let handle = instance.lend(self.message);
        let guest = instance.guests.offline()?;
        let store = &mut instance.store;
        let verdict = guest.call_filter(store, handle, &self.account).await?;
        Ok(match verdict {
            Verdict::Pass => Decision::Pass,
            Verdict::Drop => Decision::Drop,
            Verdict::Bounce(error) => Decision::Bounce(Box::new(stanza_error(error)?)),
            Verdict::Replace(draft) => replaced(draft, instance)?,
            Verdict::Handled => Decision::Handled,
        })
    }
}
