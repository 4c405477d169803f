//! What a plugin's method gives, as what its export answers.

use crate::bindings;
use crate::{Contact, Handled, Keeping, Promise, RosterEdit, Showing, Verdict, WordSaid};

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

impl From<Keeping> for bindings::offline::exports::waxwing::plugin::offline::Verdict {
    fn from(keeping: Keeping) -> Self {
        match keeping {
            Keeping::Pass => Self::Pass,
            Keeping::Replace(draft) => Self::Replace(draft),
            Keeping::Drop => Self::Drop,
            Keeping::Bounce(error) => Self::Bounce(error.into()),
            Keeping::Handled => Self::Handled,
        }
    }
}

impl From<Showing> for bindings::presence::exports::waxwing::plugin::presence::Verdict {
    fn from(showing: Showing) -> Self {
        match showing {
            Showing::Pass => Self::Pass,
            Showing::Replace(draft) => Self::Replace(draft),
            Showing::Drop => Self::Drop,
        }
    }
}

impl From<Option<Vec<Contact>>>
    for bindings::roster_hook::exports::waxwing::plugin::roster_hook::View
{
    fn from(shown: Option<Vec<Contact>>) -> Self {
        shown.map_or(Self::Pass, Self::Instead)
    }
}

impl From<RosterEdit> for bindings::roster_hook::exports::waxwing::plugin::roster_hook::Edit {
    fn from(edit: RosterEdit) -> Self {
        match edit {
            RosterEdit::Pass => Self::Pass,
            RosterEdit::Change(label) => Self::Change(label),
            RosterEdit::Deny(error) => Self::Deny(error.into()),
        }
    }
}

impl From<WordSaid> for bindings::roster_hook::exports::waxwing::plugin::roster_hook::Saying {
    fn from(said: WordSaid) -> Self {
        match said {
            WordSaid::Pass => Self::Pass,
            WordSaid::Drop => Self::Drop,
            WordSaid::Bounce(error) => Self::Bounce(error.into()),
        }
    }
}

impl From<Promise> for bindings::iq_handler::exports::waxwing::plugin::iq_handler::Handled {
    fn from(promise: Promise) -> Self {
        match promise {
            Promise::Now(Ok(payload)) => Self::Answer(payload.map(|payload| payload.to_xml())),
            Promise::Now(Err(error)) => Self::Refuse(error.into()),
            Promise::Later(seconds) => Self::Later(seconds),
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
