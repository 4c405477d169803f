//! The import `sessions`, for plugins granted it.

use waxwing_xmpp::jid::{self, FullJid};

use crate::instance::state::State;
use crate::model::follow_up::FollowUp;
use crate::wit::bindings::waxwing::plugin::sessions::{Host, Session, SessionsError};

impl Host for State {
    fn of_account(
        &mut self,
        account: String,
    ) -> wasmtime::Result<Result<Vec<Session>, SessionsError>> {
        self.charge()?;
        if !self.is_granted("sessions") {
            return Ok(Err(SessionsError::NotGranted));
        }
        let Ok(account) = jid::parse_bare(&account) else {
            return Ok(Err(SessionsError::InvalidAddress));
        };
        if !self.services.serves(account.domain().as_str()) {
            return Ok(Err(SessionsError::InvalidAddress));
        }
        let sessions = self.services.server.sessions(&account);
        Ok(Ok(sessions
            .into_iter()
            .map(|(jid, priority)| Session {
                jid: jid.to_string(),
                priority,
            })
            .collect()))
    }

    fn end(&mut self, jid: String) -> wasmtime::Result<Result<(), SessionsError>> {
        self.charge()?;
        if !self.is_granted("sessions") {
            return Ok(Err(SessionsError::NotGranted));
        }
        let session: FullJid = match jid::parse_full(&jid) {
            Ok(session) if self.services.serves(session.domain().as_str()) => session,
            _ => return Ok(Err(SessionsError::InvalidAddress)),
        };
        self.call.follow_ups.push(FollowUp::EndSession { session });
        Ok(Ok(()))
    }
}
