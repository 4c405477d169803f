//! The export `iq-handler`.

use std::time::Duration;

use crate::exports::{Call, SyncCall};
use crate::fault::Fault;
use crate::instance::store::Instance;
use crate::model::asked_limits::REQUEST_CPU;
use crate::model::handled::Handled;
use crate::model::interfaces::Export;
use crate::model::outcome::Outcome;
use crate::wit::bindings::exports::waxwing::plugin::iq_handler as wit;
use crate::wit::convert::stanza_error;
use crate::wit::resources::HostStanza;
use crate::wit::xml::payload;

/// `handle`.
pub(crate) struct Handle {
    pub(crate) request: HostStanza,
    pub(crate) token: u64,
}

impl Call for Handle {
    type Answer = Handled;

    const BUDGET: Duration = REQUEST_CPU;
    const SYNC: Option<SyncCall<Self>> = Some(Self::make_sync);

    fn key(&self) -> Option<String> {
        self.request.account()
    }

    fn export(&self) -> Export {
        Export::iq_handler
    }

    fn outcome(handled: &Handled) -> Outcome {
        handled.outcome()
    }

    async fn make(self, instance: &mut Instance) -> Result<Handled, Fault> {
        let request = instance.lend(self.request);
        instance.may_answer_later(self.token);
        let guest = instance.guests.iq_handler()?;
        let handled = guest.call_handle(&mut instance.store, request, self.token);
        checked(handled.await?, self.token)
    }
}

impl Handle {
    fn make_sync(&self, instance: &mut Instance) -> Result<Handled, Fault> {
        let request = instance.lend(self.request.clone());
        instance.may_answer_later(self.token);
        let handle = instance.guests.iq_handler()?.func_handle();
        let (handled,) = handle.call(&mut instance.store, (request, self.token))?;
        checked(handled, self.token)
    }
}

fn checked(handled: wit::Handled, token: u64) -> Result<Handled, Fault> {
    Ok(match handled {
        wit::Handled::Answer(xml) => Handled::Result(payload(xml.as_deref())?),
        wit::Handled::Refuse(error) => Handled::Error(stanza_error(error)?),
        wit::Handled::Later(seconds) => Handled::Later(token, seconds),
    })
}
