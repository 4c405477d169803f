//! Messages that plugins judge before they are kept: one of an account's at a time, and what comes for the account meanwhile waits
//! behind it. What comes for others goes by.

use std::collections::{HashMap, VecDeque};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use waxwing_plugins::{HookVerdict, Sender};
use waxwing_xmpp::{
    jid::{BareJid, Jid},
    stanza::Stanza,
};

use super::{AT_ONCE, Offline, Resolved, ToStore, log};
use crate::delivery::spool_queue::Waiting;

/// An account, and its message if that is to be kept.
pub(super) type Verdict = (BareJid, Option<Resolved>);

/// What waits, by account.
pub(super) struct Lanes<'a> {
    offline: &'a Offline,
    /// Behind what is being judged.
    waiting: HashMap<BareJid, VecDeque<Resolved>>,
    judging: FuturesUnordered<BoxFuture<'a, Verdict>>,
}

impl<'a> Lanes<'a> {
    pub(super) fn new(offline: &'a Offline) -> Self {
        Self {
            offline,
            waiting: HashMap::new(),
            judging: FuturesUnordered::new(),
        }
    }

    /// Whether anything is being judged.
    pub(super) fn are_busy(&self) -> bool {
        !self.judging.is_empty()
    }

    /// Waits until something is judged, and gives all that is. Nothing is lost where it is given up midway.
    pub(super) async fn judged(&mut self) -> Vec<Verdict> {
        let mut judged = Vec::from_iter(self.judging.next().await);
        while judged.len() < AT_ONCE
            && let Some(Some(more)) = self.judging.next().now_or_never()
        {
            judged.push(more);
        }
        judged
    }

    /// What is free now that this is judged, in order.
    pub(super) fn go_on(&mut self, judged: Vec<Verdict>) -> Vec<Resolved> {
        let mut free = Vec::new();
        for (account, judged) in judged {
            free.extend(judged);
            let mut lane = self.waiting.remove(&account).unwrap_or_default();
            while let Some(next) = lane.pop_front() {
                match self.judge(&account, next) {
                    None => {
                        self.waiting.insert(account, lane);
                        break;
                    }
                    Some(next) => free.push(next),
                }
            }
        }
        free
    }

    /// Gives back what is free at once: nothing for its account is being judged, nor has it to be itself.
    pub(super) fn enter(&mut self, resolved: Resolved) -> Option<Resolved> {
        let Some(account) = resolved.account() else {
            self.wait_for_all(&resolved);
            return Some(resolved);
        };
        if let Some(lane) = self.waiting.get_mut(&account) {
            lane.push_back(resolved);
            return None;
        }
        let free = self.judge(&account, resolved);
        if free.is_none() {
            self.waiting.insert(account, VecDeque::new());
        }
        free
    }

    /// An answer about everything is given when each lane is as far.
    fn wait_for_all(&mut self, resolved: &Resolved) {
        if let Resolved::Barrier(None, done) = resolved {
            for lane in self.waiting.values_mut() {
                lane.push_back(Resolved::Barrier(None, done.clone()));
            }
        }
    }

    /// Begins to judge a message, or gives it back if nobody wants to.
    fn judge(&mut self, account: &BareJid, resolved: Resolved) -> Option<Resolved> {
        match resolved {
            Resolved::Store(message) => match self.offline.judge_of(&message, account) {
                Some(sender) => {
                    let judging = self.offline.judge(message, account.clone(), sender);
                    self.judging.push(judging.boxed());
                    None
                }
                None => Some(Resolved::Store(message)),
            },
            other => Some(other),
        }
    }
}

impl Resolved {
    /// The account that it is for, or about.
    fn account(&self) -> Option<BareJid> {
        let of = |stanza: &Stanza| stanza.to().map(Jid::to_bare);
        match self {
            Self::Store(message) => of(&message.stanza),
            Self::SpoolCopy(stanza, ..) => of(stanza),
            Self::Barrier(account, _) => account.clone(),
        }
    }
}

impl Offline {
    /// Who a message is from, if plugins want to judge it: its account is there.
    fn judge_of(&self, message: &ToStore, account: &BareJid) -> Option<Sender> {
        if !matches!(message.id, Ok(Some(_))) || message.stanza.bypasses_hooks() {
            return None;
        }
        let router = &self.router;
        let sender = router.sender(&message.stanza, &Jid::from(account.clone()));
        router
            .inlet()
            .wants_offline(&message.stanza, sender)
            .then_some(sender)
    }

    /// Has plugins judge a message.
    async fn judge(&self, mut message: ToStore, account: BareJid, sender: Sender) -> Verdict {
        let inlet = self.router.inlet();
        match inlet
            .offline(message.stanza.stanza().clone(), &account, sender)
            .await
        {
            Some(HookVerdict::Pass(stanza)) => {
                message.is_altered = stanza.element() != message.stanza.element();
                message.stanza.replace(stanza);
                return (account, Some(Resolved::Store(message)));
            }
            Some(HookVerdict::Bounce(error)) => self.router.refuse(&message.stanza, &error),
            Some(HookVerdict::Drop | HookVerdict::Answer(_)) => {}
            // The server stops, and nobody judges it any more. It is not lost for that: nobody may be there to hear of it.
            None => return (account, Some(Resolved::Store(message))),
        }
        if let Some(receipt) = message.stanza.receipt() {
            // Gone before what is behind it is answered: nobody who is given what waits sees it.
            if let Some((account, id)) = receipt.position() {
                log(self.accounts.spool().remove(account, &[id]).await);
            }
            receipt.delivered();
        }
        message.waiting.into_iter().for_each(Waiting::tell);
        (account, None)
    }
}
