//! What plugins are told of accounts.

/// What became of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountEvent {
    /// It was made.
    Registered,
    /// It has a new password.
    PasswordChanged,
    /// It was removed.
    Removed,
    /// The operator disabled it.
    Disabled,
    /// The operator enabled it again.
    Enabled,
}
