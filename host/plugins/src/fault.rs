//! What can go wrong in a call, and who is at fault.

use std::fmt;

/// Why a call gave no usable answer. The plugin's doing, except [`Fault::Busy`] and [`Fault::Host`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// More CPU time than the call may take.
    CpuBudget,
    /// More calls into the host than one call may make.
    HostCalls,
    /// More memory than a store may have.
    Memory,
    /// The guest trapped, or broke the component model's rules. Says how.
    Trap(String),
    /// `init` of a new instance refused. Says why.
    Init(String),
    /// The answer is not what the interface allows. Says what.
    Answer(String),
    /// Every instance that may exist is busy.
    Busy,
    /// Something of ours failed.
    Host(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CpuBudget => f.write_str("used up its CPU time"),
            Self::HostCalls => f.write_str("called the host too often in one call"),
            Self::Memory => f.write_str("wanted more memory than it may have"),
            Self::Trap(how) => write!(f, "trapped: {how}"),
            Self::Init(why) => write!(f, "init refused: {why}"),
            Self::Answer(what) => write!(f, "gave an answer that is not allowed: {what}"),
            Self::Busy => f.write_str("all instances are busy"),
            Self::Host(what) => write!(f, "the host failed: {what}"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<wasmtime::Error> for Fault {
    fn from(error: wasmtime::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(fault) => fault,
            // The first line of the chain: what follows is the guest's stack, for which the log has no room.
            Err(error) => Self::Trap(
                error
                    .root_cause()
                    .to_string()
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            ),
        }
    }
}
