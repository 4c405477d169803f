//! Calls of roster hooks: what clients see of a roster, and which edits and subscription stanzas pass. They are made in
//! the background, since the account may have sessions on any shard, or none.

use waxwing_xmpp::error::StanzaError;
use waxwing_xmpp::jid::BareJid;
use waxwing_xmpp::roster::Item;
use waxwing_xmpp::stanza::Stanza;
use waxwing_xmpp::subscription::SubscriptionAction;

use crate::accounting::trace::About;
use crate::calls::caller::Caller;
use crate::dispatch::server_events::PluginEvents;
use crate::exports::Call;
use crate::exports::roster_hook::{
    ActionVerdict, JudgeAction, RosterItemUpdate, ShowRoster, UpdateItem, UpdateVerdict,
};
use crate::model::effects::failure;
use crate::model::filter::{RosterAct, Sender};
use crate::wit::resources::HostStanza;

/// The sort of these background calls.
const SORT: &str = "roster-hook";

/// What a user calls a contact, and the groups it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactLabel {
    /// Its name.
    pub name: Option<String>,
    /// Its groups.
    pub groups: Vec<String>,
}

/// What hooks decided about a subscription stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum SubscriptionVerdict {
    /// It is routed.
    Pass,
    /// It is discarded without an answer.
    Drop,
}

/// Each method gives the error to answer the client with; a hook that fails gives one too, unless it fails open.
impl PluginEvents {
    /// Whether any hook wants to be asked about this. Cheap.
    #[must_use]
    pub fn wants_roster(&self, act: RosterAct) -> bool {
        self.dispatcher().is_some_and(|dispatcher| {
            let now = dispatcher.context.registry.now();
            let mut hooks = now.hooks.roster_hook.iter();
            hooks.any(|hook| hook.filter.matches(act))
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

    /// The name and groups that a client's edit of a contact may set.
    pub async fn may_update(
        &self,
        account: &BareJid,
        contact: &BareJid,
        class: Sender,
        update: ContactLabel,
    ) -> Result<ContactLabel, StanzaError> {
        let (account, contact) = (account.clone(), contact.clone());
        self.ask_hooks(move |chain| async move {
            let act = RosterAct::Update(class);
            let set = chain.set(act, account, contact, Some(update.into()));
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

    /// Whether a subscription stanza that a user sends (`RosterAct::Outbound`) or gets (`RosterAct::Inbound`) passes.
    pub async fn may_say(
        &self,
        act: RosterAct,
        account: &BareJid,
        contact: &BareJid,
        presence: Stanza,
    ) -> Result<SubscriptionVerdict, StanzaError> {
        let (action, is_outbound) = match act {
            RosterAct::Outbound(_, action) => (action, true),
            RosterAct::Inbound(_, action) => (action, false),
            RosterAct::Show | RosterAct::Update(_) | RosterAct::Remove(_) => {
                return Ok(SubscriptionVerdict::Pass);
            }
        };
        let parties = (account.clone(), contact.clone());
        self.ask_hooks(move |chain| async move {
            chain
                .judge(act, parties, (action, is_outbound), presence)
                .await
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
        let dispatcher = self.dispatcher().ok_or_else(failure)?;
        let background = &dispatcher.background;
        let asked = background.call(SORT, |caller| work(Chain(caller)));
        // Only a platform that stops or is overloaded answers nothing.
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
        let snapshot = self.0.context.registry.keep();
        let host = account.domain().as_str();
        let asked = snapshot.hooks.roster_hook.iter();
        for hook in asked.filter(|hook| hook.filter.matches(act)) {
            let about = About::Account(account.as_str());
            let answer = self
                .0
                .call_and_commit(&hook.plugin, host, about, call(state))
                .await;
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
        let call = |items: &Vec<Item>| ShowRoster {
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
        mut update: Option<RosterItemUpdate>,
    ) -> Result<Option<RosterItemUpdate>, StanzaError> {
        let call = |update: &Option<RosterItemUpdate>| UpdateItem {
            account: account.clone(),
            contact: contact.clone(),
            update: update.clone(),
        };
        let about = (act, &account);
        self.each(about, &mut update, call, |update, verdict| match verdict {
            UpdateVerdict::Pass => Ok(Next::Goes),
            UpdateVerdict::Replace(changed) => {
                *update = Some(changed);
                Ok(Next::Goes)
            }
            UpdateVerdict::Deny(error) => Err(error),
        })
        .await?;
        Ok(update)
    }

    async fn judge(
        &self,
        act: RosterAct,
        (account, contact): (BareJid, BareJid),
        (action, is_outbound): (SubscriptionAction, bool),
        presence: Stanza,
    ) -> Result<SubscriptionVerdict, StanzaError> {
        let lent = HostStanza::new(
            presence,
            self.0.context.services.host(account.domain().as_str()),
        );
        let call = |_: &SubscriptionVerdict| JudgeAction {
            account: account.clone(),
            contact: contact.clone(),
            action,
            presence: lent.clone(),
            is_outbound,
        };
        let mut verdict = SubscriptionVerdict::Pass;
        let about = (act, &account);
        self.each(
            about,
            &mut verdict,
            call,
            |verdict, decided| match decided {
                ActionVerdict::Pass => Ok(Next::Goes),
                ActionVerdict::Drop => {
                    *verdict = SubscriptionVerdict::Drop;
                    Ok(Next::Ends)
                }
                ActionVerdict::Bounce(error) => Err(error),
            },
        )
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
    fn from(update: ContactLabel) -> Self {
        let ContactLabel { name, groups } = update;
        Self { name, groups }
    }
}

impl From<RosterItemUpdate> for ContactLabel {
    fn from(update: RosterItemUpdate) -> Self {
        let RosterItemUpdate { name, groups } = update;
        Self { name, groups }
    }
}
