//! Stanzas on the receiving side: for a session, and for an account that has none to take them.

use super::Harness;
use super::outcome::{Outcome, Pending};
use crate::native::xml;
use crate::{Deliver, Offline, Stanza, jid};

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

/// A stanza on behalf of the receiving side's host.
fn arriving(host: &str, xml: &str) -> Result<Stanza, String> {
    let mut element = xml::parse(xml)?;
    if element.attribute("from").is_none() {
        element.set_attribute("from", Some(SENDER));
    }
    let stanza = Stanza::new(host, element);
    stanza.ok_or_else(|| "this is no message, presence or iq".to_owned())
}
