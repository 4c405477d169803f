//! The export `component`.

use std::time::Duration;

use crate::exports::Call;
use crate::fault::Fault;
use crate::instance::store::Instance;
use crate::model::handled::Handled;
use crate::model::interfaces::Export;
use crate::model::outcome::Outcome;
use crate::wit::bindings::exports::waxwing::plugin::component as wit;
use crate::wit::convert::stanza_error;
use crate::wit::resources::HostStanza;
use crate::wit::xml::payload;

/// `handle`.
pub(crate) struct Handle {
    pub(crate) stanza: HostStanza,
    pub(crate) token: u64,
}

impl Call for Handle {
    type Answer = Handled;

    const BUDGET: Duration = Duration::from_millis(50);

    /// The bare JID below the domain that is addressed: the room.
    fn key(&self) -> Option<String> {
        let to = self.stanza.stanza().to()?;
        Some(to.to_bare().to_string())
    }

    fn export(&self) -> Export {
        Export::component
    }

    fn outcome(handled: &Handled) -> Outcome {
        handled.outcome()
    }

    async fn make(self, instance: &mut Instance) -> Result<Handled, Fault> {
        let is_request = self.stanza.stanza().is_request();
        let stanza = instance.lend(self.stanza);
        instance.may_answer_later(self.token);
        let guest = instance.guests.component()?;
        let handled = guest.call_handle(&mut instance.store, stanza, self.token);
        Ok(match handled.await? {
            wit::Handled::Done => Handled::Done,
            wit::Handled::Bounce(error) => Handled::Error(stanza_error(error)?),
            wit::Handled::Answer(_) | wit::Handled::Later(_) if !is_request => {
                let why = "only an iq request can be answered";
                return Err(Fault::Answer(why.to_owned()));
            }
            wit::Handled::Answer(xml) => Handled::Result(payload(xml.as_deref())?),
            wit::Handled::Later(seconds) => Handled::Later(self.token, seconds),
        })
    }
}
