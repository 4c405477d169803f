//! The export `plugin-events`.

use std::time::Duration;

use crate::exports::Call;
use crate::fault::Fault;
use crate::instance::store::Instance;
use crate::model::interfaces::Export;
use crate::wit::bindings::exports::waxwing::plugin::plugin_events as wit;

pub(crate) use wit::Event;

/// `published`.
pub(crate) struct Tell {
    pub(crate) event: Event,
    pub(crate) depth: u8,
}

impl Call for Tell {
    type Answer = ();

    const BUDGET: Duration = Duration::from_millis(10);

    fn export(&self) -> Export {
        Export::plugin_events
    }

    async fn make(self, instance: &mut Instance) -> Result<(), Fault> {
        instance.begin_at(self.depth);
        let guest = instance.guests.plugin_events()?;
        let published = guest.call_published(&mut instance.store, &self.event);
        Ok(published.await?)
    }
}
