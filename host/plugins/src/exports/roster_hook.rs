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
pub(crate) struct Show {
    pub(crate) account: BareJid,
    pub(crate) items: Vec<Item>,
}

impl Call for Show {
    /// None: as it was given.
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

/// What becomes of a client's wish for its roster.
pub(crate) enum Ruling {
    Pass,
    Change(RosterItemUpdate),
    Deny(StanzaError),
}

/// `update`, or `remove` where there is no label.
pub(crate) struct Set {
    pub(crate) account: BareJid,
    pub(crate) contact: BareJid,
    pub(crate) label: Option<RosterItemUpdate>,
}

impl Call for Set {
    type Answer = Ruling;

    const BUDGET: Duration = HOOK_CPU;

    fn key(&self) -> Option<String> {
        Some(self.account.to_string())
    }

    fn export(&self) -> Export {
        Export::roster_hook
    }

    fn outcome(ruling: &Ruling) -> Outcome {
        match ruling {
            Ruling::Pass => Outcome::Pass,
            Ruling::Change(_) => Outcome::Replace,
            Ruling::Deny(error) => Outcome::Bounce(error.condition),
        }
    }

    async fn make(self, instance: &mut Instance) -> Result<Ruling, Fault> {
        instance.begin();
        let Instance { guests, store, .. } = instance;
        let guest = guests.roster_hook()?;
        let (account, about) = (self.account.as_str(), self.contact.as_str());
        let Some(label) = &self.label else {
            return match guest.call_remove(store, account, about).await? {
                Ok(()) => Ok(Ruling::Pass),
                Err(error) => Ok(Ruling::Deny(stanza_error(error)?)),
            };
        };
        match guest.call_update(store, account, about, label).await? {
            Edit::Pass => Ok(Ruling::Pass),
            Edit::Deny(error) => Ok(Ruling::Deny(stanza_error(error)?)),
            Edit::Replace(label)
                if contacts::is_name(label.name.as_deref())
                    && contacts::are_groups(&label.groups) =>
            {
                Ok(Ruling::Change(label))
            }
            Edit::Replace(_) => Err(Fault::Answer(
                "a contact's name or groups are more than there may be".to_owned(),
            )),
        }
    }
}

/// What becomes of a word.
pub(crate) enum Fate {
    Pass,
    Drop,
    Bounce(StanzaError),
}

/// `outbound`, or `inbound`.
pub(crate) struct Say {
    pub(crate) account: BareJid,
    pub(crate) contact: BareJid,
    pub(crate) word: SubscriptionAction,
    pub(crate) presence: HostStanza,
    /// The user says it.
    pub(crate) is_outbound: bool,
}

impl Call for Say {
    type Answer = Fate;

    const BUDGET: Duration = HOOK_CPU;

    fn key(&self) -> Option<String> {
        Some(self.account.to_string())
    }

    fn export(&self) -> Export {
        Export::roster_hook
    }

    fn outcome(fate: &Fate) -> Outcome {
        match fate {
            Fate::Pass => Outcome::Pass,
            Fate::Drop => Outcome::Drop,
            Fate::Bounce(error) => Outcome::Bounce(error.condition),
        }
    }

    async fn make(self, instance: &mut Instance) -> Result<Fate, Fault> {
        let presence = instance.lend(self.presence);
        let Instance { guests, store, .. } = instance;
        let guest = guests.roster_hook()?;
        let (account, about) = (self.account.as_str(), self.contact.as_str());
        let word = contacts::word(self.word);
        if self.is_outbound {
            let saying = guest.call_outbound(store, account, about, word, presence);
            return match saying.await? {
                OutboundVerdict::Pass => Ok(Fate::Pass),
                OutboundVerdict::Drop => Ok(Fate::Drop),
                OutboundVerdict::Bounce(error) => Ok(Fate::Bounce(stanza_error(error)?)),
            };
        }
        let hearing = guest.call_inbound(store, account, about, word, presence);
        Ok(match hearing.await? {
            InboundVerdict::Pass => Fate::Pass,
            InboundVerdict::Drop => Fate::Drop,
        })
    }
}
