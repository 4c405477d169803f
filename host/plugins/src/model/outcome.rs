//! The outcome of a call that returned, for counters and traces.

use std::fmt;

use waxwing_xmpp::error::Condition;

/// The outcome of a guest's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It returned, and there is nothing to decide.
    Done,
    /// The stanza goes on as it is.
    Pass,
    /// The stanza goes on changed.
    Replace,
    /// The stanza ends.
    Drop,
    /// The stanza goes back with this error.
    Bounce(Condition),
    /// The request was answered.
    Answer,
    /// The request was answered with this error.
    Error(Condition),
}

impl Outcome {
    /// The names, by number.
    pub(crate) const NAMES: [&str; 7] = [
        "done", "pass", "replace", "drop", "bounce", "answer", "error",
    ];

    /// Its number, below that of the names.
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Done => 0,
            Self::Pass => 1,
            Self::Replace => 2,
            Self::Drop => 3,
            Self::Bounce(_) => 4,
            Self::Answer => 5,
            Self::Error(_) => 6,
        }
    }

    /// Its name, without the condition.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.get(self.index()).copied().unwrap_or("done")
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Bounce(condition) | Self::Error(condition) => write!(f, " {}", condition.name()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_a_name_for_each() {
        let names = [
            (Outcome::Done, "done"),
            (Outcome::Pass, "pass"),
            (Outcome::Replace, "replace"),
            (Outcome::Drop, "drop"),
            (
                Outcome::Bounce(Condition::PolicyViolation),
                "bounce policy-violation",
            ),
            (Outcome::Answer, "answer"),
            (Outcome::Error(Condition::Conflict), "error conflict"),
        ];
        for (outcome, name) in names {
            assert_eq!(outcome.to_string(), name);
        }
    }
}
