//! The export `iq-handler`.

use std::time::Duration;

use super::{Call, Export, Handled, Now, Outcome};
use crate::engine::limits::REQUEST_CPU;
use crate::fault::Fault;
use crate::imports::stanzas::{HostStanza, payload};
use crate::instance::Instance;
use crate::wit::bindings::exports::waxwing::plugin::iq_handler as wit;
use crate::wit::convert::stanza_error;

/// `handle`.
pub(crate) struct Handle {
    pub(crate) request: HostStanza,
    pub(crate) token: u64,
}

impl Call for Handle {
    type Answer = Handled;

    const BUDGET: Duration = REQUEST_CPU;
    const NOW: Option<Now<Self>> = Some(Self::now);

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
    fn now(&self, instance: &mut Instance) -> Result<Handled, Fault> {
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
