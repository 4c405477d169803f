//! Who is connected (interface `sessions`).

use crate::jid;
use crate::native::world::{self, World};

pub use crate::bindings::lifecycle::waxwing::plugin::sessions::{Session, SessionsError};

/// The sessions of the account of a bare JID.
pub fn of_account(account: &str) -> Result<Vec<Session>, SessionsError> {
    world::with(|world| {
        check(world, account)?;
        let own = world.sessions.iter();
        let own = own.filter(|session| jid::bare(&session.jid) == account);
        Ok(own.cloned().collect())
    })
}

/// Ends the session of a full JID when the call has returned.
pub fn end(jid: &str) -> Result<(), SessionsError> {
    world::with(|world| {
        check(world, jid)?;
        world.call.ended.push(jid.to_owned());
        Ok(())
    })
}

fn check(world: &World, address: &str) -> Result<(), SessionsError> {
    if !world.grants.contains("sessions") {
        return Err(SessionsError::NotGranted);
    }
    let served = jid::is_valid(address) && world.serves(jid::domain(address));
    served.then_some(()).ok_or(SessionsError::InvalidAddress)
}
