//! Stanzas on the receiving side, for a session and for an account that has none to take them; and what sessions say of themselves.

use super::Harness;
use super::outcome::{Outcome, Pending};
use crate::native::xml;
use crate::{Deliver, Offline, Presence, PresenceStep, Stanza, jid};

/// From whom stanzas are that do not say it.
const SENDER: &str = "romeo@localhost/orchard";

impl<P: Deliver> Harness<P> {
    /// Sends a stanza to a session, given by its full JID, through the plugin's hook. The sender is the attribute `from`, or
    /// `romeo@localhost/orchard`.
    pub fn deliver(&mut self, session: &str, xml: &str) -> Outcome {
        let stanza = match arriving(jid::domain(session), xml) {
            Ok(stanza) => stanza,
            Err(why) => return Outcome::Malformed(why),
        };
        let account = jid::bare(session);
        let Some(policy) = self.subscriptions.deliver(&stanza, account, &self.world) else {
            return Outcome::NotAsked;
        };
        let verdict = self.call(|plugin| plugin.filter(&stanza, session));
        Pending::of_verdict(verdict, policy).finish(&stanza)
    }
}

impl<P: Offline> Harness<P> {
    /// Sends a message to an account, given by its bare JID, that has no session to take it, through the plugin's hook. One
    /// that passes is kept.
    pub fn offline(&mut self, account: &str, xml: &str) -> Outcome {
        let message = match arriving(jid::domain(account), xml) {
            Ok(message) => message,
            Err(why) => return Outcome::Malformed(why),
        };
        let Some(policy) = self.subscriptions.offline(&message, account, &self.world) else {
            return Outcome::NotAsked;
        };
        let verdict = self.call(|plugin| plugin.filter(&message, account));
        Pending::of_keeping(verdict, policy).finish(&message)
    }
}

impl<P: Presence> Harness<P> {
    /// Has a session, given by its full JID and its id, say presence to all who may see it, through the plugin's hook.
    pub fn presence(
        &mut self,
        (session, id): (&str, u64),
        step: PresenceStep,
        xml: &str,
    ) -> Outcome {
        let presence = match self.stamped(session, xml) {
            Ok(presence) => presence,
            Err(why) => return Outcome::Malformed(why),
        };
        let is_unavailable = presence.subtype() == "unavailable";
        if presence.recipient().is_some() || is_unavailable != (step == PresenceStep::Unavailable) {
            return Outcome::Malformed("such a presence does not do that".to_owned());
        }
        let Some(policy) = self.subscriptions.presence(&presence, step) else {
            return Outcome::NotAsked;
        };
        let showing = self.call(|plugin| plugin.filter(&presence, id, step));
        Pending::of_showing(showing, step, policy, &presence).finish(&presence)
    }

    /// An available session is gone without a word. False: the plugin does not want to hear of it.
    pub fn presence_ended(&mut self, session: &str, id: u64) -> bool {
        let wants = self.subscriptions.presence_ends();
        if wants {
            // Nobody is left to hear of a panic.
            drop(self.call(|plugin| plugin.ended(session, id)));
        }
        wants
    }
}

/// A stanza on behalf of the receiving side's host.
fn arriving(host: &str, xml: &str) -> Result<Stanza, String> {
    let mut element = xml::parse(xml)?;
    if element.attribute("from").is_none() {
        element.set_attribute("from", Some(SENDER));
    }
    let stanza = Stanza::new(host, element);
    stanza.ok_or_else(|| "this is no message, presence or iq".to_owned())
}
