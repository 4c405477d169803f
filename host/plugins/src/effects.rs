//! What a call causes: kept while it runs, carried out when it has returned, forgotten when it traps.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use waxwing_xmpp::jid::BareJid;

use crate::services::{ServiceError, Services};
use crate::state::Call;

/// A change to an account.
#[derive(Debug)]
pub(crate) enum AccountEffect {
    Create { account: BareJid, password: String },
    SetPassword { account: BareJid, password: String },
    Remove { account: BareJid },
}

/// What the server does after the answer to the call was handed to its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// Closes every stream of the account with `not-authorized`: it was removed.
    EndSessions {
        /// The account.
        account: BareJid,
    },
}

/// The names that calls under way are taking. Taking a name is how, of any number of calls, only one succeeds, although
/// the account is made only when the call has returned.
#[derive(Debug, Default)]
pub(crate) struct Reservations(Mutex<HashSet<BareJid>>);

/// A name held until the call's effects are committed or dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    names: Arc<Reservations>,
    account: BareJid,
}

impl Reservations {
    /// Takes a name; none if another call holds it.
    pub(crate) fn take(self: &Arc<Self>, account: &BareJid) -> Option<Reservation> {
        let taken = self.0.lock().insert(account.clone());
        taken.then(|| Reservation {
            names: Arc::clone(self),
            account: account.clone(),
        })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.names.0.lock().remove(&self.account);
    }
}

/// Commits the account changes of a call, in order, and says what to do afterwards. Stops at the first that fails.
pub(crate) async fn commit(
    call: &mut Call,
    services: &dyn Services,
) -> Result<Vec<After>, ServiceError> {
    let mut after = Vec::new();
    for effect in call.accounts.drain(..) {
        match effect {
            AccountEffect::Create { account, password } => {
                services.create_account(&account, &password).await?;
            }
            AccountEffect::SetPassword { account, password } => {
                services.set_password(&account, &password).await?;
            }
            AccountEffect::Remove { account } => {
                services.remove_account(&account).await?;
                after.push(After::EndSessions { account });
            }
        }
    }
    Ok(after)
}
