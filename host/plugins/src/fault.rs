//! What can go wrong in a call, and who is at fault.

use std::fmt;

use wasmtime::PoolConcurrencyLimitError;

/// Why a call gave no usable answer. The plugin's doing, except [`Fault::PluginMemory`], [`Fault::TotalMemory`],
/// [`Fault::Busy`], [`Fault::Quarantined`] and [`Fault::Host`]: what is all taken is free again when other calls have
/// ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// More CPU time than the call may take.
    CpuBudget,
    /// More calls into the host than one call may make.
    HostCalls,
    /// More memory than a store may have.
    Memory,
    /// More memory than all instances of the plugin may have together.
    PluginMemory,
    /// More memory than the instances of all plugins may have together.
    TotalMemory,
    /// The guest trapped, or broke the component model's rules. Says how.
    Trap(String),
    /// `init` of a new instance refused. Says why.
    Init(String),
    /// The answer is not what the interface allows. Says what.
    Answer(String),
    /// Every instance that may exist is busy, and stayed so for as long as a call waits.
    Busy,
    /// The plugin failed too often lately, and is not called for a while.
    Quarantined,
    /// It ran too long to stay on the stack that it was begun on, and is made again elsewhere.
    RanLong,
    /// Something of ours failed.
    Host(String),
}

/// The kind of a fault, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    CpuBudget,
    HostCalls,
    Memory,
    Trap,
    Init,
    Answer,
    Busy,
    Host,
    PluginMemory,
    TotalMemory,
}

impl FaultKind {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Self; 10] = [
        Self::CpuBudget,
        Self::HostCalls,
        Self::Memory,
        Self::Trap,
        Self::Init,
        Self::Answer,
        Self::Busy,
        Self::Host,
        Self::PluginMemory,
        Self::TotalMemory,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::CpuBudget => "cpu-budget",
            Self::HostCalls => "host-calls",
            Self::Memory => "memory",
            Self::Trap => "trap",
            Self::Init => "init",
            Self::Answer => "answer",
            Self::Busy => "busy",
            Self::Host => "host",
            Self::PluginMemory => "plugin-memory",
            Self::TotalMemory => "total-memory",
        }
    }

    /// Whether it is the plugin's doing, and speaks for its quarantine.
    pub(crate) const fn is_plugins(self) -> bool {
        !matches!(
            self,
            Self::Busy | Self::Host | Self::PluginMemory | Self::TotalMemory
        )
    }
}

impl Fault {
    /// Its kind; none for a call that was not made at all, or is made again.
    pub(crate) const fn kind(&self) -> Option<FaultKind> {
        Some(match self {
            Self::CpuBudget => FaultKind::CpuBudget,
            Self::HostCalls => FaultKind::HostCalls,
            Self::Memory => FaultKind::Memory,
            Self::PluginMemory => FaultKind::PluginMemory,
            Self::TotalMemory => FaultKind::TotalMemory,
            Self::Trap(_) => FaultKind::Trap,
            Self::Init(_) => FaultKind::Init,
            Self::Answer(_) => FaultKind::Answer,
            Self::Busy => FaultKind::Busy,
            Self::Host(_) => FaultKind::Host,
            Self::Quarantined | Self::RanLong => return None,
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CpuBudget => f.write_str("used up its CPU time"),
            Self::HostCalls => f.write_str("called the host too often in one call"),
            Self::Memory => f.write_str("wanted more memory than it may have"),
            Self::PluginMemory => f.write_str(
                "wanted more memory than `plugin_memory_mib` in [plugins] allows all its instances together",
            ),
            Self::TotalMemory => f.write_str(
                "wanted more memory than `memory_mib` in [plugins] allows all plugins together",
            ),
            Self::Trap(how) => write!(f, "trapped: {how}"),
            Self::Init(why) => write!(f, "init refused: {why}"),
            Self::Answer(what) => write!(f, "gave an answer that is not allowed: {what}"),
            Self::Busy => f.write_str("all instances are busy"),
            Self::Quarantined => f.write_str("was not made: the plugin is in quarantine"),
            Self::RanLong => f.write_str("is made again, for it ran long"),
            Self::Host(what) => write!(f, "the host failed: {what}"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<wasmtime::Error> for Fault {
    fn from(error: wasmtime::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(fault) => fault,
            // As many stores as there may be exist: of all plugins, so that this one is not to blame.
            Err(error) if error.is::<PoolConcurrencyLimitError>() => Self::Busy,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_failed_at_is_not_the_plugins_doing() {
        for kind in FaultKind::ALL {
            let is_hosts =
                matches!(kind.name(), "busy" | "host") || kind.name().contains("-memory");
            assert_ne!(kind.is_plugins(), is_hosts, "{}", kind.name());
        }
        assert_eq!(Fault::Quarantined.kind(), None);
        assert_eq!(Fault::from(wasmtime::Error::from(Fault::Busy)), Fault::Busy);
    }

    #[test]
    fn kinds_are_numbered_as_they_are_listed() {
        for (number, kind) in FaultKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
    }
}
