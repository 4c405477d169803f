//! What users do with their rosters, judged as the host has it judged. What the manifest does not want to judge passes; the error is
//! what a panic said, where the hook fails closed.

use super::Harness;
use crate::bindings::lifecycle::waxwing::plugin::manifest::RosterHookPoints;
use crate::native::address;
use crate::{
    Contact, FaultPolicy, InboundVerdict, OutboundVerdict, RosterEdit, RosterHook,
    RosterItemUpdate, Stanza, StanzaError, SubscriptionAction,
};

impl<P: RosterHook> Harness<P> {
    /// What the clients of an account are shown of these contacts.
    pub fn shown_roster(
        &mut self,
        account: &str,
        contacts: &[Contact],
    ) -> Result<Vec<Contact>, String> {
        let asked = self
            .subscriptions
            .roster(RosterHookPoints::SHOW, None, None);
        self.world.shows = true;
        let shown = self.judged(asked, None, |plugin| plugin.show(account, contacts));
        self.world.shows = false;
        Ok(shown?.unwrap_or_else(|| contacts.to_vec()))
    }

    /// What becomes of a contact to which a client gives a name and groups.
    pub fn updating_contact(
        &mut self,
        account: &str,
        contact: &str,
        label: &RosterItemUpdate,
    ) -> Result<RosterEdit, String> {
        let asked = self.asked(RosterHookPoints::UPDATE, (account, contact), None);
        let pass = RosterEdit::Pass;
        self.judged(asked, pass, |plugin| plugin.update(account, contact, label))
    }

    /// Whether a client may remove a contact.
    pub fn removing_contact(
        &mut self,
        account: &str,
        contact: &str,
    ) -> Result<Result<(), StanzaError>, String> {
        let asked = self.asked(RosterHookPoints::REMOVE, (account, contact), None);
        self.judged(asked, Ok(()), |plugin| plugin.remove(account, contact))
    }

    /// What becomes of a word that a user says to a contact.
    pub fn saying(
        &mut self,
        account: &str,
        contact: &str,
        word: SubscriptionAction,
    ) -> Result<OutboundVerdict, String> {
        let asked = self.asked(RosterHookPoints::OUTBOUND, (account, contact), Some(word));
        let presence = presence(account, contact, word)?;
        self.judged(asked, OutboundVerdict::Pass, |plugin| {
            plugin.outbound(account, contact, word, &presence)
        })
    }

    /// What becomes of a word that an account is told by a contact.
    pub fn hearing(
        &mut self,
        account: &str,
        contact: &str,
        word: SubscriptionAction,
    ) -> Result<InboundVerdict, String> {
        let asked = self.asked(RosterHookPoints::INBOUND, (account, contact), Some(word));
        let presence = presence(contact, account, word)?;
        self.judged(asked, InboundVerdict::Pass, |plugin| {
            plugin.inbound(account, contact, word, &presence)
        })
    }

    fn asked(
        &self,
        point: RosterHookPoints,
        (account, contact): (&str, &str),
        word: Option<SubscriptionAction>,
    ) -> Option<FaultPolicy> {
        let class = address::sender(&self.world, account, Some(contact));
        self.subscriptions.roster(point, Some(class), word)
    }

    fn judged<R>(
        &mut self,
        asked: Option<FaultPolicy>,
        pass: R,
        f: impl FnOnce(&P) -> R,
    ) -> Result<R, String> {
        let Some(policy) = asked else {
            return Ok(pass);
        };
        match self.call(f) {
            Err(_) if policy == FaultPolicy::Open => Ok(pass),
            judged => judged,
        }
    }
}

/// The stanza in which a word is said.
fn presence(from: &str, to: &str, word: SubscriptionAction) -> Result<Stanza, String> {
    let kind = match word {
        SubscriptionAction::Subscribe => "subscribe",
        SubscriptionAction::Subscribed => "subscribed",
        SubscriptionAction::Unsubscribe => "unsubscribe",
        SubscriptionAction::Unsubscribed => "unsubscribed",
    };
    super::stanza(&format!(
        "<presence from='{from}' to='{to}' type='{kind}'/>"
    ))
}
