//! The export `session-events`.

use std::time::Duration;

use crate::exports::Call;
use crate::fault::Fault;
use crate::instance::store::Instance;
use crate::model::interfaces::Export;
use crate::wit::bindings::exports::waxwing::plugin::session_events::Session;

/// `bound` or `unbound`.
pub(crate) struct Tell {
    pub(crate) jid: String,
    pub(crate) id: u64,
    pub(crate) is_bound: bool,
}

impl Call for Tell {
    type Answer = ();

    const BUDGET: Duration = Duration::from_millis(10);

    fn export(&self) -> Export {
        Export::session_events
    }

    async fn make(self, instance: &mut Instance) -> Result<(), Fault> {
        instance.begin();
        let session = Session {
            jid: self.jid,
            id: self.id,
        };
        let guest = instance.guests.session_events()?;
        let store = &mut instance.store;
        let told = if self.is_bound {
            guest.call_bound(store, &session).await
        } else {
            guest.call_unbound(store, &session).await
        };
        Ok(told?)
    }
}
