//! Where the rosters of a host are stored: in the server's own database, or by the host's roster provider. A store keeps states; what
//! follows from a change of them is the same for all stores, and is done by the other files here.

use async_trait::async_trait;
use waxwing_plugins::{RosterChange, RosterProvider};
use waxwing_xmpp::{jid::BareJid, roster::Item, subscription::SubscriptionAction};

use super::RosterError;

/// A whole roster.
pub(super) struct Roster {
    /// What names this state of it; `None` where there are no versions.
    pub(super) version: Option<String>,
    pub(super) items: Vec<Item>,
}

/// What became of a contact in a roster.
pub(super) struct Step {
    /// What names the state of the roster by that.
    pub(super) version: String,
    pub(super) contact: BareJid,
    /// `None`: it is no longer there.
    pub(super) item: Option<Item>,
}

/// Stores rosters. A change is durable when its call returns, and an error has changed nothing. Calls about one account come one
/// after the other.
#[async_trait]
pub(super) trait RosterStore: Send + Sync {
    /// The roster of an account.
    async fn load(&self, account: &BareJid) -> Result<Roster, RosterError>;

    /// What became of the roster after that version, in order, of each contact the newest. `None`: that is not known, or is
    /// more than is told one by one.
    async fn since(
        &self,
        _account: &BareJid,
        _version: &str,
    ) -> Result<Option<Vec<Step>>, RosterError> {
        Ok(None)
    }

    /// What is in the roster about a contact.
    async fn item(&self, account: &BareJid, contact: &BareJid)
    -> Result<Option<Item>, RosterError>;

    /// The requests that wait for an account's answer, as they came, oldest first.
    async fn requests(&self, account: &BareJid) -> Result<Vec<(BareJid, Vec<u8>)>, RosterError>;

    /// The user gives a contact a name and groups.
    async fn update(
        &self,
        account: &BareJid,
        contact: &BareJid,
        name: Option<String>,
        groups: Vec<String>,
    ) -> Result<RosterChange, RosterError>;

    /// The user removes a contact. What the contact asked goes on waiting.
    async fn remove(
        &self,
        account: &BareJid,
        contact: &BareJid,
    ) -> Result<RosterChange, RosterError>;

    /// The user says a word to a contact.
    async fn outbound(
        &self,
        account: &BareJid,
        contact: &BareJid,
        word: SubscriptionAction,
    ) -> Result<RosterChange, RosterError>;

    /// A contact says a word to the user; `request` is the stanza, to be kept where it waits for an answer. `None`: there is
    /// no such account.
    async fn inbound(
        &self,
        account: &BareJid,
        contact: &BareJid,
        word: SubscriptionAction,
        request: Vec<u8>,
    ) -> Result<Option<RosterChange>, RosterError>;
}

/// A plugin's rosters.
#[async_trait]
impl RosterStore for RosterProvider {
    async fn load(&self, account: &BareJid) -> Result<Roster, RosterError> {
        let roster = self.contacts(account).await?;
        Ok(Roster {
            version: roster.version,
            items: roster.items,
        })
    }

    async fn item(
        &self,
        account: &BareJid,
        contact: &BareJid,
    ) -> Result<Option<Item>, RosterError> {
        Ok(self.contact(account, contact).await?)
    }

    async fn requests(&self, account: &BareJid) -> Result<Vec<(BareJid, Vec<u8>)>, RosterError> {
        let pending = self.pending(account).await?.into_iter();
        Ok(pending
            .map(|(contact, stanza)| (contact, stanza.into_bytes()))
            .collect())
    }

    async fn update(
        &self,
        account: &BareJid,
        contact: &BareJid,
        name: Option<String>,
        groups: Vec<String>,
    ) -> Result<RosterChange, RosterError> {
        Ok(Self::update(self, account, contact, name, groups).await?)
    }

    async fn remove(
        &self,
        account: &BareJid,
        contact: &BareJid,
    ) -> Result<RosterChange, RosterError> {
        Ok(Self::remove(self, account, contact).await?)
    }

    async fn outbound(
        &self,
        account: &BareJid,
        contact: &BareJid,
        word: SubscriptionAction,
    ) -> Result<RosterChange, RosterError> {
        Ok(Self::outbound(self, account, contact, word).await?)
    }

    async fn inbound(
        &self,
        account: &BareJid,
        contact: &BareJid,
        word: SubscriptionAction,
        request: Vec<u8>,
    ) -> Result<Option<RosterChange>, RosterError> {
        let stanza = String::from_utf8_lossy(&request).into_owned();
        let changed = Self::inbound(self, account, contact, word, stanza).await?;
        Ok(Some(changed))
    }
}
