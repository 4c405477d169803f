//! The export `reply-handler`.

use std::time::Duration;

use crate::exports::Call;
use crate::fault::Fault;
use crate::instance::store::Instance;
use crate::model::interfaces::Export;
use crate::wit::resources::HostStanza;

const BUDGET: Duration = Duration::from_millis(50);

/// `answered`.
pub(crate) struct Answered(pub(crate) u64, pub(crate) HostStanza);

/// `timed-out`.
pub(crate) struct TimedOut(pub(crate) u64);

impl Call for Answered {
    type Answer = ();

    const BUDGET: Duration = BUDGET;

    fn export(&self) -> Export {
        Export::reply_handler
    }

    async fn make(self, instance: &mut Instance) -> Result<(), Fault> {
        let reply = instance.lend(self.1);
        let guest = instance.guests.reply_handler()?;
        let answered = guest.call_answered(&mut instance.store, self.0, reply);
        Ok(answered.await?)
    }
}

impl Call for TimedOut {
    type Answer = ();

    const BUDGET: Duration = BUDGET;

    fn export(&self) -> Export {
        Export::reply_handler
    }

    async fn make(self, instance: &mut Instance) -> Result<(), Fault> {
        instance.begin();
        let guest = instance.guests.reply_handler()?;
        Ok(guest.call_timed_out(&mut instance.store, self.0).await?)
    }
}
