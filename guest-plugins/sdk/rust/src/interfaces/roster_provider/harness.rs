//! A provider of rosters, asked as the host asks it.

use crate::harness::Harness;
use crate::{
    Change, Contact, Plugin, Request, Roster, RosterFailure, RosterProvider, RosterSession,
    SubscriptionAction,
};

impl<P: RosterProvider> Harness<P> {
    fn provide<R>(
        &mut self,
        f: impl FnOnce(&P) -> Result<R, RosterFailure>,
    ) -> Result<R, RosterFailure> {
        self.world.provides = true;
        let answer = self.call(f);
        self.world.provides = false;
        answer.unwrap_or(Err(RosterFailure::Unavailable))
    }

    /// The roster of an account. A panic is a provider that cannot tell, here as in the rest.
    pub fn contacts(&mut self, account: &str) -> Result<Roster, RosterFailure> {
        self.provide(|plugin| plugin.contacts(account))
    }

    /// One contact of an account.
    pub fn contact(
        &mut self,
        account: &str,
        contact: &str,
    ) -> Result<Option<Contact>, RosterFailure> {
        self.provide(|plugin| plugin.contact(account, contact))
    }

    /// The user gives a contact a name and groups.
    pub fn update(
        &mut self,
        account: &str,
        contact: &str,
        name: Option<&str>,
        groups: &[&str],
    ) -> Result<Change, RosterFailure> {
        let name = name.map(str::to_owned);
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        self.provide(|plugin| plugin.update(account, contact, name, groups))
    }

    /// The user removes a contact.
    pub fn remove(&mut self, account: &str, contact: &str) -> Result<Change, RosterFailure> {
        self.provide(|plugin| plugin.remove(account, contact))
    }

    /// The requests that wait for the user's answer.
    pub fn pending(&mut self, account: &str) -> Result<Vec<Request>, RosterFailure> {
        self.provide(|plugin| plugin.pending(account))
    }

    /// The user says a word to a contact.
    pub fn send_subscription(
        &mut self,
        account: &str,
        contact: &str,
        word: SubscriptionAction,
    ) -> Result<Change, RosterFailure> {
        self.provide(|plugin| plugin.outbound(account, contact, word))
    }

    /// A contact says a word to the user.
    pub fn receive_subscription(
        &mut self,
        account: &str,
        contact: &str,
        word: SubscriptionAction,
        stanza: &str,
    ) -> Result<Change, RosterFailure> {
        self.provide(|plugin| plugin.inbound(account, contact, word, stanza))
    }

    /// A session comes.
    pub fn arrive(&mut self, jid: &str, id: u64) {
        let session = RosterSession {
            jid: jid.to_owned(),
            id,
        };
        // The host goes on where a provider failed over it.
        let told = self.provide(|plugin| {
            plugin.bind(&session);
            Ok(())
        });
        drop(told);
    }

    /// A session goes.
    pub fn depart(&mut self, jid: &str, id: u64) {
        let session = RosterSession {
            jid: jid.to_owned(),
            id,
        };
        let told = self.provide(|plugin| {
            plugin.unbind(&session);
            Ok(())
        });
        drop(told);
    }
}

impl<P: Plugin> Harness<P> {
    /// What an account has in the roster that the server keeps.
    pub fn roster(&self, account: &str) -> Vec<Contact> {
        let roster = self.world.rosters.get(account);
        roster
            .map(|roster| roster.values().cloned().collect())
            .unwrap_or_default()
    }

    /// Takes what the plugin has said of rosters that it provides: each account and contact.
    pub fn changed(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.world.changed)
    }
}
