//! The export `offline`.

use std::time::Duration;

use super::judgement::{Judgement, replaced};
use super::{Call, Export, Outcome};
use crate::engine::limits::HOOK_CPU;
use crate::fault::Fault;
use crate::imports::stanzas::HostStanza;
use crate::instance::Instance;
use crate::wit::bindings::exports::waxwing::plugin::offline::Verdict;
use crate::wit::convert::stanza_error;

/// `filter`.
pub(crate) struct Filter {
    pub(crate) message: HostStanza,
    /// The bare JID of the account that it is for.
    pub(crate) account: String,
}

impl Call for Filter {
    type Answer = Judgement;

    const BUDGET: Duration = HOOK_CPU;
    const SENDS_BYPASS_HOOKS: bool = true;

    fn key(&self) -> Option<String> {
        Some(self.account.clone())
    }

    fn export(&self) -> Export {
        Export::offline
    }

    fn outcome(judgement: &Judgement) -> Outcome {
        judgement.outcome()
    }

    async fn make(self, instance: &mut Instance) -> Result<Judgement, Fault> {
        let handle = instance.lend(self.message);
        let guest = instance.guests.offline()?;
        let store = &mut instance.store;
        let verdict = guest.call_filter(store, handle, &self.account).await?;
        Ok(match verdict {
            Verdict::Pass => Judgement::Pass,
            Verdict::Drop => Judgement::Drop,
            Verdict::Bounce(error) => Judgement::Bounce(Box::new(stanza_error(error)?)),
            Verdict::Replace(draft) => replaced(draft, instance)?,
            Verdict::Handled => Judgement::Handled,
        })
    }
}
