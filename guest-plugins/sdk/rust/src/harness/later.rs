//! What comes outside of anybody's stream, and what a call sends or puts off.

use super::outcome::{Outcome, Pending, Xml};
use super::{Harness, reply, xml};
use crate::native::world::Published;
use crate::{
    AccountEvents, Component, Deferred, Event, Handled, LateIqHandler, PasswordVeto, Plugin,
    PluginEvents, RegistrationVeto, RemovalVeto, ReplyHandler, Session, SessionEvents, Stanza,
    StanzaError, TimerHandler, jid,
};

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
    pub fn settled(&self, token: u64) -> Option<Outcome> {
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

    fn token(&mut self) -> u64 {
        self.world.last_token = self.world.last_token.saturating_add(1);
        self.world.may_promise = Some(self.world.last_token);
        self.world.last_token
    }

    fn promise(&mut self, token: u64, request: &Stanza, is_kept: bool) {
        self.world.may_promise = None;
        if is_kept {
            self.promised.insert(token, request.clone());
            if self.world.settled.iter().all(|(one, _)| *one != token) {
                self.world.promised.insert(token);
            }
        }
    }
}

impl<P: LateIqHandler> Harness<P> {
    /// Sends an iq request from a full JID to the plugin's iq handler. What it promises to answer later is seen by
    /// [`settled`](Self::settled).
    pub fn late_iq_from(&mut self, sender: &str, xml: &str) -> Outcome {
        let request = match self.stamped(sender, xml) {
            Ok(request) => request,
            Err(why) => return Outcome::Malformed(why),
        };
        if !self.subscriptions.iq(&request, &self.world.hosts) {
            return Outcome::NotAsked;
        }
        let token = self.token();
        let promise = self.call(|plugin| plugin.handle(&request, token));
        self.promise(token, &request, matches!(promise, Ok(Deferred::Later(_))));
        let answer = match promise {
            Ok(Deferred::Later(_)) => return Outcome::Deferred(token),
            Ok(Deferred::Now(answer)) => Ok(answer),
            Err(words) => Err(words),
        };
        Pending::of_answer(answer).finish(&request)
    }
}

impl<P: Component> Harness<P> {
    /// Sends a stanza from a full JID to the plugin's domain.
    pub fn component_from(&mut self, sender: &str, xml: &str) -> Outcome {
        let stanza = match self.stamped(sender, xml) {
            Ok(stanza) => stanza,
            Err(why) => return Outcome::Malformed(why),
        };
        let domain = stanza.recipient().map(|to| jid::domain(&to).to_owned());
        if !domain.is_some_and(|domain| self.world.components.contains(&domain)) {
            return Outcome::NotAsked;
        }
        let token = self.token();
        let handled = self.call(|plugin| plugin.handle(&stanza, token));
        self.promise(token, &stanza, matches!(handled, Ok(Handled::Later(_))));
        Pending::of_handled(handled, token).finish(&stanza)
    }
}

impl<P: ReplyHandler> Harness<P> {
    /// Gives the answer to the request of a token, as whom it was sent to.
    pub fn reply(&mut self, token: u64, xml: &str) -> Result<(), String> {
        let sent = self.world.sent.iter();
        let mut asked = sent.filter(|sent| sent.token == Some(token));
        let asked = asked.next().ok_or("the plugin sent no such request")?;
        let to = asked.stanza.attribute("to").unwrap_or_default().to_owned();
        let reply = self.stamped(&to, xml)?;
        self.call(|plugin| plugin.answered(token, &reply))
    }

    /// No answer comes to the request of a token.
    pub fn time_out(&mut self, token: u64) -> Result<(), String> {
        self.call(|plugin| plugin.timed_out(token))
    }
}

impl<P: TimerHandler> Harness<P> {
    /// Calls the plugin for each timer that is due, and says for how many it was.
    pub fn run_timers(&mut self) -> Result<usize, String> {
        let now = self.world.elapsed;
        let due = self.world.timers.iter();
        let due = due.filter(|(_, timer)| timer.due <= now);
        let due: Vec<String> = due.map(|(name, _)| name.clone()).collect();
        for name in &due {
            if let Some(mut timer) = self.world.timers.remove(name)
                && let Some(period) = timer.period
            {
                timer.due = now.saturating_add(period);
                self.world.timers.insert(name.clone(), timer);
            }
            self.call(|plugin| plugin.due(name))?;
        }
        Ok(due.len())
    }
}

impl<P: AccountEvents> Harness<P> {
    /// Tells that an account was made.
    pub fn registered(&mut self, account: &str) -> Result<(), String> {
        self.world
            .accounts
            .insert(account.to_owned(), String::new());
        self.call(|plugin| plugin.registered(account))
    }

    /// Tells that an account has a new password.
    pub fn password_changed(&mut self, account: &str) -> Result<(), String> {
        self.call(|plugin| plugin.password_changed(account))
    }

    /// Tells that an account was removed.
    pub fn removed(&mut self, account: &str) -> Result<(), String> {
        self.world.accounts.remove(account);
        self.call(|plugin| plugin.removed(account))
    }

    /// Tells that the operator disabled an account: `accounts::list` leaves it out from now on.
    pub fn disabled(&mut self, account: &str) -> Result<(), String> {
        self.world.disabled.insert(account.to_owned());
        self.call(|plugin| plugin.disabled(account))
    }

    /// Tells that the operator enabled an account again.
    pub fn enabled(&mut self, account: &str) -> Result<(), String> {
        self.world.disabled.remove(account);
        self.call(|plugin| plugin.enabled(account))
    }
}

impl<P: SessionEvents> Harness<P> {
    /// Tells that a resource was bound, by its full JID.
    pub fn bound(&mut self, jid: &str, id: u64) -> Result<(), String> {
        let session = Session {
            jid: jid.to_owned(),
            id,
        };
        self.call(|plugin| plugin.bound(&session))
    }

    /// Tells that a session ended.
    pub fn unbound(&mut self, jid: &str, id: u64) -> Result<(), String> {
        let session = Session {
            jid: jid.to_owned(),
            id,
        };
        self.call(|plugin| plugin.unbound(&session))
    }
}

impl<P: PluginEvents> Harness<P> {
    /// Tells what a plugin of that name published; false if the manifest does not listen to it.
    pub fn event(
        &mut self,
        source: &str,
        name: &str,
        version: u32,
        data: &[u8],
    ) -> Result<bool, String> {
        if !self.subscriptions.event(source, name) {
            return Ok(false);
        }
        let event = Event {
            source: source.to_owned(),
            name: name.to_owned(),
            version,
            data: data.to_vec(),
        };
        self.call(|plugin| plugin.published(&event)).map(|()| true)
    }
}

impl<P: RegistrationVeto> Harness<P> {
    /// Asks whether an account may be made. A panic counts as a denial; its words are the outer error.
    pub fn registering(
        &mut self,
        account: &str,
        plugin: &str,
    ) -> Result<Result<(), StanzaError>, String> {
        self.call(|judge| judge.registering(account, plugin))
    }
}

impl<P: PasswordVeto> Harness<P> {
    /// Asks whether an account may get a new password.
    pub fn changing(
        &mut self,
        account: &str,
        plugin: &str,
    ) -> Result<Result<(), StanzaError>, String> {
        self.call(|judge| judge.changing(account, plugin))
    }
}

impl<P: RemovalVeto> Harness<P> {
    /// Asks whether an account may be removed.
    pub fn removing(
        &mut self,
        account: &str,
        plugin: &str,
    ) -> Result<Result<(), StanzaError>, String> {
        self.call(|judge| judge.removing(account, plugin))
    }
}
