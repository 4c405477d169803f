//! The exports `registration-veto`, `password-veto` and `removal-veto`.

use std::time::Duration;

use waxwing_xmpp::error::StanzaError;

use crate::exports::Call;
use crate::fault::Fault;
use crate::instance::store::Instance;
use crate::model::interfaces::AccountChange;
use crate::model::interfaces::{Export, Level};
use crate::model::outcome::Outcome;
use crate::wit::convert::stanza_error;

/// May this plugin do this to the account?
pub(crate) struct Ask {
    pub(crate) change: AccountChange,
    pub(crate) account: String,
    pub(crate) plugin: String,
}

impl Call for Ask {
    type Answer = Result<(), StanzaError>;

    const BUDGET: Duration = Duration::from_millis(10);
    const LEVEL: Level = Level::Veto;

    fn export(&self) -> Export {
        self.change.export()
    }

    fn outcome(verdict: &Self::Answer) -> Outcome {
        match verdict {
            Ok(()) => Outcome::Pass,
            Err(error) => Outcome::Bounce(error.condition),
        }
    }

    async fn make(self, instance: &mut Instance) -> Result<Self::Answer, Fault> {
        instance.begin();
        let (account, plugin) = (&self.account, &self.plugin);
        let (guests, store) = (&instance.guests, &mut instance.store);
        let answer = match self.change {
            AccountChange::Registration => {
                let guest = guests.registration_veto()?;
                guest.call_registering(store, account, plugin).await?
            }
            AccountChange::Password => {
                let guest = guests.password_veto()?;
                guest.call_changing(store, account, plugin).await?
            }
            AccountChange::Removal => {
                let guest = guests.removal_veto()?;
                guest.call_removing(store, account, plugin).await?
            }
        };
        match answer {
            Ok(()) => Ok(Ok(())),
            Err(error) => Ok(Err(stanza_error(error)?)),
        }
    }
}
