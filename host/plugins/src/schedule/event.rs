//! The entries of the platform's timer queue.

/// An event whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ScheduledEvent {
    /// A timer of a plugin.
    Timer {
        /// The plugin.
        plugin: String,
        /// Its name.
        name: String,
    },
    /// A request of a plugin, by its id, was not answered.
    NoReply(String),
    /// A plugin did not answer the request of this token.
    NoAnswer(u64),
}
