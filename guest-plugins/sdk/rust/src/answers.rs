//! What a plugin's method gives, as what its export answers.

use crate::bindings;
use crate::{
    Contact, Deferred, Handled, OfflineVerdict, OutboundVerdict, PresenceVerdict, RosterEdit,
    Verdict,
};

/// Two interfaces have the same verdicts, each as a type of its own.
macro_rules! verdicts {
    ($($verdict:ty)*) => {
        $(impl From<Verdict> for $verdict {
            fn from(verdict: Verdict) -> Self {
                match verdict {
                    Verdict::Pass => Self::Pass,
                    Verdict::Replace(draft) => Self::Replace(draft),
                    Verdict::Drop => Self::Drop,
                    Verdict::Bounce(error) => Self::Bounce(error.into()),
                    Verdict::Answer(payload) => {
                        Self::Answer(payload.map(|payload| payload.to_xml()))
                    }
                }
            }
        })*
    };
}

verdicts! {
    bindings::inbound::exports::waxwing::plugin::inbound::Verdict
    bindings::deliver::exports::waxwing::plugin::deliver::Verdict
}

impl From<OfflineVerdict> for bindings::offline::exports::waxwing::plugin::offline::Verdict {
    fn from(keeping: OfflineVerdict) -> Self {
        match keeping {
            OfflineVerdict::Pass => Self::Pass,
            OfflineVerdict::Replace(draft) => Self::Replace(draft),
            OfflineVerdict::Drop => Self::Drop,
            OfflineVerdict::Bounce(error) => Self::Bounce(error.into()),
            OfflineVerdict::Handled => Self::Handled,
        }
    }
}

impl From<PresenceVerdict> for bindings::presence::exports::waxwing::plugin::presence::Verdict {
    fn from(showing: PresenceVerdict) -> Self {
        match showing {
            PresenceVerdict::Pass => Self::Pass,
            PresenceVerdict::Replace(draft) => Self::Replace(draft),
            PresenceVerdict::Drop => Self::Drop,
        }
    }
}

impl From<Option<Vec<Contact>>>
    for bindings::roster_hook::exports::waxwing::plugin::roster_hook::View
{
    fn from(shown: Option<Vec<Contact>>) -> Self {
        shown.map_or(Self::Pass, Self::Replace)
    }
}

impl From<RosterEdit> for bindings::roster_hook::exports::waxwing::plugin::roster_hook::Edit {
    fn from(edit: RosterEdit) -> Self {
        match edit {
            RosterEdit::Pass => Self::Pass,
            RosterEdit::Replace(label) => Self::Replace(label),
            RosterEdit::Deny(error) => Self::Deny(error.into()),
        }
    }
}

impl From<OutboundVerdict>
    for bindings::roster_hook::exports::waxwing::plugin::roster_hook::OutboundVerdict
{
    fn from(said: OutboundVerdict) -> Self {
        match said {
            OutboundVerdict::Pass => Self::Pass,
            OutboundVerdict::Drop => Self::Drop,
            OutboundVerdict::Bounce(error) => Self::Bounce(error.into()),
        }
    }
}

impl From<Deferred> for bindings::iq_handler::exports::waxwing::plugin::iq_handler::Handled {
    fn from(promise: Deferred) -> Self {
        match promise {
            Deferred::Now(Ok(payload)) => Self::Answer(payload.map(|payload| payload.to_xml())),
            Deferred::Now(Err(error)) => Self::Refuse(error.into()),
            Deferred::Later(seconds) => Self::Later(seconds),
        }
    }
}

impl From<Handled> for bindings::component::exports::waxwing::plugin::component::Handled {
    fn from(handled: Handled) -> Self {
        match handled {
            Handled::Done => Self::Done,
            Handled::Answer(payload) => Self::Answer(payload.map(|payload| payload.to_xml())),
            Handled::Bounce(error) => Self::Bounce(error.into()),
            Handled::Later(seconds) => Self::Later(seconds),
        }
    }
}
