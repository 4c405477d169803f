//! The export `timer-handler`.

use std::time::Duration;

use crate::exports::Call;
use crate::fault::Fault;
use crate::instance::store::Instance;
use crate::model::interfaces::Export;

/// `due`, with the timer's name.
pub(crate) struct Due(pub(crate) String);

impl Call for Due {
    type Answer = ();

    const BUDGET: Duration = Duration::from_millis(50);

    fn export(&self) -> Export {
        Export::timer_handler
    }

    async fn make(self, instance: &mut Instance) -> Result<(), Fault> {
        instance.begin();
        let guest = instance.guests.timer_handler()?;
        Ok(guest.call_due(&mut instance.store, &self.0).await?)
    }
}
