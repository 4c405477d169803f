//! Presence subscriptions between an account and one contact (RFC 6121 §3 and appendix A): which states there are, and what
//! each of the four kinds of stanzas does to them on its way out and on its way in.
//!
//! Pure functions: the caller stores the state, in whichever roster it belongs to.

/// What stands between an account and one contact, seen from the account.
///
/// The nine states of RFC 6121 A.1 are those in which a direction is not both agreed and asked for; [`State::outbound`] and
/// [`State::inbound`] lead to no other from one of them.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the standard's own flags, of which nearly every combination is a state"
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct State {
    /// The account sees the contact's presence.
    pub to: bool,
    /// The contact sees the account's presence.
    pub from: bool,
    /// The account has asked to see the contact's presence, without an answer so far.
    pub pending_out: bool,
    /// The contact has asked to see the account's presence, without an answer so far.
    pub pending_in: bool,
    /// The account has approved the contact's requests before they come (§3.4), and until it withdraws that.
    pub approved: bool,
}

/// A stanza that manages subscriptions: the type of its presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubscriptionAction {
    /// A request to see somebody's presence.
    Subscribe,
    /// It is not wanted any more.
    Unsubscribe,
    /// A request is granted, or will be.
    Subscribed,
    /// A request is denied, or what was granted is withdrawn.
    Unsubscribed,
}

/// What the account's server does with a stanza that the account sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Outbound {
    /// The state afterwards.
    pub state: State,
    /// The stanza is routed to the contact (A.2).
    pub route: bool,
    /// The presence of all the account's resources goes before or after it.
    pub presence: Option<Availability>,
}

/// What the account's server does with a stanza that the contact sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Inbound {
    /// The state afterwards.
    pub state: State,
    /// The stanza is delivered to the account (A.3).
    pub deliver: bool,
    /// What is sent to the contact on behalf of the account.
    pub reply: Option<SubscriptionAction>,
    /// The presence of all the account's resources that goes to the contact.
    pub presence: Option<Availability>,
}

/// What the contact is told of the account's resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// The presence of each that is available, after everything else.
    Current,
    /// That each of them is unavailable, before everything else.
    Unavailable,
}

impl State {
    /// True if the two have nothing to do with each other.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    /// What a stanza of the account does (RFC 6121 §3.1.2, §3.1.5, §3.2.2, §3.3.2, §3.4.2; A.2).
    pub fn outbound(self, action: SubscriptionAction) -> Outbound {
        let mut state = self;
        match action {
            SubscriptionAction::Subscribe => state.pending_out = !self.to,
            SubscriptionAction::Unsubscribe => (state.to, state.pending_out) = (false, false),
            SubscriptionAction::Subscribed if self.from => {}
            SubscriptionAction::Subscribed if self.pending_in => {
                (state.from, state.pending_in) = (true, false);
            }
            SubscriptionAction::Subscribed => state.approved = true,
            SubscriptionAction::Unsubscribed => {
                (state.from, state.pending_in, state.approved) = (false, false, false);
            }
        }
        Outbound::between(action, self, state)
    }

    /// What a stanza of the contact does (RFC 6121 §3.1.3, §3.1.6, §3.2.3, §3.3.3, §3.4.2; A.3).
    pub fn inbound(self, action: SubscriptionAction) -> Inbound {
        let mut state = self;
        match action {
            SubscriptionAction::Subscribe if self.from => {}
            SubscriptionAction::Subscribe if self.approved => {
                (state.from, state.pending_in) = (true, false);
            }
            SubscriptionAction::Subscribe => state.pending_in = true,
            SubscriptionAction::Unsubscribe => (state.from, state.pending_in) = (false, false),
            SubscriptionAction::Subscribed if self.pending_out => {
                (state.to, state.pending_out) = (true, false);
            }
            SubscriptionAction::Subscribed => {}
            SubscriptionAction::Unsubscribed => (state.to, state.pending_out) = (false, false),
        }
        Inbound::between(action, self, state)
    }

    /// What the contact is told of the account's resources when this becomes `after`.
    fn shown(self, after: Self) -> Option<Availability> {
        match (self.from, after.from) {
            (false, true) => Some(Availability::Current),
            (true, false) => Some(Availability::Unavailable),
            _ => None,
        }
    }
}

impl Outbound {
    /// What is to be done about a stanza of the account, where whoever keeps the state has made `after` of `before`. One who
    /// keeps to the tables makes what [`State::outbound`] makes.
    pub fn between(action: SubscriptionAction, before: State, after: State) -> Self {
        let route = match action {
            // Whatever stands here, the two sides may not agree (A.2.1, A.2.2).
            SubscriptionAction::Subscribe | SubscriptionAction::Unsubscribe => true,
            SubscriptionAction::Subscribed => after.from && !before.from,
            SubscriptionAction::Unsubscribed => {
                (before.from || before.pending_in) && !(after.from || after.pending_in)
            }
        };
        Self {
            state: after,
            route,
            presence: before.shown(after),
        }
    }
}

impl Inbound {
    /// What is to be done about a stanza of the contact, where whoever keeps the state has made `after` of `before`. One who
    /// keeps to the tables makes what [`State::inbound`] makes.
    pub fn between(action: SubscriptionAction, before: State, after: State) -> Self {
        let deliver = match action {
            SubscriptionAction::Subscribe => after.pending_in && !before.pending_in,
            SubscriptionAction::Unsubscribe => {
                (before.from || before.pending_in) && !(after.from || after.pending_in)
            }
            SubscriptionAction::Subscribed => after.to && !before.to,
            SubscriptionAction::Unsubscribed => {
                (before.to || before.pending_out) && !(after.to || after.pending_out)
            }
        };
        let granted = action == SubscriptionAction::Subscribe && after.from;
        Self {
            state: after,
            deliver,
            reply: granted.then_some(SubscriptionAction::Subscribed),
            presence: before.shown(after),
        }
    }
}

#[cfg(test)]
#[path = "subscription_tests.rs"]
mod tests;
