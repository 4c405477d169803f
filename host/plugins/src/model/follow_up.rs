//! What the server does after a call.

use waxwing_xmpp::jid::{BareJid, FullJid};

/// What the server does after the answer to the call was handed to its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowUp {
    /// Closes every stream of the account with `not-authorized`: it was removed.
    EndSessions {
        /// The account.
        account: BareJid,
    },
    /// Closes one stream with `policy-violation`, if it is there.
    EndSession {
        /// Its address.
        session: FullJid,
    },
    /// Gives a contact in an account's roster a name and groups, as if the user had done it.
    UpdateContact {
        /// Whose roster.
        account: BareJid,
        /// The contact.
        contact: BareJid,
        /// Its name.
        name: Option<String>,
        /// Its groups.
        groups: Vec<String>,
    },
    /// Removes a contact from an account's roster, as if the user had done it.
    RemoveContact {
        /// Whose roster.
        account: BareJid,
        /// The contact.
        contact: BareJid,
    },
    /// Reads again what the roster's provider has about a contact, and pushes it to the account's sessions.
    ContactChanged {
        /// Whose roster.
        account: BareJid,
        /// The contact.
        contact: BareJid,
    },
}

impl FollowUp {
    /// Whether it changes a roster.
    pub(crate) const fn is_roster_change(&self) -> bool {
        matches!(
            self,
            Self::UpdateContact { .. } | Self::RemoveContact { .. }
        )
    }
}
