//! A provider of sessions, asked as the host asks it.

use crate::harness::Harness;
use crate::{BoundSession, Claim, SessionEntry, SessionFailure, SessionProvider};

impl<P: SessionProvider> Harness<P> {
    fn record<R>(
        &mut self,
        f: impl FnOnce(&P) -> Result<R, SessionFailure>,
    ) -> Result<R, SessionFailure> {
        self.world.provides = true;
        let answer = self.call(f);
        self.world.provides = false;
        answer.unwrap_or(Err(SessionFailure::Unavailable))
    }

    /// A session claims its full JID; the address is released and claimed again where it is in use. A panic is a provider that
    /// cannot tell, here as in the rest.
    pub fn claim(&mut self, jid: &str, id: u64) -> Result<Claim, SessionFailure> {
        let session = bound(jid, id);
        let claim = self.record(|plugin| plugin.bind(&session))?;
        if claim != Claim::InUse {
            return Ok(claim);
        }
        self.record(|plugin| plugin.release(jid))?;
        self.record(|plugin| plugin.bind(&session))
    }

    /// A session that was bound is over.
    pub fn end(&mut self, jid: &str, id: u64) {
        let session = bound(jid, id);
        // Nobody is left to hear of a panic.
        let _ = self.record(|plugin| {
            plugin.unbind(&session);
            Ok(())
        });
    }

    /// A session is available with that priority, or is not.
    pub fn show(&mut self, jid: &str, id: u64, priority: Option<i8>) -> Result<(), SessionFailure> {
        let session = bound(jid, id);
        let presence = format!("<presence xmlns='jabber:client' from='{jid}'/>");
        let presence = priority.map(|_| presence.as_str());
        self.record(|plugin| plugin.set_presence(&session, priority, presence))
    }

    /// The sessions of an account.
    pub fn resources(&mut self, account: &str) -> Result<Vec<SessionEntry>, SessionFailure> {
        self.record(|plugin| plugin.resources(account))
    }
}

fn bound(jid: &str, id: u64) -> BoundSession {
    BoundSession {
        jid: jid.to_owned(),
        id,
    }
}
