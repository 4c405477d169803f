//! The export `roster-hook`: what may become of what a user does with a roster.

use std::collections::HashSet;
use std::time::Duration;

use waxwing_xmpp::error::StanzaError;
use waxwing_xmpp::jid::BareJid;
use waxwing_xmpp::roster::Item;
use waxwing_xmpp::subscription::SubscriptionAction;

use crate::exports::Call;
use crate::fault::Fault;
use crate::instance::store::Instance;
use crate::model::asked_limits::HOOK_CPU;
use crate::model::interfaces::{Export, Level};
use crate::model::outcome::Outcome;
use crate::wit::bindings::exports::waxwing::plugin::roster_hook::{
    Edit, InboundVerdict, OutboundVerdict, View,
};
use crate::wit::contacts;
use crate::wit::convert::stanza_error;
use crate::wit::resources::HostStanza;

pub(crate) use crate::wit::bindings::exports::waxwing::plugin::roster_hook::RosterItemUpdate;

/// `show`. It causes nothing that would be shown again.
pub(crate) struct ShowRoster {
    pub(crate) account: BareJid,
    pub(crate) items: Vec<Item>,
}

impl Call for ShowRoster {
    /// None leaves the contacts as they were given.
    type Answer = Option<Vec<Item>>;

    const BUDGET: Duration = HOOK_CPU;
    const LEVEL: Level = Level::Veto;

    fn key(&self) -> Option<String> {
        Some(self.account.to_string())
    }

    fn export(&self) -> Export {
        Export::roster_hook
    }

    fn outcome(view: &Self::Answer) -> Outcome {
        match view {
            None => Outcome::Pass,
            Some(_) => Outcome::Replace,
        }
    }

    async fn make(self, instance: &mut Instance) -> Result<Self::Answer, Fault> {
        instance.begin();
        let given: Vec<_> = self.items.iter().map(contacts::contact).collect();
        let Instance { guests, store, .. } = instance;
        let guest = guests.roster_hook()?;
        let view = guest.call_show(store, self.account.as_str(), &given);
        match view.await? {
            View::Pass => Ok(None),
            View::Replace(contacts) => Ok(Some(distinct(contacts)?)),
        }
    }
}

/// Contacts that a guest gives, each there once.
fn distinct(
    contacts: Vec<crate::wit::bindings::waxwing::plugin::contacts::Contact>,
) -> Result<Vec<Item>, Fault> {
    let items: Result<Vec<Item>, Fault> = contacts.into_iter().map(contacts::item).collect();
    let items = items?;
    let mut seen = HashSet::new();
    if items.iter().all(|item| seen.insert(&item.contact)) {
        Ok(items)
    } else {
        Err(Fault::Answer("a contact is there twice".to_owned()))
    }
}

/// What a hook decides about a client's edit of its roster.
pub(crate) enum UpdateVerdict {
    Pass,
    Replace(RosterItemUpdate),
    Deny(StanzaError),
}

/// `update`, or `remove` where there is no update.
pub(crate) struct UpdateItem {
    pub(crate) account: BareJid,
    pub(crate) contact: BareJid,
    pub(crate) update: Option<RosterItemUpdate>,
}

impl Call for UpdateItem {
    type Answer = UpdateVerdict;

    const BUDGET: Duration = HOOK_CPU;

    fn key(&self) -> Option<String> {
        Some(self.account.to_string())
    }

    fn export(&self) -> Export {
        Export::roster_hook
    }

    fn outcome(verdict: &UpdateVerdict) -> Outcome {
        match verdict {
            UpdateVerdict::Pass => Outcome::Pass,
            UpdateVerdict::Replace(_) => Outcome::Replace,
            UpdateVerdict::Deny(error) => Outcome::Bounce(error.condition),
        }
    }

    async fn make(self, instance: &mut Instance) -> Result<UpdateVerdict, Fault> {
        instance.begin();
        let Instance { guests, store, .. } = instance;
        let guest = guests.roster_hook()?;
        let (account, about) = (self.account.as_str(), self.contact.as_str());
        let Some(update) = &self.update else {
            return match guest.call_remove(store, account, about).await? {
                Ok(()) => Ok(UpdateVerdict::Pass),
                Err(error) => Ok(UpdateVerdict::Deny(stanza_error(error)?)),
            };
        };
        match guest.call_update(store, account, about, update).await? {
            Edit::Pass => Ok(UpdateVerdict::Pass),
            Edit::Deny(error) => Ok(UpdateVerdict::Deny(stanza_error(error)?)),
            Edit::Replace(update)
                if contacts::is_name(update.name.as_deref())
                    && contacts::are_groups(&update.groups) =>
            {
                Ok(UpdateVerdict::Replace(update))
            }
            Edit::Replace(_) => Err(Fault::Answer(
                "a contact's name or groups are more than there may be".to_owned(),
            )),
        }
    }
}

/// What a hook decides about a subscription stanza.
pub(crate) enum ActionVerdict {
    Pass,
    Drop,
    Bounce(StanzaError),
}

/// `outbound`, or `inbound`.
pub(crate) struct JudgeAction {
    pub(crate) account: BareJid,
    pub(crate) contact: BareJid,
    pub(crate) action: SubscriptionAction,
    pub(crate) presence: HostStanza,
    /// The user sends it; otherwise the user gets it.
    pub(crate) is_outbound: bool,
}

impl Call for JudgeAction {
    type Answer = ActionVerdict;

    const BUDGET: Duration = HOOK_CPU;

    fn key(&self) -> Option<String> {
        Some(self.account.to_string())
    }

    fn export(&self) -> Export {
        Export::roster_hook
    }

    fn outcome(verdict: &ActionVerdict) -> Outcome {
        match verdict {
            ActionVerdict::Pass => Outcome::Pass,
            ActionVerdict::Drop => Outcome::Drop,
            ActionVerdict::Bounce(error) => Outcome::Bounce(error.condition),
        }
    }

    async fn make(self, instance: &mut Instance) -> Result<ActionVerdict, Fault> {
        let presence = instance.lend(self.presence);
        let Instance { guests, store, .. } = instance;
        let guest = guests.roster_hook()?;
        let (account, about) = (self.account.as_str(), self.contact.as_str());
        let action = contacts::action(self.action);
        if self.is_outbound {
            let verdict = guest.call_outbound(store, account, about, action, presence);
            return match verdict.await? {
                OutboundVerdict::Pass => Ok(ActionVerdict::Pass),
                OutboundVerdict::Drop => Ok(ActionVerdict::Drop),
                OutboundVerdict::Bounce(error) => Ok(ActionVerdict::Bounce(stanza_error(error)?)),
            };
        }
        let verdict = guest.call_inbound(store, account, about, action, presence);
        Ok(match verdict.await? {
            InboundVerdict::Pass => ActionVerdict::Pass,
            InboundVerdict::Drop => ActionVerdict::Drop,
        })
    }
}
