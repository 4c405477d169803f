//! The interface `roster-hook`: what clients do with their rosters and subscriptions.

use crate::bindings::lifecycle::waxwing::plugin::manifest as wit;
use crate::bindings::lifecycle::waxwing::plugin::types::Senders;
use crate::filters::narrowed;
use crate::{Contact, FaultPolicy, Manifest, Plugin, Stanza, StanzaError, SubscriptionAction};

pub use crate::bindings::roster_hook::exports::waxwing::plugin::roster_hook::{
    InboundVerdict, RosterItemUpdate,
};

/// Judges what clients do with rosters and what they are shown of them (interface `roster-hook`, granted as `roster-hook`).
/// The default implementations pass.
pub trait RosterHook: Plugin {
    /// The contacts that the clients of an account are shown instead of these; `None` for these.
    fn show(&self, _account: &str, _contacts: &[Contact]) -> Option<Vec<Contact>> {
        None
    }

    /// A client of the account adds a contact, or sets another name and groups.
    fn update(&self, _account: &str, _contact: &str, _label: &RosterItemUpdate) -> RosterEdit {
        RosterEdit::Pass
    }

    /// A client of the account removes a contact. After an error the contact stays.
    fn remove(&self, _account: &str, _contact: &str) -> Result<(), StanzaError> {
        Ok(())
    }

    /// A client of the account sends a subscription stanza to a contact.
    fn outbound(
        &self,
        _account: &str,
        _contact: &str,
        _word: SubscriptionAction,
        _presence: &Stanza,
    ) -> OutboundVerdict {
        OutboundVerdict::Pass
    }

    /// A contact sends a subscription stanza to the account.
    fn inbound(
        &self,
        _account: &str,
        _contact: &str,
        _word: SubscriptionAction,
        _presence: &Stanza,
    ) -> InboundVerdict {
        InboundVerdict::Pass
    }
}

/// The verdict on a contact that a client adds or changes.
#[must_use = "a verdict decides only when it is returned"]
pub enum RosterEdit {
    /// The server stores the change.
    Pass,
    /// The server stores this name and these groups instead.
    Replace(RosterItemUpdate),
    /// The server stores nothing, and the client gets this error.
    Deny(StanzaError),
}

/// The verdict on a subscription stanza that a client sends.
#[must_use = "a verdict decides only when it is returned"]
pub enum OutboundVerdict {
    /// The server processes it.
    Pass,
    /// The server discards it silently.
    Drop,
    /// The server discards it, and the client gets this error.
    Bounce(StanzaError),
}

/// When a roster hook is called: by default for contacts of all classes, failing closed.
#[derive(Clone, Debug)]
pub struct RosterFilter(pub(crate) wit::RosterFilter);

impl RosterFilter {
    fn new(points: wit::RosterHookPoints, words: wit::SubscriptionActions) -> Self {
        Self(wit::RosterFilter {
            points,
            actions: words,
            contacts: Senders::all(),
            priority: 0,
            on_fault: FaultPolicy::Closed,
        })
    }

    fn on(points: wit::RosterHookPoints) -> Self {
        Self::new(points, wit::SubscriptionActions::empty())
    }

    /// Rosters that clients are shown.
    pub fn shows() -> Self {
        Self::on(wit::RosterHookPoints::SHOW)
    }

    /// Clients that add or change contacts.
    pub fn updates() -> Self {
        Self::on(wit::RosterHookPoints::UPDATE)
    }

    /// Clients that remove contacts.
    pub fn removals() -> Self {
        Self::on(wit::RosterHookPoints::REMOVE)
    }

    /// These subscription stanzas, sent by the account's clients.
    pub fn outbound(words: &[SubscriptionAction]) -> Self {
        Self::new(wit::RosterHookPoints::OUTBOUND, flags(words))
    }

    /// These subscription stanzas, received by the account.
    pub fn inbound(words: &[SubscriptionAction]) -> Self {
        Self::new(wit::RosterHookPoints::INBOUND, flags(words))
    }

    /// Only about contacts at domains that are not served here.
    #[must_use]
    pub fn with_strangers(mut self) -> Self {
        self.0.contacts = Senders::REMOTE | Senders::COMPONENT;
        self
    }
}

narrowed!(
    RosterFilter,
    "When the hook fails, the server proceeds as if it had passed the request."
);

fn flags(words: &[SubscriptionAction]) -> wit::SubscriptionActions {
    let words = words.iter().copied().map(flag);
    words.fold(wit::SubscriptionActions::empty(), |all, one| all | one)
}

pub(crate) fn flag(word: SubscriptionAction) -> wit::SubscriptionActions {
    match word {
        SubscriptionAction::Subscribe => wit::SubscriptionActions::SUBSCRIBE,
        SubscriptionAction::Subscribed => wit::SubscriptionActions::SUBSCRIBED,
        SubscriptionAction::Unsubscribe => wit::SubscriptionActions::UNSUBSCRIBE,
        SubscriptionAction::Unsubscribed => wit::SubscriptionActions::UNSUBSCRIBED,
    }
}

impl Manifest {
    /// Subscribes to what clients do with rosters.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "as its neighbours, whose filters hold text"
    )]
    pub fn roster_hook(mut self, filter: RosterFilter) -> Self {
        self.0
            .subscriptions
            .push(wit::Subscription::RosterHook(filter.0));
        self
    }
}

#[cfg(target_family = "wasm")]
impl From<Option<Vec<Contact>>>
    for crate::bindings::roster_hook::exports::waxwing::plugin::roster_hook::View
{
    fn from(shown: Option<Vec<Contact>>) -> Self {
        shown.map_or(Self::Pass, Self::Replace)
    }
}

#[cfg(target_family = "wasm")]
impl From<RosterEdit>
    for crate::bindings::roster_hook::exports::waxwing::plugin::roster_hook::Edit
{
    fn from(edit: RosterEdit) -> Self {
        match edit {
            RosterEdit::Pass => Self::Pass,
            RosterEdit::Replace(label) => Self::Replace(label),
            RosterEdit::Deny(error) => Self::Deny(error.into()),
        }
    }
}

#[cfg(target_family = "wasm")]
impl From<OutboundVerdict>
    for crate::bindings::roster_hook::exports::waxwing::plugin::roster_hook::OutboundVerdict
{
    fn from(said: OutboundVerdict) -> Self {
        match said {
            OutboundVerdict::Pass => Self::Pass,
            OutboundVerdict::Drop => Self::Drop,
            OutboundVerdict::Bounce(error) => Self::Bounce(error.into()),
        }
    }
}

/// The step of the test harness.
#[cfg(not(target_family = "wasm"))]
mod harness {
    use super::{
        Contact, FaultPolicy, InboundVerdict, OutboundVerdict, RosterEdit, RosterHook,
        RosterItemUpdate, Stanza, StanzaError, SubscriptionAction,
    };
    use crate::bindings::lifecycle::waxwing::plugin::manifest::RosterHookPoints;
    use crate::harness::Harness;
    use crate::native::address;

    impl<P: RosterHook> Harness<P> {
        /// What the clients of an account are shown of these contacts.
        pub fn shown_roster(
            &mut self,
            account: &str,
            contacts: &[Contact],
        ) -> Result<Vec<Contact>, String> {
            let asked = self
                .subscriptions
                .roster(RosterHookPoints::SHOW, None, None);
            self.world.shows = true;
            let shown = self.judged(asked, None, |plugin| plugin.show(account, contacts));
            self.world.shows = false;
            Ok(shown?.unwrap_or_else(|| contacts.to_vec()))
        }

        /// What becomes of a contact to which a client gives a name and groups.
        pub fn updating_contact(
            &mut self,
            account: &str,
            contact: &str,
            label: &RosterItemUpdate,
        ) -> Result<RosterEdit, String> {
            let asked = self.asked(RosterHookPoints::UPDATE, (account, contact), None);
            let pass = RosterEdit::Pass;
            self.judged(asked, pass, |plugin| plugin.update(account, contact, label))
        }

        /// Whether a client may remove a contact.
        pub fn removing_contact(
            &mut self,
            account: &str,
            contact: &str,
        ) -> Result<Result<(), StanzaError>, String> {
            let asked = self.asked(RosterHookPoints::REMOVE, (account, contact), None);
            self.judged(asked, Ok(()), |plugin| plugin.remove(account, contact))
        }

        /// The verdict on a subscription stanza that a client sends to a contact.
        pub fn judge_outbound(
            &mut self,
            account: &str,
            contact: &str,
            word: SubscriptionAction,
        ) -> Result<OutboundVerdict, String> {
            let asked = self.asked(RosterHookPoints::OUTBOUND, (account, contact), Some(word));
            let presence = presence(account, contact, word)?;
            self.judged(asked, OutboundVerdict::Pass, |plugin| {
                plugin.outbound(account, contact, word, &presence)
            })
        }

        /// What becomes of a word that an account is told by a contact.
        pub fn judge_inbound(
            &mut self,
            account: &str,
            contact: &str,
            word: SubscriptionAction,
        ) -> Result<InboundVerdict, String> {
            let asked = self.asked(RosterHookPoints::INBOUND, (account, contact), Some(word));
            let presence = presence(contact, account, word)?;
            self.judged(asked, InboundVerdict::Pass, |plugin| {
                plugin.inbound(account, contact, word, &presence)
            })
        }

        fn asked(
            &self,
            point: RosterHookPoints,
            (account, contact): (&str, &str),
            word: Option<SubscriptionAction>,
        ) -> Option<FaultPolicy> {
            let class = address::sender(&self.world, account, Some(contact));
            self.subscriptions.roster(point, Some(class), word)
        }

        fn judged<R>(
            &mut self,
            asked: Option<FaultPolicy>,
            pass: R,
            f: impl FnOnce(&P) -> R,
        ) -> Result<R, String> {
            let Some(policy) = asked else {
                return Ok(pass);
            };
            match self.call(f) {
                Err(_) if policy == FaultPolicy::Open => Ok(pass),
                judged => judged,
            }
        }
    }

    /// The stanza in which a word is said.
    fn presence(from: &str, to: &str, word: SubscriptionAction) -> Result<Stanza, String> {
        let kind = match word {
            SubscriptionAction::Subscribe => "subscribe",
            SubscriptionAction::Subscribed => "subscribed",
            SubscriptionAction::Unsubscribe => "unsubscribe",
            SubscriptionAction::Unsubscribed => "unsubscribed",
        };
        crate::harness::stanza(&format!(
            "<presence from='{from}' to='{to}' type='{kind}'/>"
        ))
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_roster_hook {
    ($plugin:ty) => {
        const _: () = {
            use ::std::{result::Result, string::String, vec::Vec};
            use $crate::bindings::roster_hook::exports::waxwing::plugin::roster_hook as wit;
            use $crate::RosterHook;

            fn with<R>(f: impl FnOnce(&$plugin) -> R) -> R {
                PLUGIN.with(|slot| slot.lend(f))
            }

            impl wit::Guest for Component {
                fn show(account: String, contacts: Vec<$crate::Contact>) -> wit::View {
                    with(|plugin| RosterHook::show(plugin, &account, &contacts)).into()
                }
                fn update(account: String, contact: String, label: wit::RosterItemUpdate) -> wit::Edit {
                    with(|plugin| RosterHook::update(plugin, &account, &contact, &label)).into()
                }
                fn remove(account: String, contact: String) -> Result<(), $crate::bindings::lifecycle::waxwing::plugin::types::StanzaError> {
                    Result::Ok(with(|plugin| RosterHook::remove(plugin, &account, &contact))?)
                }
                fn outbound(account: String, contact: String, word: $crate::SubscriptionAction, presence: &$crate::Stanza) -> wit::OutboundVerdict {
                    with(|plugin| RosterHook::outbound(plugin, &account, &contact, word, presence)).into()
                }
                fn inbound(account: String, contact: String, word: $crate::SubscriptionAction, presence: &$crate::Stanza) -> wit::InboundVerdict {
                    with(|plugin| RosterHook::inbound(plugin, &account, &contact, word, presence))
                }
            }
        };
        $crate::bindings::roster_hook::export_roster_hook!(Component with_types_in $crate::bindings::roster_hook);
    };
}
