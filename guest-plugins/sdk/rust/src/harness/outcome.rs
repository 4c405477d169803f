//! What became of a stanza.

use std::fmt;

use super::reply;
use crate::native::xml;
use crate::{
    Answer, Draft, Element, ErrorCondition, ErrorType, FaultPolicy, Handled, OfflineVerdict,
    PresenceStep, PresenceVerdict, Stanza, StanzaError, Verdict,
};

/// XML that compares by what it means: the order of attributes, prefixes and quotes make no difference, text does.
#[derive(Clone)]
pub struct Xml(Result<Element, String>);

impl Xml {
    /// The tree, unless the text was not well-formed.
    pub fn element(&self) -> Option<&Element> {
        self.0.as_ref().ok()
    }
}

impl From<&str> for Xml {
    fn from(text: &str) -> Self {
        Self(xml::parse(text))
    }
}

impl PartialEq for Xml {
    fn eq(&self, other: &Self) -> bool {
        matches!((&self.0, &other.0), (Ok(one), Ok(another)) if one == another)
    }
}

impl PartialEq<&str> for Xml {
    fn eq(&self, other: &&str) -> bool {
        let other = Self::from(*other);
        self.eq(&other)
    }
}

impl fmt::Debug for Xml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(element) => f.write_str(&element.to_xml()),
            Err(why) => write!(f, "malformed: {why}"),
        }
    }
}

/// What became of a stanza. Comparing with a text compares the XML that the sender gets, or that goes on.
#[derive(Debug, PartialEq)]
#[must_use]
pub enum Outcome {
    /// No filter of the manifest matched: the host does not call the plugin.
    NotAsked,
    /// It goes on as it was.
    Passed,
    /// This goes on instead.
    Replaced(Xml),
    /// It ended without a word.
    Dropped,
    /// Its sender gets this: a result or an error.
    Answered(Xml),
    /// The plugin answers it later, under this token.
    Deferred(u64),
    /// The call panicked, which in a component is a trap; the sender gets the answer, if there is one. With the panic's words.
    Trapped(String, Option<Xml>),
    /// The script itself is wrong: the text is no stanza.
    Malformed(String),
}

impl Outcome {
    /// What the sender gets or what goes on.
    pub fn xml(&self) -> Option<&Xml> {
        match self {
            Self::Replaced(xml) | Self::Answered(xml) | Self::Trapped(_, Some(xml)) => Some(xml),
            _ => None,
        }
    }

    /// The first child of what the sender gets or what goes on: the payload of a result.
    pub fn payload(&self) -> Option<&Element> {
        self.xml()?.element()?.elements().next()
    }
}

impl PartialEq<&str> for Outcome {
    fn eq(&self, other: &&str) -> bool {
        self.xml().is_some_and(|xml| xml == other)
    }
}

/// What the host does, before it is written as a stanza.
pub(crate) enum Pending {
    Pass,
    Replace(Draft),
    Drop,
    Error(StanzaError),
    Result(Option<Element>),
    Done,
    Later(u64),
    Trap(String, Option<StanzaError>),
}

impl Pending {
    pub(crate) fn of_answer(answer: Result<Answer, String>) -> Self {
        match answer {
            Ok(Ok(payload)) => Self::Result(payload),
            Ok(Err(error)) => Self::Error(error),
            Err(words) => Self::Trap(words, Some(fault())),
        }
    }

    pub(crate) fn of_handled(handled: Result<Handled, String>, token: u64) -> Self {
        match handled {
            Ok(Handled::Done) => Self::Done,
            Ok(Handled::Answer(payload)) => Self::Result(payload),
            Ok(Handled::Bounce(error)) => Self::Error(error),
            Ok(Handled::Later(_)) => Self::Later(token),
            Err(words) => Self::Trap(words, Some(fault())),
        }
    }

    pub(crate) fn of_verdict(verdict: Result<Verdict, String>, policy: FaultPolicy) -> Self {
        match verdict {
            Ok(Verdict::Pass) => Self::Pass,
            Ok(Verdict::Replace(draft)) => Self::Replace(draft),
            Ok(Verdict::Drop) => Self::Drop,
            Ok(Verdict::Bounce(error)) => Self::Error(error),
            Ok(Verdict::Answer(payload)) => Self::Result(payload),
            Err(words) => {
                let refused = (policy == FaultPolicy::Closed).then(fault);
                Self::Trap(words, refused)
            }
        }
    }

    pub(crate) fn of_keeping(keeping: Result<OfflineVerdict, String>, policy: FaultPolicy) -> Self {
        match keeping {
            Ok(OfflineVerdict::Pass) => Self::Pass,
            Ok(OfflineVerdict::Replace(draft)) => Self::Replace(draft),
            Ok(OfflineVerdict::Drop | OfflineVerdict::Handled) => Self::Drop,
            Ok(OfflineVerdict::Bounce(error)) => Self::Error(error),
            Err(words) => {
                let refused = (policy == FaultPolicy::Closed).then(fault);
                Self::Trap(words, refused)
            }
        }
    }

    /// Presence whose hook fails closed is refused, but for what says that a session is gone: that is told all the same.
    pub(crate) fn of_showing(
        showing: Result<PresenceVerdict, String>,
        step: PresenceStep,
        policy: FaultPolicy,
        presence: &Stanza,
    ) -> Self {
        let trap = |words| {
            let is_refused = policy == FaultPolicy::Closed && step != PresenceStep::Unavailable;
            Self::Trap(words, is_refused.then(fault))
        };
        match showing {
            Ok(PresenceVerdict::Pass) => Self::Pass,
            Ok(PresenceVerdict::Drop) => Self::Drop,
            Ok(PresenceVerdict::Replace(draft))
                if draft.written_type().as_deref() == presence.element().attribute("type") =>
            {
                Self::Replace(draft)
            }
            Ok(PresenceVerdict::Replace(_)) => {
                trap("the draft is presence of another type".to_owned())
            }
            Err(words) => trap(words),
        }
    }

    pub(crate) fn finish(self, stanza: &Stanza) -> Outcome {
        match self {
            Self::Pass => Outcome::Passed,
            Self::Replace(draft) => Outcome::Replaced(Xml(Ok(draft.into_element()))),
            Self::Drop | Self::Done if reply::is_request(stanza) => {
                reply::error(stanza, &ErrorCondition::ServiceUnavailable.into())
            }
            Self::Drop | Self::Done => Outcome::Dropped,
            Self::Error(error) => reply::error(stanza, &error),
            Self::Result(_) | Self::Later(_) if !reply::is_request(stanza) => {
                Outcome::Trapped("only an iq request can be answered".to_owned(), None)
            }
            Self::Result(payload) => reply::result(stanza, payload),
            Self::Later(token) => Outcome::Deferred(token),
            Self::Trap(words, answer) => {
                let answer = answer.map(|error| reply::error(stanza, &error));
                Outcome::Trapped(words, answer.and_then(|answer| answer.xml().cloned()))
            }
        }
    }
}

impl From<Element> for Xml {
    /// As the peer reads it: written and parsed.
    fn from(element: Element) -> Self {
        Self::from(element.to_xml().as_str())
    }
}

fn fault() -> StanzaError {
    StanzaError::new(ErrorCondition::InternalServerError).of_type(ErrorType::Wait)
}
