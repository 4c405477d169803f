//! Roster hooks as the server asks them: what clients are shown of a roster, and what may become of what users do with it. Asked on
//! the thread of `asks`, since a word is heard by an account whose sessions are anywhere, or nowhere.

use waxwing_xmpp::error::StanzaError;
use waxwing_xmpp::jid::BareJid;
use waxwing_xmpp::roster::Item;
use waxwing_xmpp::stanza::Stanza;
use waxwing_xmpp::subscription::SubscriptionAction;

use crate::accounting::trace::About;
use crate::calls::caller::Caller;
use crate::dispatch::server_events::Inlet;
use crate::exports::Call;
use crate::exports::roster_hook::{Fate, RosterItemUpdate, Ruling, Say, Set, Show};
use crate::imports::stanzas::HostStanza;
use crate::model::effects::failure;
use crate::model::filter::{RosterAct, Sender};

/// What of these questions takes turns with its like.
const SORT: &str = "roster-hook";

/// What a user calls a contact, and the groups it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactLabel {
    /// Its name.
    pub name: Option<String>,
    /// Its groups.
    pub groups: Vec<String>,
}

/// What becomes of a word about a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum WordVerdict {
    /// It goes on.
    Pass,
    /// It has not been said.
    Drop,
}

/// Each gives the error for whoever asked, which is also what a hook that fails comes to, unless it fails open.
impl Inlet {
    /// Whether any hook wants to be asked about this. Cheap.
    #[must_use]
    pub fn wants_roster(&self, act: RosterAct) -> bool {
        self.shared().is_some_and(|shared| {
            let now = shared.registry.now();
            !now.roster.is_empty() && now.roster.iter().any(|hook| hook.filter.matches(act))
        })
    }

    /// What the clients of an account are shown of these contacts.
    pub async fn shown(
        &self,
        account: &BareJid,
        items: Vec<Item>,
    ) -> Result<Vec<Item>, StanzaError> {
        let account = account.clone();
        self.ask_hooks(move |chain| async move { chain.show(account, items).await })
            .await
    }

    /// How a client's wish to give a contact a name and groups is to be done.
    pub async fn may_update(
        &self,
        account: &BareJid,
        contact: &BareJid,
        class: Sender,
        label: ContactLabel,
    ) -> Result<ContactLabel, StanzaError> {
        let (account, contact) = (account.clone(), contact.clone());
        self.ask_hooks(move |chain| async move {
            let act = RosterAct::Update(class);
            let set = chain.set(act, account, contact, Some(label.into()));
            // There is one, since there was one.
            set.await?.map(ContactLabel::from).ok_or_else(failure)
        })
        .await
    }

    /// Whether a client may remove a contact.
    pub async fn may_remove(
        &self,
        account: &BareJid,
        contact: &BareJid,
        class: Sender,
    ) -> Result<(), StanzaError> {
        let (account, contact) = (account.clone(), contact.clone());
        self.ask_hooks(move |chain| async move {
            let act = RosterAct::Remove(class);
            chain.set(act, account, contact, None).await.map(drop)
        })
        .await
    }

    /// What becomes of a word that a user says (`RosterAct::Outbound`) or is told (`RosterAct::Inbound`), in that stanza.
    pub async fn may_say(
        &self,
        act: RosterAct,
        account: &BareJid,
        contact: &BareJid,
        presence: Stanza,
    ) -> Result<WordVerdict, StanzaError> {
        let (word, is_outbound) = match act {
            RosterAct::Outbound(_, word) => (word, true),
            RosterAct::Inbound(_, word) => (word, false),
            RosterAct::Show | RosterAct::Update(_) | RosterAct::Remove(_) => {
                return Ok(WordVerdict::Pass);
            }
        };
        let parties = (account.clone(), contact.clone());
        self.ask_hooks(move |chain| async move {
            chain.say(act, parties, (word, is_outbound), presence).await
        })
        .await
    }

    async fn ask_hooks<T, F>(
        &self,
        work: impl FnOnce(Chain) -> F + Send + 'static,
    ) -> Result<T, StanzaError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StanzaError>> + 'static,
    {
        let shared = self.shared().ok_or_else(failure)?;
        let asked = shared.asks.ask(SORT, |caller| work(Chain(caller)));
        // Only a platform that stops answers nothing.
        asked.await.unwrap_or_else(|| Err(failure()))
    }
}

/// Asks the hooks that want it, one after the other.
struct Chain(std::rc::Rc<Caller>);

impl Chain {
    /// Has each hook that wants it called, as `call` says, until `take` has an error. What fails open is left out.
    async fn each<S, C: Call>(
        &self,
        (act, account): (RosterAct, &BareJid),
        state: &mut S,
        call: impl Fn(&S) -> C,
        mut take: impl FnMut(&mut S, C::Answer) -> Result<Next, StanzaError>,
    ) -> Result<(), StanzaError> {
        let snapshot = self.0.shared.registry.keep();
        let host = account.domain().as_str();
        let asked = snapshot.roster.iter();
        for hook in asked.filter(|hook| hook.filter.matches(act)) {
            let about = About::Account(account.as_str());
            let answer = self.0.one(&hook.plugin, host, about, call(state)).await;
            match answer {
                Ok(answer) => match take(state, answer)? {
                    Next::Goes => {}
                    Next::Ends => return Ok(()),
                },
                Err(_) if hook.fails_open() => {}
                Err(_) => return Err(failure()),
            }
        }
        Ok(())
    }

    async fn show(&self, account: BareJid, mut items: Vec<Item>) -> Result<Vec<Item>, StanzaError> {
        let call = |items: &Vec<Item>| Show {
            account: account.clone(),
            items: items.clone(),
        };
        let about = (RosterAct::Show, &account);
        self.each(about, &mut items, call, |items, view| {
            if let Some(view) = view {
                *items = view;
            }
            Ok(Next::Goes)
        })
        .await?;
        Ok(items)
    }

    async fn set(
        &self,
        act: RosterAct,
        account: BareJid,
        contact: BareJid,
        mut label: Option<RosterItemUpdate>,
    ) -> Result<Option<RosterItemUpdate>, StanzaError> {
        let call = |label: &Option<RosterItemUpdate>| Set {
            account: account.clone(),
            contact: contact.clone(),
            label: label.clone(),
        };
        let about = (act, &account);
        self.each(about, &mut label, call, |label, ruling| match ruling {
            Ruling::Pass => Ok(Next::Goes),
            Ruling::Change(changed) => {
                *label = Some(changed);
                Ok(Next::Goes)
            }
            Ruling::Deny(error) => Err(error),
        })
        .await?;
        Ok(label)
    }

    async fn say(
        &self,
        act: RosterAct,
        (account, contact): (BareJid, BareJid),
        (word, is_outbound): (SubscriptionAction, bool),
        presence: Stanza,
    ) -> Result<WordVerdict, StanzaError> {
        let lent = HostStanza::new(presence, self.0.shared.host(account.domain().as_str()));
        let call = |_: &WordVerdict| Say {
            account: account.clone(),
            contact: contact.clone(),
            word,
            presence: lent.clone(),
            is_outbound,
        };
        let mut verdict = WordVerdict::Pass;
        let about = (act, &account);
        self.each(about, &mut verdict, call, |verdict, fate| match fate {
            Fate::Pass => Ok(Next::Goes),
            Fate::Drop => {
                *verdict = WordVerdict::Drop;
                Ok(Next::Ends)
            }
            Fate::Bounce(error) => Err(error),
        })
        .await?;
        Ok(verdict)
    }
}

/// Whether the next hook is asked.
enum Next {
    Goes,
    Ends,
}

impl From<ContactLabel> for RosterItemUpdate {
    fn from(label: ContactLabel) -> Self {
        let ContactLabel { name, groups } = label;
        Self { name, groups }
    }
}

impl From<RosterItemUpdate> for ContactLabel {
    fn from(label: RosterItemUpdate) -> Self {
        let RosterItemUpdate { name, groups } = label;
        Self { name, groups }
    }
}
