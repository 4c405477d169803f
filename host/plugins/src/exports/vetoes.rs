//! The exports `registration-veto`, `password-veto` and `removal-veto`.

use std::time::Duration;

use waxwing_xmpp::error::StanzaError;

use super::{Call, Export, Level, Outcome};
use crate::fault::Fault;
use crate::instance::Instance;
use crate::instance::plugin::Plugin;
use crate::model::effects::AccountEffect;
use crate::wit::convert::stanza_error;

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Registration,
    Password,
    Removal,
}

/// May this plugin do this to the account?
pub(crate) struct Ask {
    pub(crate) question: Question,
    pub(crate) account: String,
    pub(crate) plugin: String,
}

impl Question {
    pub(crate) const ALL: [Self; 3] = [Self::Registration, Self::Password, Self::Removal];

    pub(crate) const fn about(effect: &AccountEffect) -> Self {
        match effect {
            AccountEffect::Create { .. } => Self::Registration,
            AccountEffect::SetPassword { .. } => Self::Password,
            AccountEffect::Remove { .. } => Self::Removal,
        }
    }

    /// Whether a plugin is to be asked: it exports the veto, and was granted it.
    pub(crate) fn is_for(self, plugin: &Plugin) -> bool {
        let exports = &plugin.exports;
        let (exported, grant) = match self {
            Self::Registration => (exports.registration_veto.is_some(), "registration-veto"),
            Self::Password => (exports.password_veto.is_some(), "password-veto"),
            Self::Removal => (exports.removal_veto.is_some(), "removal-veto"),
        };
        exported && plugin.grants.contains(grant)
    }
}

impl Call for Ask {
    type Answer = Result<(), StanzaError>;

    const BUDGET: Duration = Duration::from_millis(10);
    const LEVEL: Level = Level::Veto;

    fn export(&self) -> Export {
        match self.question {
            Question::Registration => Export::registration_veto,
            Question::Password => Export::password_veto,
            Question::Removal => Export::removal_veto,
        }
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
        let answer = match self.question {
            Question::Registration => {
                let guest = guests.registration_veto()?;
                guest.call_registering(store, account, plugin).await?
            }
            Question::Password => {
                let guest = guests.password_veto()?;
                guest.call_changing(store, account, plugin).await?
            }
            Question::Removal => {
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
