//! The export `iq-handler`.

use std::time::Duration;

use super::{Call, Reply, reply};
use crate::fault::Fault;
use crate::imports::stanzas::HostStanza;
use crate::instance::Instance;

/// `handle`.
pub(crate) struct Handle(pub(crate) HostStanza);

impl Call for Handle {
    type Answer = Reply;

    const BUDGET: Duration = Duration::from_millis(50);

    async fn make(self, instance: &mut Instance) -> Result<Reply, Fault> {
        let handle = instance.lend(self.0)?;
        let guest = instance.guests.iq_handler()?;
        reply(guest.call_handle(&mut instance.store, handle).await?)
    }
}
