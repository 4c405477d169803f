//! What a call caused: stanzas, events, timers, stored data, late answers.

use super::outcome::{Outcome, Xml};
use super::{Harness, reply, xml};
use crate::native::world::Published;
use crate::{Plugin, Stanza};

/// What the plugin caused.
impl<P: Plugin> Harness<P> {
    /// The stanzas that the plugin sent, in order.
    pub fn sent(&self) -> Vec<Xml> {
        let sent = self.world.sent.iter();
        sent.map(|sent| Xml::from(sent.stanza.clone())).collect()
    }

    /// The events that the plugin published, in order.
    pub fn published(&self) -> &[Published] {
        &self.world.published
    }

    /// The full JIDs of the sessions that the plugin ended, in order.
    pub fn ended(&self) -> &[String] {
        &self.world.ended
    }

    /// The names of the timers that are set, sorted.
    pub fn timers(&self) -> Vec<&str> {
        self.world.timers.keys().map(String::as_str).collect()
    }

    /// What the plugin keeps of its own at a key.
    pub fn stored(&self, key: &str) -> Option<&[u8]> {
        self.stored_of("", key)
    }

    /// What the plugin keeps about an account at a key.
    pub fn stored_of(&self, account: &str, key: &str) -> Option<&[u8]> {
        let keys = self.world.stored.keys.get(account)?;
        keys.get(key).map(Vec::as_slice)
    }

    /// The answer to a request that the plugin promised to answer later; none until it has.
    pub fn late_answer(&self, token: u64) -> Option<Outcome> {
        let request = self.promised.get(&token)?;
        let mut settled = self.world.settled.iter();
        let (_, answer) = settled.find(|(one, _)| *one == token)?;
        Some(match answer {
            Ok(payload) => {
                let payload = payload.as_deref().map(xml::parse).transpose();
                match payload {
                    Ok(payload) => reply::result(request, payload),
                    Err(why) => Outcome::Malformed(why),
                }
            }
            Err(error) => reply::error(request, &error.clone().into()),
        })
    }

    pub(crate) fn token(&mut self) -> u64 {
        self.world.last_token = self.world.last_token.saturating_add(1);
        self.world.may_promise = Some(self.world.last_token);
        self.world.last_token
    }

    pub(crate) fn promise(&mut self, token: u64, request: &Stanza, is_kept: bool) {
        self.world.may_promise = None;
        if is_kept {
            self.promised.insert(token, request.clone());
            if self.world.settled.iter().all(|(one, _)| *one != token) {
                self.world.promised.insert(token);
            }
        }
    }
}
